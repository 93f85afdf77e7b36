"""The counts that X gives of posts: read, saved as snapshots, and made into a rate."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import exists, insert
from sqlmodel import Session, col, select

from campaign.formatting import usd
from campaign.x.types import PostCounts
from models import MAIN, NO_VISITOR, Delivery, DeliveryKind, Message, MessageState, PostMetrics

KINDS = ("reposts", "likes", "replies", "quotes", "bookmarks")
"""The kinds of reactions."""


@dataclass(frozen=True, slots=True)
class Engagement:
    """The counts of X for one post, or for several together; None is a count that X did not give."""

    reposts: int | None = None
    likes: int | None = None
    replies: int | None = None
    quotes: int | None = None
    bookmarks: int | None = None
    impressions: int | None = None
    """The number of times it was shown."""
    link_visits: int | None = None
    """As X counts them; X gives them only to the account itself, for 30 days."""

    @property
    def reactions(self) -> int | None:
        """Adds up all kinds; None when X gave none of them."""
        return _sum(getattr(self, kind) for kind in KINDS)

    @property
    def rate(self) -> float | None:
        """Divides reactions by impressions; None when it was not shown, or X gave no counts."""
        if not self.impressions or self.reactions is None:
            return None
        return self.reactions / self.impressions

    def as_json(self) -> dict[str, int | None]:
        """Returns the counts for scripts."""
        return {name: getattr(self, name) for name in NUMBERS} | {"reactions": self.reactions}


NUMBERS = tuple(field.name for field in fields(Engagement))
"""The names of all counts, which are the columns of a snapshot."""


def added(several: Iterable[Engagement]) -> Engagement:
    """Adds up the counts of several posts; one that X gave for none of them stays unknown."""
    posts = list(several)
    return Engagement(**{name: _sum(getattr(one, name) for one in posts) for name in NUMBERS})


def rate_of(several: Iterable[Engagement]) -> float | None:
    """Divides reactions by impressions, of all the posts whose impressions X gave."""
    return added(one for one in several if one.rate is not None).rate


def rounded(rate: float | None) -> float | None:
    """Rounds a rate for scripts: six places are a hundredth of a percent of a percent."""
    return None if rate is None else round(rate, 6)


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


COUNTED_FOR = timedelta(days=30)
"""X gives an account the link visits of its own posts for so long (docs.x.com, metrics)."""
ONCE_IN = timedelta(hours=12)
"""A run that continues another one does not count again what was counted this recently."""


@dataclass(frozen=True, slots=True)
class Prices:
    """The price of one post in US dollars: looked up by its id, and on the account's own timeline."""

    look_up: Decimal
    timeline: Decimal


def is_timeline_cheaper(posts: int, shortest_page: int, prices: Prices) -> bool:
    """Returns whether so many posts are read more cheaply from the timeline, even if only they were on it.

    X shows at least `shortest_page` posts of a timeline.
    """
    return prices.timeline * max(posts, shortest_page) < prices.look_up * posts


def most_on_timeline(posts: int, prices: Prices) -> int:
    """Returns how many posts of the timeline may be read for so many wanted ones, for the price of looking them up.

    Posts that the account publishes by other means are on the timeline as well, and cost as much.
    """
    return int(prices.look_up * posts / prices.timeline)


def estimate(posts: int, shortest_page: int, prices: Prices) -> Decimal:
    """Returns what reading so many posts costs at least, in US dollars."""
    if is_timeline_cheaper(posts, shortest_page, prices):
        return prices.timeline * max(posts, shortest_page)
    return prices.look_up * posts


def refusal_of(posts: int, cost: Decimal, left: Decimal, cap: Decimal) -> str | None:
    """Returns why reading the counts of so many posts is refused, with the ways out; None when it is not."""
    if cost <= left:
        return None
    return (
        f"Reading the counts of {posts:,} posts costs about {usd(cost)}, and {usd(left)} of this month's cap of"
        f" {usd(cap)} is left: raise the spend cap of the service, or wait for the next month."
    )


def asked_since(now: datetime) -> datetime:
    """Returns the moment before which posts went out that X is not asked for any more."""
    return now - COUNTED_FOR


class CountState(StrEnum):
    """The state of the counting of a service."""

    FINISHED = "finished"
    WAITING = "waiting"
    """X allows no more calls now; continues by itself."""
    REFUSED = "refused"
    """The spend cap leaves too little: nothing more was asked."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CountReport:
    """The line of one service: posts counted, found deleted, and what it cost in US dollars."""

    service: str
    state: CountState
    posts: int = 0
    deleted: int = 0
    left_out: int = 0
    """Posts that X showed and that could not be read."""
    days: int = 0
    """Days of its audience that are known."""
    cost: Decimal = Decimal(0)
    goes_on_at: datetime | None = None
    reason: str = ""

    @property
    def is_unhappy(self) -> bool:
        """Returns whether a person has to do something."""
        return self.state in {CountState.REFUSED, CountState.FAILED}

    def after(self, earlier: "CountReport | None") -> "CountReport":
        """Returns this report with what an earlier part of the same run did."""
        if earlier is None:
            return self
        sums = {name: getattr(earlier, name) + getattr(self, name) for name in ("posts", "deleted", "left_out", "cost")}
        return replace(self, **sums)

    def as_row(self) -> dict[str, str]:
        """Returns the row of a table."""
        return {
            "Service": self.service,
            "State": self.state.value,
            "Posts counted": f"{self.posts:,}",
            "Found deleted": f"{self.deleted:,}",
            "Left out": f"{self.left_out:,}",
            "Days of audience": f"{self.days:,}",
            "Cost": usd(self.cost),
            "Goes on at": f"{self.goes_on_at:%Y-%m-%d %H:%M:%S %Z}" if self.goes_on_at else "",
            "Reason": self.reason,
        }


def engagement_by_message(several: Iterable[PostCounts], message_ids: Mapping[str, int]) -> dict[int, Engagement]:
    """Returns the counts of our posts by message; a post of which X gives none keeps those it had."""
    counts = {
        message_ids[one.x_id]: Engagement(**{name: getattr(one, name) for name in NUMBERS})
        for one in several
        if one.x_id in message_ids
    }
    return {message_id: each for message_id, each in counts.items() if each != Engagement()}


@dataclass(frozen=True, slots=True)
class PostToCount:
    """A post of ours that X may still show."""

    message_id: int
    x_id: str
    published_at: datetime


def posts_to_count(
    session: Session, service_id: int, since: datetime, not_counted_since: datetime | None = None
) -> list[PostToCount]:
    """Finds the posts of a service that went out since a moment, the newest first, without proofs and deleted ones.

    With `not_counted_since` only those of which there is no snapshot since then.
    """
    gone = exists().where(col(PostMetrics.message_id) == col(Message.id), col(PostMetrics.is_gone))
    posts = (
        select(Message.id, Message.x_id, Message.armed_at)
        # By delivery: the messages of a service may be millions, of broadcasts nearly all of them.
        .where(
            col(Message.delivery_id).in_(select(Delivery.id).where(col(Delivery.kind) == DeliveryKind.POST)),
            col(Message.proof_number) == MAIN,
            col(Message.service_id) == service_id,
            col(Message.visitor_id) == NO_VISITOR,
            col(Message.state) == MessageState.SENT,
            col(Message.x_id).is_not(None),
            col(Message.withdrawn_at).is_(None),
            col(Message.armed_at) >= since,
            ~gone,
        )
    )
    if not_counted_since is not None:
        snapshot = exists().where(col(PostMetrics.message_id) == col(Message.id))
        posts = posts.where(~snapshot.where(col(PostMetrics.taken_at) >= not_counted_since))
    rows = session.exec(posts.order_by(col(Message.id).desc()))
    return [PostToCount(message_id, x_id, at) for message_id, x_id, at in rows if x_id and at]


def record(session: Session, counted: Mapping[int, Engagement], gone: Iterable[int], now: datetime) -> None:
    """Saves a snapshot of each post by its message id, and that X does not show the `gone` ones any more."""
    rows = [{"message_id": message_id, "is_gone": False, **asdict(numbers)} for message_id, numbers in counted.items()]
    rows += [{"message_id": message_id, "is_gone": True, **asdict(Engagement())} for message_id in gone]
    if rows:
        session.execute(insert(PostMetrics), [{**row, "taken_at": now} for row in rows])
