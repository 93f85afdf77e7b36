"""What was sent and nobody knows whether it arrived, for a person to decide."""

from sqlmodel import Session, col, select

from models import Delivery, Message, MessageState


def first(session: Session, delivery: Delivery, visitor_id: int | None = None) -> Message | None:
    """The first uncertain part or message of a delivery (to a visitor), those of its proofs included."""
    rows = select(Message).where(col(Message.delivery_id) == delivery.id, col(Message.state) == MessageState.UNCERTAIN)
    if visitor_id is not None:
        rows = rows.where(col(Message.visitor_id) == visitor_id)
    ordered = rows.order_by(col(Message.proof_number), col(Message.service_id), col(Message.part), col(Message.id))
    return session.scalar(ordered.limit(1))
