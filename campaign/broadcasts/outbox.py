"""Direct messages on their way out, as statements: chosen, and armed a batch at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, exists, func, literal, update
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from campaign.audience.visitors import PERSON, values_of
from campaign.consent import permission
from campaign.consent.permission import Reasons
from campaign.db.engine import as_rows, is_on_postgresql, rows_of
from models import MAIN, Delivery, ExclusionReason, Message, MessageState, Moment, Subscription, Visitor

#: An id that no message has.
_BEYOND_ALL = 2**62


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
        """Returns the X user id."""
        return self.person["external_id"] or ""


def _pending(*columns: Any) -> Select[Any]:
    pending = (
        sa_select(*columns)
        .select_from(Message)
        .where(
            col(Message.service_id) == bindparam("service_id"),
            col(Message.state) == MessageState.PENDING,
            col(Message.id) >= bindparam("first_id"),
            col(Message.id) < bindparam("beyond_id"),
            col(Message.delivery_id) == bindparam("delivery_id"),
            col(Message.proof_number) == bindparam("proof_number"),
        )
    )
    return pending.order_by(col(Message.id))


#: Built once, for it is read with every batch.
_FIRST = _pending(col(Message.id)).limit(1)


def _within(span: Span) -> dict[str, int]:
    """Returns the parameters of `_pending`."""
    same = {name: getattr(span, name) for name in ("service_id", "first_id", "delivery_id", "proof_number")}
    return same | {"beyond_id": span.beyond_id or _BEYOND_ALL}


def pending(session: Session, span: Span) -> int | None:
    """Returns the first message of a span that has not gone out; None when there is none."""
    first: int | None = session.connection().scalar(_FIRST, _within(span))
    return first


def candidates(session: Session, span: Span, reasons: Reasons, at_most: int) -> list[Candidate]:
    """Returns the next messages of a span, with the first reason that holds for each."""
    chosen = _pending(
        col(Message.id), col(Message.visitor_id), col(Message.text), permission.first_of(reasons), *PERSON
    )
    follows = (col(Subscription.visitor_id) == col(Visitor.id)) & (col(Subscription.service_id) == span.service_id)
    joined = chosen.join(Visitor, col(Visitor.id) == col(Message.visitor_id)).join(Subscription, follows, isouter=True)
    return [
        Candidate(message_id, visitor_id, text, ExclusionReason(reason) if reason else None, values_of(person))
        for message_id, visitor_id, text, reason, *person in session.execute(joined.limit(at_most), _within(span))
    ]


def arm(session: Session, texts: Mapping[int, str], reasons: Reasons, now: datetime) -> set[int]:
    """Records, in the caller's transaction, that these messages are about to be sent; returns which.

    Messages that may not go out any more, and those that another process armed meanwhile, are left out. From then on
    `now` identifies the attempt.
    """
    armed = rows_of(["id", "text"], on_postgresql=is_on_postgresql(session))
    follows = (col(Subscription.visitor_id) == col(Visitor.id)) & (
        col(Subscription.service_id) == col(Message.service_id)
    )
    permitted = (
        sa_select(col(Visitor.id))
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
    rows = as_rows([[message_id, text] for message_id, text in texts.items()])
    return set(session.connection().execute(statement, rows).scalars())


def drop(session: Session, reasons: Mapping[int, tuple[str, str]], now: datetime) -> int:
    """Cancels pending messages to people who may not get them after all, each with its code and sentence."""
    if not reasons:
        return 0
    why = rows_of(["id", "reason_code", "reason"], on_postgresql=is_on_postgresql(session))
    statement = (
        update(Message)
        .values(state=MessageState.CANCELLED, reason_code=why.c.reason_code, reason=why.c.reason, settled_at=now)
        .where(col(Message.id) == why.c.id, col(Message.state) == MessageState.PENDING)
        .returning(col(Message.id))
    )
    rows = as_rows([[message_id, code, sentence] for message_id, (code, sentence) in reasons.items()])
    return len(session.connection().execute(statement, rows).all())


def plan(session: Session, delivery: Delivery, service_id: int, visitors: Sequence[int], text: str) -> None:
    """Writes the messages of the newest proof of a delivery."""
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
    """Returns the messages of a proof."""
    rows = select(Message).where(
        col(Message.delivery_id) == span.delivery_id,
        col(Message.proof_number) == span.proof_number,
        col(Message.service_id) == span.service_id,
    )
    return list(session.scalars(rows.order_by(col(Message.id))))
