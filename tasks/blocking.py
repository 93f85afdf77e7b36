"""A service that X blocks: its broadcasts pause, and those of other services go on."""

from datetime import datetime

from sqlmodel import Session

from campaign.domain.check import sentence_of
from campaign.errors import ServiceBlocked
from campaign.store import broadcasts, delivery_states, services
from models import DeliveryState, Service


def pause_all(session: Session, service: Service, error: ServiceBlocked, now: datetime) -> None:
    """Pause every broadcast of a service that X blocks, and say why and what to do."""
    sentence = sentence_of(error)
    services.mark_blocked(session, services.get(session, service.id), sentence)
    for delivery in broadcasts.under_way(session, service.id):
        reason = f"{service.internal_name}: {sentence}"
        delivery_states.move(session, delivery, DeliveryState.PAUSED, "campaign", now, reason)
