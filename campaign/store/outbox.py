"""Direct messages on their way out: chosen, armed, settled, a batch at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, func, literal, select, text, true, update
from sqlmodel import Session, col

from campaign.domain.settling_messages import MessageAttempt
from campaign.store import permission
from campaign.store.lists import rows_of
from campaign.store.permission import Reasons
from campaign.store.recipients import PERSON, values_of
from models import MAIN, NOBODY, Delivery, ExclusionReason, Message, MessageState, Service, Subscription, Visitor
from models.base import Moment
from models.message import TRIED

_TRIED = TRIED.replace("visitor_id", "message.visitor_id").replace("armed_at", "message.armed_at")
_WORDS = {
    ExclusionReason.OPTED_OUT: "The person opted out.",
    ExclusionReason.SUPPRESSED: "The person is on the denylist.",
    ExclusionReason.NOT_A_FOLLOWER: "The person does not follow the account any more.",
    ExclusionReason.DOES_NOT_RECEIVE: "The person does not receive messages of the account.",
    ExclusionReason.NO_CONSENT: "The person has not agreed to be written to.",
    ExclusionReason.FREQUENCY_CAP: "The person got as many messages lately as the service allows.",
}


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
    """Of a proof; empty before a message is personalised."""
    reason: ExclusionReason | None
    person: Mapping[str, str | None]

    @property
    def recipient(self) -> str:
        """X user id."""
        return self.person["external_id"] or ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one armed message."""

    message_id: int
    state: MessageState
    x_id: str | None = None
    reason: str = ""
    reason_code: str = ""


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

    Whoever may not be written to any more, and what somebody else has armed meanwhile, is left out.
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


def settle(session: Session, outcomes: Iterable[Outcome], now: datetime) -> None:
    """Write what came of messages that are being sent, or of which nobody knew."""
    names = ["id", "state", "x_id", "reason", "reason_code"]
    rows = [[each.message_id, each.state.value, each.x_id, each.reason, each.reason_code] for each in outcomes]
    if not rows:
        return
    given = rows_of(session, rows, names)
    statement = (
        update(Message)
        .values({name: given.c[name] for name in names[1:]} | {"settled_at": now})
        .where(
            col(Message.id) == given.c.id,
            col(Message.state).in_([MessageState.SENDING, MessageState.UNCERTAIN]),
        )
    )
    session.connection().execute(statement)


def drop(session: Session, reasons: Mapping[int, tuple[str, str]], now: datetime) -> None:
    """Cancel pending messages to people who may not get them after all, each with its code and sentence."""
    for message_id, (code, sentence) in reasons.items():
        session.execute(
            update(Message)
            .where(col(Message.id) == message_id, col(Message.state) == MessageState.PENDING)
            .values(state=MessageState.CANCELLED, reason_code=code, reason=sentence, settled_at=now)
        )


def words_for(reason: ExclusionReason) -> str:
    """Why a message is cancelled at the last moment."""
    return _WORDS[reason]


def lose(session: Session, service_id: int, now: datetime) -> list[int]:
    """Take what an earlier process left in the middle of a call for uncertain; returns those messages."""
    left = (
        update(Message)
        .where(
            col(Message.service_id) == service_id,
            col(Message.state) == MessageState.SENDING,
            col(Message.visitor_id) != NOBODY,
        )
        .values(state=MessageState.UNCERTAIN, reason="X's answer was lost.", settled_at=now)
        .returning(col(Message.id))
    )
    return list(session.connection().execute(left).scalars())


def uncertain(session: Session, service_id: int, at_most: int) -> list[MessageAttempt]:
    """The messages of a service of which nobody knows, the earliest first."""
    rows = (
        select(
            col(Message.id),
            col(Visitor.external_id),
            col(Message.text),
            col(Message.first_armed_at),
            col(Message.armed_at),
        )
        .join(Visitor, col(Visitor.id) == col(Message.visitor_id))
        .where(
            col(Message.service_id) == service_id,
            col(Message.state) == MessageState.UNCERTAIN,
            col(Message.visitor_id) != NOBODY,
        )
        .order_by(col(Message.first_armed_at), col(Message.id))
    )
    return [MessageAttempt(*row) for row in session.execute(rows.limit(at_most))]


def deliveries_of(session: Session, message_ids: Sequence[int]) -> dict[int, int]:
    """Which delivery each of these messages belongs to; proofs are left out."""
    rows = select(col(Message.id), col(Message.delivery_id)).where(
        col(Message.id).in_(message_ids), col(Message.proof_number) == MAIN
    )
    return dict(session.execute(rows).tuples().all())


def tried_since(session: Session, service_ids: Sequence[int], since: datetime) -> list[datetime]:
    """When these services sent or tried to send their messages."""
    rows = select(col(Message.armed_at)).where(
        col(Message.service_id).in_(service_ids), text(_TRIED), col(Message.armed_at) > since
    )
    return [moment for moment in session.scalars(rows) if moment]


def being_sent(session: Session, service_ids: Sequence[int]) -> int:
    """How many messages these services are sending at this moment."""
    sending = select(func.count()).where(
        col(Message.service_id).in_(service_ids),
        col(Message.state) == MessageState.SENDING,
        col(Message.visitor_id) != NOBODY,
    )
    return session.scalar(sending) or 0


def with_unsettled(session: Session) -> list[int]:
    """The services with messages of which nobody knows what came."""
    states = col(Message.state).in_([MessageState.SENDING, MessageState.UNCERTAIN])
    rows = select(col(Service.id)).where(
        exists().where(col(Message.service_id) == col(Service.id), states, col(Message.visitor_id) != NOBODY)
    )
    return list(session.scalars(rows))


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
