"""Broadcasts with messages in their log, written as the analysis does."""

from itertools import count

from campaign.db.engine import read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft
from models import MAIN, Delivery, DeliveryKind, DeliveryState, Message, MessageState, Service
from tests.factories import NOW

_numbers = count(1)


def broadcast(service: Service, state: DeliveryState = DeliveryState.IN_PROGRESS, proofs: int = 0) -> Delivery:
    """A broadcast in a state, with so many proofs."""
    with transaction() as session:
        draft = Draft(kind=DeliveryKind.DM, label="News")
        made = deliveries.create(session, draft, f"dm-{next(_numbers)}", [service], None, actor="ana", now=NOW)
        made.state, made.proofs = state, proofs
        return made


def message_to(
    delivery: Delivery,
    service: Service,
    visitor_id: int,
    state: MessageState = MessageState.PENDING,
    *,
    proof_number: int = MAIN,
) -> int:
    """Write a message to a person; returns its id."""
    with transaction() as session:
        row = Message(
            delivery_id=delivery.id,
            proof_number=proof_number,
            service_id=service.id,
            visitor_id=visitor_id,
            state=state,
            text="",
        )
        session.add(row)
        session.flush()
        return row.id


def state_of(message_id: int) -> MessageState:
    with read_session() as session:
        return session.get_one(Message, message_id).state
