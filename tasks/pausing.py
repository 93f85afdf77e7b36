"""A broadcast that cannot go on is paused, with the reason and what to do; one that somebody stopped stays stopped."""

from datetime import datetime

from sqlmodel import Session

from campaign.domain.check import sentence_of
from campaign.errors import ServiceBlocked
from campaign.store import broadcasts, delivery_states, services
from campaign.store.engine import writing
from models import DeliveryState, Service


def pause(session: Session, delivery_id: int, reason: str, now: datetime) -> None:
    """Pause one broadcast, if it is under way."""
    delivery = broadcasts.lock(session, delivery_id)
    if delivery.state is DeliveryState.IN_PROGRESS:
        delivery_states.move(session, delivery, DeliveryState.PAUSED, "campaign", now, reason)


def pause_all(service: Service, error: ServiceBlocked, now: datetime) -> None:
    """Pause every broadcast of a service that X blocks; what other services send alone goes on."""
    sentence = sentence_of(error)
    with writing() as session:
        # The broadcasts before the service, as everywhere: two that wait for each other would both fail.
        for delivery in broadcasts.lock_under_way(session, service.id):
            reason = f"{service.internal_name}: {sentence}"
            delivery_states.move(session, delivery, DeliveryState.PAUSED, "campaign", now, reason)
        services.mark_blocked(session, services.get(session, service.id), sentence)
