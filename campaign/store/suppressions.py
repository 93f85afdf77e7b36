"""Who is never written to, who does not receive messages, and what was to go out to them."""

from collections.abc import Iterable
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import Table, bindparam, delete, exists, text, update
from sqlmodel import Session, SQLModel, col, select

from models import (
    EVERY_SERVICE,
    OVER,
    Delivery,
    DeliveryKind,
    ExclusionReason,
    MessageState,
    Service,
    Suppression,
    SuppressionReason,
)
from models.base import Moment

#: The person's own word stands above an operator's.
_SUPPRESS = text("""
INSERT INTO suppression (service_id, visitor_id, reason, proof, at)
VALUES (:service_id, :visitor_id, :reason, :proof, :at)
ON CONFLICT (service_id, visitor_id) DO UPDATE SET reason = excluded.reason, proof = excluded.proof, at = excluded.at
WHERE suppression.reason <> 'opt_out' AND excluded.reason = 'opt_out'
""").bindparams(bindparam("at", type_=Moment()))
_UNREACHABLE = text("""
INSERT INTO unreachable (service_id, visitor_id, reason, at) VALUES (:service_id, :visitor_id, :reason, :at)
ON CONFLICT (service_id, visitor_id) DO UPDATE SET reason = excluded.reason, at = excluded.at
""").bindparams(bindparam("at", type_=Moment()))
_MESSAGE: Table = SQLModel.metadata.tables["message"]
_REASONS = {
    ExclusionReason.OPTED_OUT: "The person does not want to be written to by this service any more.",
    ExclusionReason.SUPPRESSED: "An operator put the person on the denylist.",
}


def suppress(session: Session, visitor_id: int, proof: str, at: datetime, service_id: int = EVERY_SERVICE) -> int:
    """Put a person on the denylist of a service or of all; returns how many messages that were to go out do not."""
    never_write_again(session, service_id, visitor_id, SuppressionReason.DENYLIST, proof, at)
    services = [service_id] if service_id != EVERY_SERVICE else list(session.exec(select(Service.id)))
    return cancel_pending(session, services, visitor_id, ExclusionReason.SUPPRESSED, at)


def never_write_again(
    session: Session, service_id: int, visitor_id: int, reason: SuppressionReason, proof: str, at: datetime
) -> None:
    """Write a suppression; one that is there stays as it is, unless an operator's becomes the person's own."""
    pair = {"service_id": service_id, "visitor_id": visitor_id}
    session.connection().execute(_SUPPRESS, pair | {"reason": reason.value, "proof": proof, "at": at})


def allow_again(session: Session, visitor_id: int, service_id: int) -> bool:
    """Lift the suppression of a person by a service, or the one by all; False when there was none."""
    there = delete(Suppression).where(
        col(Suppression.service_id) == service_id, col(Suppression.visitor_id) == visitor_id
    )
    return bool(session.connection().execute(there).rowcount)


def is_suppressed(session: Session, service_id: int, visitor_id: int) -> bool:
    """Whether a person is never written to by this service."""
    found = exists().where(
        col(Suppression.service_id).in_([service_id, EVERY_SERVICE]), col(Suppression.visitor_id) == visitor_id
    )
    return bool(session.scalar(select(found)))


def remember_unreachable(session: Session, service_id: int, visitor_id: int, reason: str, at: datetime) -> None:
    """Keep that a person does not receive this service's messages; the last reason counts."""
    given = {"service_id": service_id, "visitor_id": visitor_id, "reason": reason, "at": at}
    session.connection().execute(_UNREACHABLE, given)


def cancel_pending(
    session: Session, services: Iterable[int], visitor_id: int, why: ExclusionReason, at: datetime
) -> int:
    """Cancel what is still to go out to a person by these services; what is being sent at this moment is not."""
    places = [
        {"delivery": delivery, "proof": proof, "service": service}
        for (delivery, proof), service in product(_open_broadcasts(session), sorted(services))
    ]
    if not places:
        return 0
    pending = update(_MESSAGE).where(*_AT, _MESSAGE.c.visitor_id == visitor_id, _IS_PENDING)
    cancelled = pending.values(state=MessageState.CANCELLED, reason_code=why.value, reason=_REASONS[why], settled_at=at)
    return session.connection().execute(cancelled, places).rowcount


#: The columns of the unique index of the log, which is what finds one person in a million.
_AT: list[Any] = [
    _MESSAGE.c.delivery_id == bindparam("delivery"),
    _MESSAGE.c.proof_number == bindparam("proof"),
    _MESSAGE.c.service_id == bindparam("service"),
]
_IS_PENDING = _MESSAGE.c.state == MessageState.PENDING


def _open_broadcasts(session: Session) -> list[tuple[int, int]]:
    """The broadcasts that are not over, each with the numbers of its proofs and that of what is none."""
    wanted = select(Delivery.id, Delivery.proofs).where(
        col(Delivery.kind) == DeliveryKind.DM, col(Delivery.state).not_in(OVER)
    )
    return [
        (row, number) for row, proofs in session.exec(wanted.order_by(col(Delivery.id))) for number in range(proofs + 1)
    ]
