"""Direct messages on their way out: planned, chosen, and armed a batch at a time; outcomes.py is what comes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, func, literal, select, true, update
from sqlmodel import Session, col

from campaign.store import permission
from campaign.store.lists import rows_of
from campaign.store.permission import Reasons
from campaign.store.recipients import PERSON, values_of
from models import MAIN, Delivery, ExclusionReason, Message, MessageState, Subscription, Visitor
from models.base import Moment


@dataclass(frozen=True, slots=True)
class Span:
    """Some messages of one delivery on one service: those of a wave, or of a proof."""

    delivery_id: int
    service_id: int
    first_id: int = 0
    beyond_id: int | None = None
    proof_number: int = MAIN


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pending message: to whom, what is known of the person, and why it may not go out after all."""

    message_id: int
    visitor_id: int
    text: str
    """Of a proof, and of what was tried before; empty before a message is personalised."""
    reason: ExclusionReason | None
    person: Mapping[str, str | None]

    @property
    def recipient(self) -> str:
        """X user id."""
        return self.person["external_id"] or ""


def pending(session: Session, span: Span) -> int | None:
    """The first message of a span that has not gone out; None when there is none."""
    found: int | None = session.scalar(_pending(span, col(Message.id)).limit(1))
    return found


def candidates(session: Session, span: Span, reasons: Reasons, at_most: int) -> list[Candidate]:
    """The next messages of a span, with the first reason that holds for each."""
    chosen = _pending(
        span, col(Message.id), col(Message.visitor_id), col(Message.text), permission.first_of(reasons), *PERSON
    )
    follows = (col(Subscription.visitor_id) == col(Visitor.id)) & (col(Subscription.service_id) == span.service_id)
    joined = chosen.join(Visitor, col(Visitor.id) == col(Message.visitor_id)).join(Subscription, follows, isouter=True)
    return [_candidate(*row) for row in session.execute(joined.limit(at_most))]


def _pending(span: Span, *columns: Any) -> Select[Any]:
    wanted = (
        select(*columns)
        .select_from(Message)
        .where(
            col(Message.service_id) == span.service_id,
            col(Message.state) == MessageState.PENDING,
            col(Message.id) >= span.first_id,
            true() if span.beyond_id is None else col(Message.id) < span.beyond_id,
            col(Message.delivery_id) == span.delivery_id,
            col(Message.proof_number) == span.proof_number,
        )
    )
    return wanted.order_by(col(Message.id))


def _candidate(message_id: int, visitor_id: int, text: str, reason: str | None, *person: Any) -> Candidate:
    return Candidate(message_id, visitor_id, text, ExclusionReason(reason) if reason else None, values_of(person))


def arm(session: Session, texts: Mapping[int, str], reasons: Reasons, now: datetime) -> set[int]:
    """Commit, with the caller's transaction, that these messages are about to be sent; returns which.

    Whoever may not be written to any more, and what somebody else has armed meanwhile, is left out. `now` is what the
    attempt is known by from then on.
    """
    armed = rows_of(session, [[message_id, text] for message_id, text in texts.items()], ["id", "text"])
    follows = (col(Subscription.visitor_id) == col(Visitor.id)) & (
        col(Subscription.service_id) == col(Message.service_id)
    )
    permitted = (
        select(col(Visitor.id))
        .select_from(Visitor)
        .join(Subscription, follows, isouter=True)
        .where(col(Visitor.id) == col(Message.visitor_id), permission.none_of(reasons))
        .correlate(Message)
    )
    statement = (
        update(Message)
        .values(
            state=MessageState.SENDING,
            text=armed.c.text,
            armed_at=now,
            first_armed_at=func.coalesce(col(Message.first_armed_at), literal(now, Moment())),
            attempts=col(Message.attempts) + 1,
            settled_at=None,
        )
        .where(col(Message.id) == armed.c.id, col(Message.state) == MessageState.PENDING, exists(permitted))
        .returning(col(Message.id))
    )
    return set(session.connection().execute(statement).scalars())


def drop(session: Session, reasons: Mapping[int, tuple[str, str]], now: datetime) -> int:
    """Cancel pending messages to people who may not get them after all, each with its code and sentence."""
    if not reasons:
        return 0
    names = ["id", "reason_code", "reason"]
    given = rows_of(session, [[message_id, *why] for message_id, why in reasons.items()], names)
    statement = (
        update(Message)
        .values(state=MessageState.CANCELLED, reason_code=given.c.reason_code, reason=given.c.reason, settled_at=now)
        .where(col(Message.id) == given.c.id, col(Message.state) == MessageState.PENDING)
        .returning(col(Message.id))
    )
    return len(session.connection().execute(statement).all())


def plan_proof(session: Session, delivery: Delivery, service_id: int, visitors: Sequence[int], text: str) -> None:
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
