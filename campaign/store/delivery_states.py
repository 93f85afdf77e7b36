"""The one door to a delivery's state, and the audit of everything that goes through it."""

from datetime import datetime

from sqlmodel import Session, col, select

from models import AuditEntry, Delivery, DeliveryState


def note(session: Session, delivery: Delivery, action: str, actor: str, now: datetime, detail: str = "") -> None:
    """Write an entry of the audit."""
    session.add(AuditEntry(at=now, actor=actor, delivery_id=delivery.id, action=action, detail=detail))


def audit_of(session: Session, delivery: Delivery) -> list[AuditEntry]:
    """The history of a delivery, the oldest entry first."""
    entries = select(AuditEntry).where(col(AuditEntry.delivery_id) == delivery.id).order_by(col(AuditEntry.id))
    return list(session.exec(entries))


def move(
    session: Session, delivery: Delivery, state: DeliveryState, actor: str, now: datetime, reason: str = ""
) -> None:
    """Change the state of a delivery, with an entry in the audit; raises InvalidTransition."""
    before = delivery.state
    delivery.become(state)
    delivery.reason = reason
    if state is DeliveryState.IN_PROGRESS and delivery.started_at is None:
        delivery.started_at = now
    if delivery.is_over:
        delivery.finished_at = now
    note(session, delivery, state.value, actor, now, f"Was {before.value}. {reason}".strip())


def void(session: Session, delivery: Delivery, reason: str, actor: str, now: datetime) -> None:
    """Take a delivery back to editing: its analysis and its confirmation no longer count."""
    delivery.analysed_fingerprint = delivery.confirmed_fingerprint = None
    delivery.asked_at = None
    if delivery.state is not DeliveryState.BEING_EDITED:
        move(session, delivery, DeliveryState.BEING_EDITED, actor, now, reason)
    delivery.reason = reason
