"""The posts that went out, with the counts of X."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, exists, func
from sqlmodel import Session, col, select

from campaign.formatting import iso
from campaign.statistics.counts import NUMBERS, Engagement, added, rate_of, rounded
from models import MAIN, NO_VISITOR, Delivery, DeliveryKind, Message, MessageState, PostMetrics, Service


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
