"""Forgetting one person: everything held goes, the log keeps its numbers, and nobody writes the person down again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, func, literal, update
from sqlmodel import Session, col, select

from campaign.errors import NotPossible
from campaign.store import contact_mentions, erasures
from campaign.store.contact_people import Person
from campaign.store.contact_records import SECTIONS, is_about
from models import Agreement, AgreementState, Delivery, Message, MessageState
from models.base import Moment

ERASED = "erased"
"""Why a message that was to go out does not."""
_SENTENCE = "The person asked to be forgotten."
_UNDER_WAY = (MessageState.SENDING, MessageState.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed."""

    counts: dict[str, int]
    """Rows by section, see campaign.store.contact_records."""
    has_token: bool
    """Whether a token for X may still be kept, of an agreement whose profile is not recovered."""
    still_named_in: list[str]
    """What an operator has to change by hand."""


def count_held(session: Session, person: Person) -> dict[str, int]:
    """How many rows of each section would go; sections without any are left out."""
    counted = (
        (name, session.scalar(select(func.count()).select_from(table).where(is_about(person, table))) or 0)
        for name, table in SECTIONS.items()
    )
    return {name: count for name, count in counted if count}


def lock(session: Session) -> None:
    """Let nothing be sent, heard or synchronised that might write the person down while it is forgotten."""
    session.execute(select(Delivery.id).order_by(col(Delivery.id)).with_for_update())
    erasures.lock(session)


def erase(session: Session, person: Person, now: datetime) -> Erased:
    """Forget a person, in the caller's transaction; raises NotPossible while a message to the person is on its way."""
    _check_settled(session, person)
    erased = Erased(
        count_held(session, person),
        _has_token(session, person),
        contact_mentions.still_named_in(session, person),
    )
    contact_mentions.forget(session, person)
    erasures.keep(session, _names_of(person), now)
    for name, table in reversed(list(SECTIONS.items())):
        if name == "messages":
            _forget_messages(session, person, now)
        else:
            session.execute(delete(table).where(is_about(person, table)), execution_options=_UNSYNCHRONIZED)
    return erased


#: The rows are not used again in this session.
_UNSYNCHRONIZED = {"synchronize_session": False}


def _check_settled(session: Session, person: Person) -> None:
    on_its_way = (
        select(Delivery.name)
        .join(Message, col(Message.delivery_id) == col(Delivery.id))
        .where(is_about(person, Message), col(Message.state).in_(_UNDER_WAY))
    )
    name = session.scalar(on_its_way.limit(1))
    if name is not None:
        raise NotPossible(
            f"Of {name} it is not known whether a message to {person.called} is out: run it again, or decide it with"
            f" `campaign delivery settle {name}`, then erase."
        )


def _has_token(session: Session, person: Person) -> bool:
    is_open = col(Agreement.state) == AgreementState.AGREED
    return session.scalar(select(Agreement.id).where(is_about(person, Agreement), is_open).limit(1)) is not None


def _names_of(person: Person) -> Iterator[str]:
    if person.external_id:
        yield person.external_id
    yield from (erasures.handle_name(handle) for handle in person.handles)
    yield from (erasures.email_name(contact.email) for contact in person.contacts if contact.email)


def _forget_messages(session: Session, person: Person, now: datetime) -> None:
    """Leave the lines of the log, so that its numbers stay: without a text, and each to a nobody of its own.

    The number of the message itself, made negative: none of a visitor's, and different in every delivery. A line
    whose visitor is NOBODY would be a post's.
    """
    is_pending = col(Message.state) == MessageState.PENDING
    changed: dict[str, Any] = {
        "state": case((is_pending, MessageState.CANCELLED.value), else_=col(Message.state)),
        "reason_code": case((is_pending, ERASED), else_=col(Message.reason_code)),
        "reason": case((is_pending, _SENTENCE), else_=col(Message.reason)),
        "settled_at": case((is_pending, literal(now, Moment())), else_=col(Message.settled_at)),
        "text": "",
        "x_id": None,
        "visitor_id": -col(Message.id),
    }
    session.execute(update(Message).where(is_about(person, Message)).values(changed), execution_options=_UNSYNCHRONIZED)
