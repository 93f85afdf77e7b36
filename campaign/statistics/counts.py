"""What X counts: of posts, saved as snapshots and made into a rate; the posts of a time; the followers day by day."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, cast, delete, exists, func, insert, literal_column, union_all
from sqlalchemy import Date as SqlDate
from sqlmodel import Session, col, select

from campaign.db.engine import is_on_postgresql
from campaign.formatting import iso, usd
from campaign.x.types import PostCounts
from models import (
    MAIN,
    NO_VISITOR,
    AudienceDay,
    Delivery,
    DeliveryKind,
    Message,
    MessageState,
    PastSubscription,
    PostMetrics,
    Service,
    Subscription,
    SyncRun,
    SyncState,
)

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


@dataclass(frozen=True, slots=True)
class PostNumbers:
    """A post that went out, with the last counts that X gave."""

    delivery: str
    """The internal name of its delivery."""
    label: str
    service: str
    handle: str
    part: int
    x_id: str
    published_at: datetime | None = None
    engagement: Engagement = field(default_factory=Engagement)
    counted_at: datetime | None = None
    """None before X was asked."""
    deleted_at: datetime | None = None
    """When it was deleted by us, or found missing on X; its last counts stay."""

    @property
    def address(self) -> str:
        """Returns the address on X, also of a deleted post."""
        return f"https://x.com/{self.handle}/status/{self.x_id}"

    def as_json(self) -> dict[str, object]:
        """Returns the post for scripts."""
        return {
            "delivery": self.delivery,
            "service": self.service,
            "part": self.part,
            "x_id": self.x_id,
            "link": self.address,
            "published_at": iso(self.published_at),
            "counted_at": iso(self.counted_at),
            "deleted_at": iso(self.deleted_at),
            **self.engagement.as_json(),
            "engagement_rate": rounded(self.engagement.rate),
        }


class OfPosts:
    """The counts of all posts of a report together."""

    __slots__ = ()
    posts: tuple[PostNumbers, ...]

    @property
    def engagement(self) -> Engagement:
        """Adds up the counts of all the posts."""
        return added(post.engagement for post in self.posts)

    @property
    def rate(self) -> float | None:
        """Divides reactions by impressions, of the posts whose impressions are known."""
        return rate_of(post.engagement for post in self.posts)


MOST_BEST = 10


@dataclass(frozen=True, slots=True)
class Hour:
    """The posts that went out in one hour of the day: how many, and the average of their rates."""

    hour: int
    posts: int = 0
    rate: float | None = None

    def as_json(self) -> dict[str, object]:
        """Returns the hour for scripts."""
        return {"hour": self.hour, "posts": self.posts, "engagement_rate": rounded(self.rate)}


def by_hour(posts: Sequence[PostNumbers], timezone: str) -> tuple[Hour, ...]:
    """Averages the rates of each of the 24 hours of a time zone; all posts weigh the same, however often shown."""
    zone, found = ZoneInfo(timezone), defaultdict[int, list[float | None]](list)
    for post in posts:
        if post.published_at:
            found[post.published_at.astimezone(zone).hour].append(post.engagement.rate)
    known = {hour: [rate for rate in rates if rate is not None] for hour, rates in found.items()}
    return tuple(
        Hour(hour, len(found.get(hour, ())), fmean(known[hour]) if known.get(hour) else None) for hour in range(24)
    )


def best(posts: Sequence[PostNumbers], at_most: int = MOST_BEST) -> tuple[PostNumbers, ...]:
    """Selects the posts with the most reactions, and among equals those with the best rate; none without any."""
    liked = [post for post in posts if post.engagement.reactions]
    liked.sort(key=lambda post: (post.engagement.reactions or 0, post.engagement.rate or 0), reverse=True)
    return tuple(liked[:at_most])


def of_deliveries(session: Session, delivery_ids: Sequence[int]) -> dict[int, list[PostNumbers]]:
    """Reads the posts of these deliveries, by account and part."""
    found: dict[int, list[PostNumbers]] = {delivery_id: [] for delivery_id in delivery_ids}
    for row in session.execute(_posts(col(Message.delivery_id).in_(delivery_ids))):
        found[row.delivery_id].append(_post(row))
    return found


def of_last_deliveries(session: Session, service_id: int, last: int) -> dict[int, list[PostNumbers]]:
    """Reads the posts of the last deliveries of a service that had any there, by delivery, the newest first."""
    of_it = col(Message.delivery_id) == col(Delivery.id), col(Message.service_id) == service_id
    # From the deliveries to their messages: those of a service may be millions, of broadcasts nearly all of them.
    newest = select(col(Delivery.id)).where(col(Delivery.kind) == DeliveryKind.POST, exists().where(*_out(*of_it)))
    ids = list(session.scalars(newest.order_by(col(Delivery.id).desc()).limit(last)))
    found: dict[int, list[PostNumbers]] = {delivery_id: [] for delivery_id in ids}
    for row in session.execute(_posts(col(Message.delivery_id).in_(ids), col(Message.service_id) == service_id)):
        found[row.delivery_id].append(_post(row))
    return found


def posts_since(session: Session, moment: datetime) -> dict[int, list[PostNumbers]]:
    """Reads the posts of all services that went out since a moment, by service."""
    found: dict[int, list[PostNumbers]] = defaultdict(list)
    posts = select(col(Delivery.id)).where(col(Delivery.kind) == DeliveryKind.POST)
    for row in session.execute(_posts(col(Message.delivery_id).in_(posts), col(Message.armed_at) >= moment)):
        found[row.service_id].append(_post(row))
    return found


def _out(*chosen: ColumnElement[bool]) -> tuple[ColumnElement[bool], ...]:
    return (
        *chosen,
        col(Message.proof_number) == MAIN,
        col(Message.visitor_id) == NO_VISITOR,
        col(Message.state) == MessageState.SENT,
        col(Message.x_id).is_not(None),
    )


def _posts(*chosen: ColumnElement[bool]) -> Select[Any]:
    wanted = select(col(Message.id)).where(*_out(*chosen))
    of_them = col(PostMetrics.message_id).in_(wanted)
    newest = select(func.max(col(PostMetrics.id))).where(of_them, ~col(PostMetrics.is_gone))
    missing = select(col(PostMetrics.message_id), func.min(col(PostMetrics.taken_at)).label("at"))
    gone = missing.where(of_them, col(PostMetrics.is_gone)).group_by(col(PostMetrics.message_id)).subquery("gone")
    is_last = col(PostMetrics.id).in_(newest.group_by(col(PostMetrics.message_id)))
    columns = (
        Message.delivery_id, Message.service_id, Message.part, Message.x_id, Message.armed_at, Message.withdrawn_at,
        Delivery.name, Delivery.label, Service.internal_name, Service.x_username,
        PostMetrics.taken_at, *(getattr(PostMetrics, name) for name in NUMBERS), gone.c.at,
    )  # fmt: skip
    posts: Select[Any] = (
        select(*columns)
        .join(Delivery, col(Delivery.id) == col(Message.delivery_id))
        .join(Service, col(Service.id) == col(Message.service_id))
        .outerjoin(PostMetrics, (col(PostMetrics.message_id) == col(Message.id)) & is_last)
        .outerjoin(gone, gone.c.message_id == col(Message.id))
        .where(*_out(*chosen))
        .order_by(col(Message.delivery_id).desc(), col(Message.service_id), col(Message.part))
    )
    return posts


def _post(row: Row[Any]) -> PostNumbers:
    return PostNumbers(
        delivery=row.name,
        label=row.label,
        service=row.internal_name,
        handle=row.x_username or row.internal_name,
        part=row.part,
        x_id=row.x_id,
        published_at=row.armed_at,
        engagement=Engagement(**{name: getattr(row, name) for name in NUMBERS}),
        counted_at=row.taken_at,
        deleted_at=row.withdrawn_at or row.at,
    )


_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Day:
    """One day (UTC): who follows at its end, who began and who ended in it."""

    day: date
    followers: int
    gained: int
    lost: int

    def as_json(self) -> dict[str, object]:
        """Returns the day for scripts."""
        return {"day": self.day.isoformat(), "followers": self.followers, "gained": self.gained, "lost": self.lost}


def days_of(
    first: date, last: date, followers: int, gained: Mapping[date, int], lost: Mapping[date, int]
) -> Iterator[Day]:
    """Yields every day from the first to the last, also those without a change.

    `followers` were there at the beginning: those that the first sync found are no gain.
    """
    day = first
    while day <= last:
        followers += gained.get(day, 0) - lost.get(day, 0)
        yield Day(day, followers, gained.get(day, 0), lost.get(day, 0))
        day += _DAY


def audience_of(session: Session, service_id: int, now: datetime) -> list[Day]:
    """Counts the days of a service from its first complete sync until now, all of them again; only reads."""
    is_finished = col(SyncRun.service_id) == service_id, col(SyncRun.state) == SyncState.FINISHED
    begin: datetime | None = session.scalar(select(func.min(col(SyncRun.finished_at))).where(*is_finished))
    if begin is None:
        return []
    # With the earlier followings of people who came back.
    current = select(Subscription.began_at, Subscription.ended_at).where(col(Subscription.service_id) == service_id)
    earlier = select(PastSubscription.began_at, PastSubscription.ended_at)
    of_service = col(PastSubscription.service_id) == service_id
    following: Any = union_all(current, earlier.where(of_service)).subquery("following")
    had_not_ended = following.c.ended_at.is_(None) | (following.c.ended_at > begin)
    was_there = following.c.began_at <= begin, had_not_ended
    followers = session.scalar(select(func.count()).select_from(following).where(*was_there)) or 0
    gained, lost = (_per_day(session, moment, begin) for moment in (following.c.began_at, following.c.ended_at))
    return list(days_of(begin.astimezone(UTC).date(), now.astimezone(UTC).date(), followers, gained, lost))


def _per_day(session: Session, moment: Any, after: datetime) -> dict[date, int]:
    """Counts how many of these moments are on each day (UTC)."""
    if is_on_postgresql(session):
        day: ColumnElement[Any] = cast(func.timezone(literal_column("'UTC'"), moment), SqlDate)
    else:
        day = func.date(moment)  # moments are text in UTC
    counted = session.execute(select(day, func.count()).where(moment > after).group_by(day))
    return {date.fromisoformat(str(found)): count for found, count in counted}


def save_audience(session: Session, service_id: int, days: Sequence[Day]) -> None:
    """Writes the days of a service over those that were known; may be repeated at any time."""
    session.execute(delete(AudienceDay).where(col(AudienceDay.service_id) == service_id))
    if days:
        session.execute(insert(AudienceDay), [{"service_id": service_id, **asdict(day)} for day in days])


def days_since(session: Session, service_id: int, day: date | None = None) -> list[Day]:
    """Reads the days of a service in their order, from a day on."""
    days = select(AudienceDay).where(col(AudienceDay.service_id) == service_id).order_by(col(AudienceDay.day))
    if day is not None:
        days = days.where(col(AudienceDay.day) >= day)
    return [Day(one.day, one.followers, one.gained, one.lost) for one in session.exec(days)]


def changes_of_all(session: Session, now: datetime, last_days: int) -> dict[int, tuple[int, int, int]]:
    """Reads the followers now, gained and lost in the last days, of every service that was counted."""
    since = now.astimezone(UTC).date() - timedelta(days=last_days)
    newest = select(col(AudienceDay.service_id), func.max(col(AudienceDay.day)).label("day"))
    last = newest.group_by(col(AudienceDay.service_id)).subquery("newest")
    is_last = (col(AudienceDay.service_id) == last.c.service_id) & (col(AudienceDay.day) == last.c.day)
    followers = select(AudienceDay.service_id, AudienceDay.followers).join(last, is_last)
    sums = select(
        col(AudienceDay.service_id), func.sum(col(AudienceDay.gained)), func.sum(col(AudienceDay.lost))
    ).where(col(AudienceDay.day) > since)
    changed = {
        service_id: (int(gained), int(lost))
        for service_id, gained, lost in session.execute(sums.group_by(col(AudienceDay.service_id)))
    }
    return {service_id: (count, *changed.get(service_id, (0, 0))) for service_id, count in session.execute(followers)}
