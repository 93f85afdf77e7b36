"""Snapshots of what X counts for posts: which posts are asked for, and what came of asking."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import exists, insert
from sqlmodel import Session, col, select

from campaign.domain.engagement import Engagement
from models import MAIN, NOBODY, Delivery, DeliveryKind, Message, MessageState, PostMetrics


@dataclass(frozen=True, slots=True)
class PostToCount:
    """A post of ours that X may still show."""

    message_id: int
    x_id: str
    published_at: datetime


def posts_to_count(
    session: Session, service_id: int, since: datetime, not_counted_since: datetime | None = None
) -> list[PostToCount]:
    """The posts of a service that went out since a moment, the newest first, but for proofs and deleted ones.

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
            col(Message.visitor_id) == NOBODY,
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
    """Keep a snapshot of each post by its message id, and that X does not show the `gone` ones any more."""
    rows = [{"message_id": message_id, "is_gone": False, **asdict(numbers)} for message_id, numbers in counted.items()]
    rows += [{"message_id": message_id, "is_gone": True, **asdict(Engagement())} for message_id in gone]
    if rows:
        session.execute(insert(PostMetrics), [{**row, "taken_at": now} for row in rows])
