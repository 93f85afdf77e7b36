"""The last question before a delivery goes out: whether it is what somebody said yes to, and whether it still may."""

from datetime import datetime

from sqlmodel import Session

from campaign.store import deliveries, delivery_states, messages
from models import Delivery, DeliveryState

_CHANGED = "It changed after its confirmation; look at it again, then confirm it."


def open_up(session: Session, delivery: Delivery, fingerprint: str, actor: str, now: datetime) -> str | None:
    """Let a confirmed delivery go out, or say in one sentence why it may not."""
    if delivery.state not in {DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS}:
        words = delivery.state.value.replace("_", " ")
        return f"{delivery.name} is {words}; only a confirmed delivery can be sent."
    if delivery.confirmed_fingerprint != fingerprint:
        _take_back(session, delivery, now)
        return f"{delivery.name} changed after its confirmation; analyse and confirm it again."
    if deliveries.is_expired(delivery, now):
        messages.cancel_pending(session, delivery, now, "The validity of the delivery ended.")
        delivery_states.move(session, delivery, DeliveryState.EXPIRED, actor, now, "Its validity ended.")
        return f"The validity of {delivery.name} has ended."
    if delivery.state is DeliveryState.CONFIRMED:
        delivery_states.move(session, delivery, DeliveryState.IN_PROGRESS, actor, now)
    return None


def _take_back(session: Session, delivery: Delivery, now: datetime) -> None:
    if delivery.state is DeliveryState.CONFIRMED:
        delivery_states.void(session, delivery, _CHANGED, "campaign", now)
    else:
        delivery_states.move(session, delivery, DeliveryState.FAILED, "campaign", now, _CHANGED)
