"""Deliveries: found, and what tells one from another."""

from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, bindparam, exists
from sqlmodel import Session, col, select

from campaign.errors import WrongUsage
from models import Delivery, DeliveryKind, DeliveryState, DeliveryTarget, Service

_TARGET_IDS = (
    select(col(DeliveryTarget.service_id))
    .where(col(DeliveryTarget.delivery_id) == bindparam("delivery_id"))
    .order_by(col(DeliveryTarget.service_id))
)


def targets_of(session: Session, delivery: Delivery) -> list[Service]:
    """The services a delivery goes to, in the order of their making."""
    chosen = select(Service).join(DeliveryTarget, col(DeliveryTarget.service_id) == col(Service.id))
    return list(session.exec(chosen.where(col(DeliveryTarget.delivery_id) == delivery.id).order_by(col(Service.id))))


def stamp_of(session: Session, delivery: Delivery) -> str:
    """A short text that is another one as soon as anything is changed that goes out, whichever way it was changed."""
    targets = list(session.scalars(_TARGET_IDS, {"delivery_id": delivery.id}))
    parts = (
        delivery.content,
        delivery.broadcast,
        targets,
        delivery.contact_date,
        delivery.validity_days,
        delivery.confirmed_fingerprint,
        delivery.is_invitation,
        delivery.tracking,
    )
    return sha256(repr(parts).encode()).hexdigest()


def is_expired(delivery: Delivery, now: datetime) -> bool:
    """Whether the time in which a delivery may go out is over."""
    begins = delivery.contact_date or delivery.confirmed_at
    return begins is not None and now > begins + timedelta(days=delivery.validity_days)


def get(session: Session, delivery_id: int) -> Delivery:
    """Read one delivery."""
    return session.get_one(Delivery, delivery_id)


def named(session: Session, name: str) -> Delivery:
    """Find a delivery by its internal name; raises WrongUsage in one sentence when there is none."""
    found: Delivery | None = session.scalar(select(Delivery).where(col(Delivery.name) == name))
    if found is None:
        raise WrongUsage(f"There is no delivery {name!r}; `campaign delivery list` shows them.")
    return found


def composed_by(session: Session, flow_run_id: str) -> Delivery | None:
    """The delivery that a run made, when it is started again after a question or a crash."""
    return session.scalar(select(Delivery).where(col(Delivery.flow_run_id) == flow_run_id))


def names_like(session: Session, beginning: str) -> set[str]:
    """The internal names that begin so."""
    return set(session.exec(select(Delivery.name).where(col(Delivery.name).startswith(beginning, autoescape=True))))


def due(session: Session, now: datetime) -> list[Delivery]:
    """The posts that are confirmed or under way and whose time has come, the oldest first."""
    ready = col(Delivery.state).in_([DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS])
    is_time = col(Delivery.contact_date).is_(None) | (col(Delivery.contact_date) <= now)
    posts = select(Delivery).where(ready, is_time, col(Delivery.kind) == DeliveryKind.POST)
    return list(session.exec(posts.order_by(col(Delivery.id))))


def listed(
    session: Session,
    *,
    state: DeliveryState | None = None,
    kind: DeliveryKind | None = None,
    service_id: int | None = None,
    since: datetime | None = None,
    limit: int = 50,
) -> list[Delivery]:
    """The newest deliveries that fit."""
    wanted: list[ColumnElement[bool]] = []
    if state is not None:
        wanted.append(col(Delivery.state) == state)
    if kind is not None:
        wanted.append(col(Delivery.kind) == kind)
    if since is not None:
        wanted.append(col(Delivery.created_at) >= since)
    if service_id is not None:
        aimed = exists().where(
            col(DeliveryTarget.delivery_id) == col(Delivery.id), col(DeliveryTarget.service_id) == service_id
        )
        wanted.append(aimed)
    return list(session.exec(select(Delivery).where(*wanted).order_by(col(Delivery.id).desc()).limit(limit)))
