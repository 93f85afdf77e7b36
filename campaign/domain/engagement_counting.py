"""What came of counting the posts of a service, in the words of its report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from campaign.domain.engagement import NUMBERS, Engagement
from campaign.domain.post_counts import PostCounts
from campaign.domain.spending import usd


class CountState(StrEnum):
    """Where the counting of a service stands."""

    FINISHED = "finished"
    WAITING = "waiting"
    """X allows no more calls now; goes on by itself."""
    REFUSED = "refused"
    """The spend cap leaves too little: nothing more was asked."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CountReport:
    """One service's line: posts counted, found deleted, and what it cost in US dollars."""

    service: str
    state: CountState
    posts: int = 0
    deleted: int = 0
    days: int = 0
    """Days of its audience that are known."""
    cost: Decimal = Decimal(0)
    goes_on_at: datetime | None = None
    reason: str = ""

    @property
    def is_unhappy(self) -> bool:
        """Whether a person has to do something."""
        return self.state in {CountState.REFUSED, CountState.FAILED}

    def after(self, earlier: "CountReport | None") -> "CountReport":
        """This one with what an earlier part of the same run did."""
        if earlier is None:
            return self
        sums = {name: getattr(earlier, name) + getattr(self, name) for name in ("posts", "deleted", "cost")}
        return replace(self, **sums)

    def as_row(self) -> dict[str, str]:
        """The line as people read it, in a table."""
        return {
            "Service": self.service,
            "State": self.state.value,
            "Posts counted": f"{self.posts:,}",
            "Found deleted": f"{self.deleted:,}",
            "Days of audience": f"{self.days:,}",
            "Cost": usd(self.cost),
            "Goes on at": f"{self.goes_on_at:%Y-%m-%d %H:%M:%S %Z}" if self.goes_on_at else "",
            "Reason": self.reason,
        }


def told(several: Iterable[PostCounts], message_ids: Mapping[str, int]) -> dict[int, Engagement]:
    """The numbers of our posts by message; a post that X tells nothing of keeps the numbers it had."""
    wanted = (one for one in several if one.x_id in message_ids)
    numbers = {message_ids[one.x_id]: _engagement(one) for one in wanted}
    return {message_id: each for message_id, each in numbers.items() if each != Engagement()}


def gone(several: Iterable[PostCounts], asked: Sequence[str]) -> set[str]:
    """Which of the posts that were looked up X does not show any more."""
    return set(asked) - {one.x_id for one in several}


def _engagement(counts: PostCounts) -> Engagement:
    return Engagement(**{name: getattr(counts, name) for name in NUMBERS})
