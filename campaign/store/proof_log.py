"""The messages of a broadcast's proofs, which go to a few named people."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from campaign.store.outbox import Span
from models import Delivery, Message


def plan(session: Session, delivery: Delivery, service_id: int, visitors: Sequence[int], text: str) -> None:
    """Write the messages of the newest proof of a delivery."""
    session.add_all(
        Message(
            delivery_id=delivery.id,
            proof_number=delivery.proofs,
            service_id=service_id,
            visitor_id=visitor_id,
            text=text,
        )
        for visitor_id in visitors
    )
    session.flush()


def log_of(session: Session, span: Span) -> list[Message]:
    """The messages of a proof."""
    rows = select(Message).where(
        col(Message.delivery_id) == span.delivery_id,
        col(Message.proof_number) == span.proof_number,
        col(Message.service_id) == span.service_id,
    )
    return list(session.scalars(rows.order_by(col(Message.id))))
