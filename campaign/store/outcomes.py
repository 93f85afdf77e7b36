"""What came of direct messages that were armed: settled a group at a time, lost, or looked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Select, Update, bindparam, case, func, null, select, update
from sqlmodel import Session, col

from campaign.domain.settling_messages import MessageAttempt
from campaign.store.lists import as_ids, as_rows, ids_given, is_on_postgresql, rows_of
from models import MAIN, NOBODY, OVER, Delivery, DeliveryState, Message, MessageState, Visitor
from models.base import Moment

UNTOLD = "untold"
"""The reason code of what no look can tell: a person decides it."""
_OPEN = (MessageState.SENDING, MessageState.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt to send a message; the attempt is known by the moment it was armed."""

    message_id: int
    armed_at: datetime
    state: MessageState
    x_id: str | None = None
    reason: str = ""
    reason_code: str = ""
    is_tried: bool = True
    """False when X surely heard nothing of it: it uses up no limit."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message of which nobody knows whether it is out."""

    attempt: MessageAttempt
    """Its `armed_at` is the last moment at which the call may have been made."""
    armed_at: datetime
    reason: str
    reason_code: str


_LOST = (
    update(Message)
    .where(
        col(Message.service_id) == bindparam("service"),
        col(Message.state) == MessageState.SENDING,
        col(Message.visitor_id) != NOBODY,
    )
    .values(state=MessageState.UNCERTAIN, reason="X's answer was lost.", settled_at=bindparam("now"))
    .returning(col(Message.id), col(Message.delivery_id), col(Message.proof_number))
)
_UNCERTAIN = (
    select(
        col(Message.id),
        col(Visitor.external_id),
        col(Message.text),
        col(Message.first_armed_at),
        # A call is made some time after its batch was armed, and before it was given up.
        func.coalesce(col(Message.settled_at), col(Message.armed_at), type_=Moment()),
        col(Message.armed_at),
        col(Message.reason),
        col(Message.reason_code),
    )
    .join(Visitor, col(Visitor.id) == col(Message.visitor_id))
    .where(
        col(Message.service_id) == bindparam("service_id"),
        col(Message.state) == MessageState.UNCERTAIN,
        col(Message.visitor_id) != NOBODY,
        col(Message.reason_code) != UNTOLD,
    )
    .order_by(col(Message.first_armed_at), col(Message.id))
)


def settle(session: Session, outcomes: Sequence[Outcome], now: datetime) -> list[tuple[MessageState, Outcome]]:
    """Write what came of attempts; returns the state before and the outcome of those that were written.

    An attempt that is settled already is left alone: a newer one may be under way. What did not go out of a delivery
    that is over never does.
    """
    if not outcomes:
        return []
    wanted = {each.message_id: each for each in outcomes}
    held = session.execute(_held(on_postgresql=is_on_postgresql(session)), as_ids(list(wanted)))
    written = [
        (before, _closed(wanted[message_id], delivery_state))
        for message_id, before, armed_at, delivery_state in held
        if armed_at == wanted[message_id].armed_at
    ]
    _write(session, [outcome for _, outcome in written], now)
    return written


@lru_cache
def _held(*, on_postgresql: bool) -> Select[tuple[int, MessageState, datetime | None, DeliveryState]]:
    given = ids_given(on_postgresql=on_postgresql)
    return (
        select(col(Message.id), col(Message.state), col(Message.armed_at), col(Delivery.state))
        .join(given, given.c.id == col(Message.id))
        .join(Delivery, col(Delivery.id) == col(Message.delivery_id))
        .where(col(Message.state).in_(_OPEN))
        .order_by(col(Message.id))
        # The delivery too: whoever stops it cancels what is pending either before or after this, never between.
        .with_for_update(of=[Message, Delivery])
    )


def _closed(outcome: Outcome, delivery: DeliveryState) -> Outcome:
    if outcome.state is MessageState.PENDING and delivery in OVER:
        return replace(outcome, state=MessageState.CANCELLED, reason="The delivery is over.")
    return outcome


def _write(session: Session, outcomes: Sequence[Outcome], now: datetime) -> None:
    rows = [[one.message_id, one.state, one.x_id, one.reason, one.reason_code, int(one.is_tried)] for one in outcomes]
    if rows:
        statement = _writing(on_postgresql=is_on_postgresql(session))
        session.connection().execute(statement, as_rows(rows) | {"now": now})


@lru_cache
def _writing(*, on_postgresql: bool) -> Update:
    names = ["id", "state", "x_id", "reason", "reason_code", "is_tried"]
    given = rows_of(names, on_postgresql=on_postgresql)
    is_tried = given.c.is_tried == "1"
    values = {name: given.c[name] for name in names[1:-1]} | {
        "armed_at": case((is_tried, col(Message.armed_at)), else_=null()),
        "attempts": col(Message.attempts) - case((is_tried, 0), else_=1),
        "settled_at": bindparam("now"),
    }
    return update(Message).values(values).where(col(Message.id) == given.c.id)


def lose(session: Session, service_id: int, now: datetime) -> list[tuple[int, int, int]]:
    """Take what an earlier process left in the middle of a call for uncertain: each one's id, delivery and proof."""
    return list(session.connection().execute(_LOST, {"service": service_id, "now": now}).tuples())


def uncertain(session: Session, service_id: int) -> list[Doubt]:
    """The messages of a service of which nobody knows, the earliest first."""
    rows = session.execute(_UNCERTAIN, {"service_id": service_id}).tuples()
    return [Doubt(MessageAttempt(*row[:5]), *row[5:]) for row in rows]


def deliveries_of(session: Session, message_ids: Sequence[int]) -> dict[int, int]:
    """Which delivery each of these messages belongs to; proofs are left out."""
    rows = select(col(Message.id), col(Message.delivery_id)).where(
        col(Message.id).in_(message_ids), col(Message.proof_number) == MAIN
    )
    return dict(session.execute(rows).tuples().all())
