"""Broadcasts under way: which comes next on a service, and what is known of how they go."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, case
from sqlmodel import Session, col, select

from models import MAIN, Delivery, DeliveryKind, DeliveryState, DeliveryTarget, Message, MessageState, Priority, Service

_ORDER = case({priority.value: place for place, priority in enumerate(Priority)}, value=col(Delivery.priority))
_OPEN = (DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS, DeliveryState.PAUSED)
#: So many of the last outcomes are looked at, see campaign.domain.breaker.
_LAST = 100
_SAME_APP = (
    select(col(Service.id))
    .where(
        ((col(Service.app) == bindparam("app")) & (col(Service.app) != ""))
        | (col(Service.id) == bindparam("service_id"))
    )
    .order_by(col(Service.id))
)
_SAME_APP_LOCKED = _SAME_APP.with_for_update()
_UNDER_WAY = (
    select(Delivery)
    .where(col(Delivery.kind) == DeliveryKind.DM, col(Delivery.state) == DeliveryState.IN_PROGRESS)
    .order_by(_ORDER.desc(), col(Delivery.id))
)
_UNDER_WAY_ON = _UNDER_WAY.join(DeliveryTarget, col(DeliveryTarget.delivery_id) == col(Delivery.id)).where(
    col(DeliveryTarget.service_id) == bindparam("service_id")
)


def under_way(session: Session, service_id: int | None = None) -> list[Delivery]:
    """The broadcasts in progress (on a service), the one that goes first before the others."""
    if service_id is None:
        return list(session.scalars(_UNDER_WAY))
    return list(session.scalars(_UNDER_WAY_ON, {"service_id": service_id}))


def lock_under_way(session: Session, service_id: int) -> list[Delivery]:
    """The same, and nobody changes their state meanwhile: a pause does not undo a stop."""
    held = _UNDER_WAY_ON.with_for_update(of=Delivery).execution_options(populate_existing=True)
    return list(session.scalars(held, {"service_id": service_id}))


def lock(session: Session, delivery_id: int) -> Delivery:
    """Read one broadcast, whatever its state, in the same way."""
    return session.get_one(Delivery, delivery_id, with_for_update=True, populate_existing=True)


def due(session: Session, now: datetime) -> list[Delivery]:
    """The broadcasts that are confirmed or under way and whose time has come, the oldest first."""
    ready = col(Delivery.state).in_([DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS])
    is_time = col(Delivery.contact_date).is_(None) | (col(Delivery.contact_date) <= now)
    found = select(Delivery).where(ready, is_time, col(Delivery.kind) == DeliveryKind.DM)
    return list(session.scalars(found.order_by(col(Delivery.id))))


def others_open(session: Session, delivery_id: int) -> list[int]:
    """The other broadcasts that somebody said yes to and that are not over."""
    found = select(col(Delivery.id)).where(
        col(Delivery.kind) == DeliveryKind.DM, col(Delivery.state).in_(_OPEN), col(Delivery.id) != delivery_id
    )
    return list(session.scalars(found))


def last_outcomes(session: Session, delivery_id: int, service_ids: Sequence[int]) -> list[bool]:
    """Whether X took the last messages of a broadcast or refused them, the newest last."""
    known: list[tuple[datetime | None, bool]] = []
    for service_id in service_ids:
        for state in (MessageState.SENT, MessageState.REFUSED):
            rows = select(col(Message.settled_at)).where(
                col(Message.service_id) == service_id,
                col(Message.state) == state,
                col(Message.delivery_id) == delivery_id,
                col(Message.proof_number) == MAIN,
            )
            newest = session.scalars(rows.order_by(col(Message.id).desc()).limit(_LAST))
            known += [(at, state is MessageState.SENT) for at in newest]
    return [is_sent for _, is_sent in sorted(known, key=lambda one: str(one[0]))][-_LAST:]


def lock_app(session: Session, service: Service) -> None:
    """Let the services of one developer app arm their messages one after the other: they share X's limit per app."""
    session.execute(_SAME_APP_LOCKED, {"app": service.app, "service_id": service.id})


def of_same_app(session: Session, service: Service) -> list[int]:
    """The services that share the developer app of this one, itself included."""
    return list(session.scalars(_SAME_APP, {"app": service.app, "service_id": service.id}))
