"""What went out on an account before."""

from datetime import datetime

from sqlmodel import Session, col, select

from campaign.deliveries import links
from models import Delivery, Message, MessageState


def recent_texts(session: Session, service_id: int, since: datetime, but: Delivery) -> tuple[str, ...]:
    """What went out on an account since a moment, other than by this delivery; with the links as they were written."""
    sent = select(Message.text).where(
        col(Message.service_id) == service_id,
        col(Message.state) == MessageState.SENT,
        col(Message.settled_at) >= since,
        col(Message.delivery_id) != but.id,
    )
    return tuple(links.as_written(session, list(session.exec(sent))))
