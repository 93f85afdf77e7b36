"""From an analysis to a person's yes: each is about one fingerprint, and void as soon as anything is changed."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from campaign.errors import NotPossible
from campaign.store.delivery_states import move, note, void
from campaign.store.drafts import EDITABLE
from models import Delivery, DeliveryState

#: A question that nobody answered for so long is taken back.
ANSWER_WITHIN = timedelta(days=3)


def record_analysis(
    session: Session, delivery: Delivery, analysis: str, fingerprint: str, *, is_ok: bool, actor: str, now: datetime
) -> None:
    """Keep what an analysis found; without errors the delivery waits for a yes, with errors it is edited on."""
    if delivery.state not in EDITABLE:
        raise NotPossible(f"{delivery.name} is {delivery.state} and is not analysed again.")
    if delivery.state is not DeliveryState.BEING_EDITED:
        void(session, delivery, "It is analysed again.", actor, now)
    delivery.analysis, delivery.analysed_at, delivery.reason = analysis, now, ""
    note(session, delivery, "analysis", actor, now, "No errors." if is_ok else "Errors were found.")
    if is_ok:
        delivery.analysed_fingerprint = fingerprint
        move(session, delivery, DeliveryState.ANALYSED, actor, now)


def ask(session: Session, delivery: Delivery, actor: str, now: datetime) -> None:
    """Note that a person is asked for a yes from now on."""
    if delivery.asked_at is None:
        delivery.asked_at = now
        note(session, delivery, "asked", actor, now)


def confirm(session: Session, delivery: Delivery, fingerprint: str, actor: str, comment: str, now: datetime) -> None:
    """Record a person's yes to exactly what was analysed; raises NotPossible when that is not so."""
    if delivery.state is DeliveryState.CONFIRMED:
        raise NotPossible(f"{delivery.name} was confirmed by {delivery.confirmed_by} already.")
    if delivery.state is not DeliveryState.ANALYSED:
        raise NotPossible(
            f"{delivery.name} is {delivery.state.value.replace('_', ' ')}; only an analysed delivery can be confirmed."
        )
    if fingerprint != delivery.analysed_fingerprint:
        raise NotPossible(f"{delivery.name} has changed since its analysis; analyse it again, then confirm it.")
    move(session, delivery, DeliveryState.CONFIRMED, actor, now)
    delivery.confirmed_fingerprint, delivery.confirmed_at, delivery.confirmed_by = fingerprint, now, actor
    delivery.asked_at = None
    if comment:
        note(session, delivery, "comment", actor, now, comment)


def reject(session: Session, delivery: Delivery, actor: str, comment: str, now: datetime) -> None:
    """Record a person's no: the delivery is edited on."""
    if delivery.state is not DeliveryState.ANALYSED:
        raise NotPossible(f"{delivery.name} is {delivery.state} and cannot be rejected.")
    void(session, delivery, f"Rejected by {actor}." + (f" {comment}" if comment else ""), actor, now)


def return_unanswered(session: Session, now: datetime) -> list[Delivery]:
    """Take back what was asked three days ago and never answered; returns those deliveries."""
    waiting = select(Delivery).where(
        col(Delivery.state) == DeliveryState.ANALYSED, col(Delivery.asked_at) <= now - ANSWER_WITHIN
    )
    unanswered = list(session.exec(waiting))
    for delivery in unanswered:
        void(session, delivery, "Nobody answered within 3 days.", "campaign", now)
    return unanswered
