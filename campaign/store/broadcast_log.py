"""The lines of a broadcast's log that are no messages of its own: whom it left out, and its proofs."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import Row, Select, SQLColumnExpression, String, func, select
from sqlmodel import Session, col

from campaign.domain.broadcasts import Broadcast
from campaign.domain.exclusion_words import EXCLUSION_SENTENCES
from campaign.domain.message_lines import MessageLine
from campaign.store import broadcast_reports
from campaign.store.lists import among
from campaign.store.people import ids_and_handles
from models import MAIN, Delivery, Exclusion, ExclusionReason, Message, MessageState, Service, Visitor

EXCLUDED = "excluded"
"""The state of somebody in the target to whom no message was written."""
_GOT_IT = (ExclusionReason.ALREADY_RECEIVED, ExclusionReason.DUPLICATE)
_AT_A_TIME = 1_000
_PERSON = (col(Service.internal_name), col(Visitor.external_id), col(Visitor.username), col(Visitor.full_name))


def not_reached(session: Session, delivery: Delivery) -> Iterator[MessageLine]:
    """Everybody in the target who did not get it, or may not have, each with the reason.

    Whoever is left out because of having got it already, or from another service, is none of them.
    """
    failed = broadcast_reports.lines(session, delivery, failed=True)
    return chain(failed, _excluded(session, delivery), _unknown(session, delivery))


def _excluded(session: Session, delivery: Delivery) -> Iterator[MessageLine]:
    rows = (
        select(col(Exclusion.reason), *_PERSON)
        .join(Visitor, col(Visitor.id) == col(Exclusion.visitor_id))
        .join(Service, col(Service.id) == col(Exclusion.service_id))
        .where(col(Exclusion.delivery_id) == delivery.id, col(Exclusion.reason).not_in(_GOT_IT))
        .order_by(col(Exclusion.service_id), col(Exclusion.visitor_id))
    )
    for reason, *person in session.execute(rows.execution_options(yield_per=_AT_A_TIME)):
        yield _left_out(reason, *person)


def _unknown(session: Session, delivery: Delivery) -> Iterator[MessageLine]:
    """Who is in the list of people and is no visitor."""
    people = Broadcast.model_validate_json(delivery.broadcast).audience.people if delivery.broadcast else []
    if not people or not delivery.analysis:
        return
    ids, handles = ids_and_handles(people)
    for x_id in _not_among(session, col(Visitor.external_id), ids):
        yield _left_out(ExclusionReason.UNKNOWN, None, x_id, None, None)
    for handle in _not_among(session, func.lower(col(Visitor.username)), handles):
        yield _left_out(ExclusionReason.UNKNOWN, None, None, handle, None)


def _not_among(session: Session, column: SQLColumnExpression[Any], values: Sequence[str]) -> list[str]:
    known = session.scalars(select(column).where(among(session, column, values, String())))
    return sorted(set(values) - set(known))


def _left_out(reason: ExclusionReason, *person: str | None) -> MessageLine:
    return _line(EXCLUDED, person, reason=EXCLUSION_SENTENCES[reason])


def of_proofs(session: Session, delivery: Delivery) -> Iterator[tuple[int, MessageLine]]:
    """The messages of the proofs of a broadcast, each with the number of its proof."""
    rows = _messages().where(col(Message.delivery_id) == delivery.id, col(Message.proof_number) > MAIN)
    for message, *person in session.execute(rows.order_by(col(Message.proof_number), col(Message.id))):
        yield message.proof_number, _of_message(message, *person)


def count_sent_proofs(session: Session, delivery: Delivery) -> int:
    """How many proof recipients got a proof: one that is planned, and that X did not take yet, is none."""
    return sum(line.state == MessageState.SENT.value for _, line in of_proofs(session, delivery))


def line_of(session: Session, message: Message) -> MessageLine:
    """One message as a line of the log."""
    row: Row[Any] = session.execute(_messages().where(col(Message.id) == message.id)).one()
    return _of_message(*row)


def _messages() -> Select[Any]:
    return (
        select(Message, *_PERSON)
        # Whoever was erased is nobody any more, and the line stays.
        .join(Visitor, col(Visitor.id) == col(Message.visitor_id), isouter=True)
        .join(Service, col(Service.id) == col(Message.service_id))
    )


def _of_message(message: Message, *person: str | None) -> MessageLine:
    return _line(message.state.value, person, message.x_id, message.settled_at, message.reason)


def _line(
    state: str, person: Sequence[str | None], x_id: str | None = None, at: datetime | None = None, reason: str = ""
) -> MessageLine:
    service, external_id, username, full_name = (text or "" for text in person)
    return MessageLine(state, service, external_id, username, full_name, wave=None, x_id=x_id, at=at, reason=reason)


def service_of(session: Session, delivery: Delivery, visitor_id: int) -> int | None:
    """The service from which a visitor gets a broadcast; None when from none."""
    found: int | None = session.scalar(
        select(col(Message.service_id)).where(
            col(Message.delivery_id) == delivery.id,
            col(Message.proof_number) == MAIN,
            col(Message.visitor_id) == visitor_id,
        )
    )
    return found


def exclusion_of(session: Session, delivery: Delivery, visitor_id: int) -> tuple[int, ExclusionReason] | None:
    """The first service that leaves a visitor out of a broadcast, and why; None when none does."""
    found = select(col(Exclusion.service_id), col(Exclusion.reason)).where(
        col(Exclusion.delivery_id) == delivery.id, col(Exclusion.visitor_id) == visitor_id
    )
    row = session.execute(found.order_by(col(Exclusion.service_id)).limit(1)).first()
    return (row[0], row[1]) if row else None
