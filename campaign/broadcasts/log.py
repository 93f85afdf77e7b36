"""The log of a broadcast: each message with its recipient, its wave and its outcome."""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import Row, Select, SQLColumnExpression, String, func, select
from sqlmodel import Session, col

from campaign.audience.visitors import ids_and_handles
from campaign.broadcasts import waves
from campaign.broadcasts.analysis import EXCLUSION_SENTENCES
from campaign.db.engine import among
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Broadcast
from models import MAIN, ORIGIN, Delivery, Exclusion, ExclusionReason, Message, MessageState, Service, Visitor

EXCLUDED = "excluded"
"""The state of a person in the target to whom no message was written."""
#: The messages that did not arrive, or may not have.
_NOT_REACHED = (MessageState.REFUSED, MessageState.UNCERTAIN, MessageState.CANCELLED)
_GOT_IT = (ExclusionReason.ALREADY_RECEIVED, ExclusionReason.DUPLICATE)
_AT_A_TIME = 1_000
_PERSON = (col(Service.internal_name), col(Visitor.external_id), col(Visitor.username), col(Visitor.full_name))


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One message: its recipient (X user id, handle, name), its wave, its id on X, and why it did not arrive."""

    state: str
    service: str
    external_id: str
    username: str
    full_name: str
    wave: int | None
    """None for a proof, or before the waves are written."""
    x_id: str | None
    at: datetime | None
    reason: str
    id: int = 0
    """Its place in the log of the delivery."""

    def as_json(self) -> dict[str, object]:
        """Returns the line for scripts."""
        return {
            "state": self.state,
            "service": self.service,
            "external_id": self.external_id or None,
            "username": self.username or None,
            "full_name": self.full_name or None,
            "wave": self.wave,
            "x_id": self.x_id,
            "at": self.at.isoformat() if self.at else None,
            "reason": self.reason or None,
        }

    def as_row(self) -> dict[str, str]:
        """Returns the line for people."""
        return {
            "Service": f"@{self.service}",
            "Person": f"@{self.username}" if self.username else self.external_id,
            "Name": self.full_name,
            "Wave": f"{self.wave:,}" if self.wave else "",
            "State": self.state,
            "Time": f"{self.at:%Y-%m-%d %H:%M:%S %Z}" if self.at else "",
            "Reason": self.reason,
        }


def lines(
    session: Session,
    delivery: Delivery,
    *,
    states: Collection[MessageState] = (),
    services: Collection[int] = (),
    after: int = 0,
    limit: int | None = None,
) -> Iterator[MessageLine]:
    """Reads the log in the order of the messages, from behind a line on.

    With `states` only messages in one of them, with `services` only messages of one of them.
    Reads some rows at a time, so that a million lines take no more memory than a thousand.
    """
    names = {service.id: service.internal_name for service in deliveries.targets_of(session, delivery)}
    begins = {
        service_id: [wave.first_message_id for wave in waves.of_service(session, delivery.id, service_id)]
        for service_id in names
    }
    chosen = select(
        col(Message.id),
        col(Message.service_id),
        col(Message.state),
        col(Message.x_id),
        col(Message.settled_at),
        col(Message.reason),
        *_PERSON[1:],
    ).join(Visitor, col(Visitor.id) == col(Message.visitor_id), isouter=True)
    # Plus nothing: they are read as they lie there, not found by an index and then sorted, which takes memory.
    is_of_it = col(Message.delivery_id) + 0 == delivery.id
    first = min((ids[0] for ids in begins.values() if ids), default=0)
    rows = chosen.where(is_of_it, col(Message.proof_number) == MAIN, col(Message.id) >= max(first, after + 1))
    if states:
        rows = rows.where(col(Message.state).in_(states))
    if services:
        rows = rows.where(col(Message.service_id).in_(services))
    rows = rows.order_by(col(Message.id)).limit(limit)
    for row in session.execute(rows, execution_options={"yield_per": _AT_A_TIME}):
        person = names.get(row.service_id), row.external_id, row.username, row.full_name
        wave = bisect_right(begins.get(row.service_id, []), row.id) or None
        yield _line(row.state.value, person, row.x_id, row.settled_at, row.reason, wave, row.id)


def not_reached(session: Session, delivery: Delivery) -> Iterator[MessageLine]:
    """Reads a line for each person in the target who did not get it, or may not have, with the reason.

    People who got it already, or get it from another service, are left out.
    """
    excluded = (
        select(col(Exclusion.reason), *_PERSON)
        .join(Visitor, col(Visitor.id) == col(Exclusion.visitor_id))
        .join(Service, col(Service.id) == col(Exclusion.service_id))
        .where(col(Exclusion.delivery_id) == delivery.id, col(Exclusion.reason).not_in(_GOT_IT))
        .order_by(col(Exclusion.service_id), col(Exclusion.visitor_id))
    )
    rows = session.execute(excluded.execution_options(yield_per=_AT_A_TIME))
    known = (_left_out(reason, *person) for reason, *person in rows)
    return chain(lines(session, delivery, states=_NOT_REACHED), known, _unknown(session, delivery))


def _unknown(session: Session, delivery: Delivery) -> Iterator[MessageLine]:
    """Lists the people who are named in the list of the delivery, and are no visitors."""
    people = Broadcast.model_validate_json(delivery.broadcast).audience.people if delivery.broadcast else []
    if not people or not delivery.analysis:
        return
    ids, handles = ids_and_handles(people)
    for x_id in _not_among(session, col(Visitor.external_id), ids):
        yield _left_out(ExclusionReason.UNKNOWN, None, x_id, None, None)
    for handle in _not_among(session, func.lower(col(Visitor.username)), handles):
        yield _left_out(ExclusionReason.UNKNOWN, None, None, handle, None)


def _not_among(session: Session, column: SQLColumnExpression[Any], values: Sequence[str]) -> list[str]:
    is_among = among(session, column, values, String())
    known = session.scalars(select(column).where(col(Visitor.origin) == ORIGIN, is_among))
    return sorted(set(values) - set(known))


def _left_out(reason: ExclusionReason, *person: str | None) -> MessageLine:
    return _line(EXCLUDED, person, reason=EXCLUSION_SENTENCES[reason])


def of_proofs(session: Session, delivery: Delivery) -> Iterator[tuple[int, MessageLine]]:
    """Reads the messages of the proofs of a broadcast, each with the number of its proof."""
    rows = _messages().where(col(Message.delivery_id) == delivery.id, col(Message.proof_number) > MAIN)
    for message, *person in session.execute(rows.order_by(col(Message.proof_number), col(Message.id))):
        yield message.proof_number, _of_message(message, person)


def count_sent_proofs(session: Session, delivery: Delivery) -> int:
    """Counts the proof recipients who got a proof; proofs that X did not accept yet do not count."""
    return sum(line.state == MessageState.SENT.value for _, line in of_proofs(session, delivery))


def line_of(session: Session, message: Message) -> MessageLine:
    """Reads one message as a line of the log."""
    row: Row[Any] = session.execute(_messages().where(col(Message.id) == message.id)).one()
    return _of_message(row[0], row[1:])


def _messages() -> Select[Any]:
    return (
        select(Message, *_PERSON)
        # The line of an erased person stays, without a name.
        .join(Visitor, col(Visitor.id) == col(Message.visitor_id), isouter=True)
        .join(Service, col(Service.id) == col(Message.service_id))
    )


def _of_message(message: Message, person: Sequence[str | None]) -> MessageLine:
    return _line(message.state.value, person, message.x_id, message.settled_at, message.reason)


def _line(
    state: str,
    person: Sequence[str | None],
    x_id: str | None = None,
    at: datetime | None = None,
    reason: str = "",
    wave: int | None = None,
    message_id: int = 0,
) -> MessageLine:
    service, external_id, username, full_name = (text or "" for text in person)
    return MessageLine(state, service, external_id, username, full_name, wave, x_id, at, reason, message_id)


def service_of(session: Session, delivery: Delivery, visitor_id: int) -> int | None:
    """Finds the service from which a visitor gets a broadcast; None when from none."""
    found: int | None = session.scalar(
        select(col(Message.service_id)).where(
            col(Message.delivery_id) == delivery.id,
            col(Message.proof_number) == MAIN,
            col(Message.visitor_id) == visitor_id,
        )
    )
    return found


def exclusion_of(session: Session, delivery: Delivery, visitor_id: int) -> tuple[int, ExclusionReason] | None:
    """Finds the first service that leaves a visitor out of a broadcast, and why; None when none does."""
    found = select(col(Exclusion.service_id), col(Exclusion.reason)).where(
        col(Exclusion.delivery_id) == delivery.id, col(Exclusion.visitor_id) == visitor_id
    )
    row = session.execute(found.order_by(col(Exclusion.service_id)).limit(1)).first()
    return (row[0], row[1]) if row else None
