"""Posts that went out, each with the last numbers that X told of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, exists, func
from sqlmodel import Session, col, select

from campaign.domain.engagement import NUMBERS, Engagement
from campaign.domain.engagement_posts import PostNumbers
from models import MAIN, NOBODY, Delivery, DeliveryKind, Message, MessageState, PostMetrics, Service


def of_deliveries(session: Session, delivery_ids: list[int]) -> dict[int, list[PostNumbers]]:
    """The posts of these deliveries, by account and part."""
    found: dict[int, list[PostNumbers]] = {delivery_id: [] for delivery_id in delivery_ids}
    for row in session.execute(_posts(col(Message.delivery_id).in_(delivery_ids))):
        found[row.delivery_id].append(_post(row))
    return found


def of_last_deliveries(session: Session, service_id: int, last: int) -> dict[int, list[PostNumbers]]:
    """The posts of the last deliveries of a service that had any there, by delivery, the newest first."""
    of_it = col(Message.delivery_id) == col(Delivery.id), col(Message.service_id) == service_id
    # From the deliveries to their messages: those of a service may be millions, of broadcasts nearly all of them.
    newest = select(col(Delivery.id)).where(col(Delivery.kind) == DeliveryKind.POST, exists().where(*_out(*of_it)))
    ids = list(session.scalars(newest.order_by(col(Delivery.id).desc()).limit(last)))
    chosen = col(Message.delivery_id).in_(ids), col(Message.service_id) == service_id
    found: dict[int, list[PostNumbers]] = {delivery_id: [] for delivery_id in ids}
    for row in session.execute(_posts(*chosen)):
        found[row.delivery_id].append(_post(row))
    return found


def since(session: Session, moment: datetime) -> dict[int, list[PostNumbers]]:
    """The posts of all services that went out since a moment, by service."""
    found: dict[int, list[PostNumbers]] = {}
    posts = select(col(Delivery.id)).where(col(Delivery.kind) == DeliveryKind.POST)
    for row in session.execute(_posts(col(Message.delivery_id).in_(posts), col(Message.armed_at) >= moment)):
        found.setdefault(row.service_id, []).append(_post(row))
    return found


def _out(*chosen: ColumnElement[bool]) -> tuple[ColumnElement[bool], ...]:
    return (
        *chosen,
        col(Message.proof_number) == MAIN,
        col(Message.visitor_id) == NOBODY,
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
