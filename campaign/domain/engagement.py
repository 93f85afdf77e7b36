"""What people did with a post, as X counts it, and the rate that is made of it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

KINDS = ("reposts", "likes", "replies", "quotes", "bookmarks")
"""What counts as a reaction."""


@dataclass(frozen=True, slots=True)
class Engagement:
    """What X counted for one post, or for several together; None is what X did not tell."""

    reposts: int | None = None
    likes: int | None = None
    replies: int | None = None
    quotes: int | None = None
    bookmarks: int | None = None
    impressions: int | None = None
    """How often it was shown."""
    link_visits: int | None = None
    """As X counts them; only the account itself is told, for 30 days."""

    @property
    def reactions(self) -> int | None:
        """All kinds together; None when X told of no kind."""
        return _sum(getattr(self, kind) for kind in KINDS)

    @property
    def rate(self) -> float | None:
        """Reactions for each time it was shown; None when it was not shown, or X did not tell."""
        if not self.impressions or self.reactions is None:
            return None
        return self.reactions / self.impressions

    def as_json(self) -> dict[str, int | None]:
        """The numbers as scripts read them."""
        return {name: getattr(self, name) for name in NUMBERS} | {"reactions": self.reactions}


NUMBERS = tuple(field.name for field in fields(Engagement))
"""The names of all numbers, as the columns of a snapshot are called."""


def added(several: Iterable[Engagement]) -> Engagement:
    """The numbers of several posts together; one that X told for none of them stays unknown."""
    posts = list(several)
    return Engagement(**{name: _sum(getattr(one, name) for one in posts) for name in NUMBERS})


def rate_of(several: Iterable[Engagement]) -> float | None:
    """Reactions for each time shown, of all the posts whose impressions X told."""
    return added(one for one in several if one.rate is not None).rate


def rounded(rate: float | None) -> float | None:
    """A rate as scripts read it: six places are a hundredth of a percent of a percent."""
    return None if rate is None else round(rate, 6)


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
