"""The followers of a service day by day. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Day:
    """One day (UTC): who follows at its end, who began and who ended in it."""

    day: date
    followers: int
    gained: int
    lost: int

    def as_json(self) -> dict[str, object]:
        """The day as scripts read it."""
        return {"day": self.day.isoformat(), "followers": self.followers, "gained": self.gained, "lost": self.lost}


def days_of(
    first: date, last: date, followers: int, gained: Mapping[date, int], lost: Mapping[date, int]
) -> Iterator[Day]:
    """Every day from the first to the last, those without a change too; `followers` were there at the beginning.

    Whoever the first reading found was there before: that is the beginning, and no gain.
    """
    day = first
    while day <= last:
        followers += gained.get(day, 0) - lost.get(day, 0)
        yield Day(day, followers, gained.get(day, 0), lost.get(day, 0))
        day += _DAY
