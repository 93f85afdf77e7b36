"""Erasing a person: everything that is known of somebody, removed or made anonymous."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, func, literal, update
from sqlmodel import Session, col, select

from campaign.audience import erased as erasures
from campaign.contacts.store import SECTIONS, Person, is_about
from campaign.deliveries.draft import Broadcast, Draft
from campaign.deliveries.findings import Analysis
from campaign.errors import NotPossible
from models import OVER, Agreement, AgreementState, AuditEntry, Delivery, DeliveryTemplate, Message, MessageState
from models.base import Moment

SOMEBODY = "somebody who was erased"


def still_named_in(session: Session, person: Person) -> list[str]:
    """The deliveries that are not over and the templates whose lists name the person: an operator changes those."""
    open_ones = select(Delivery).where(col(Delivery.broadcast) != "", col(Delivery.state).not_in(OVER))
    named = [
        each.name
        for each in session.exec(open_ones.order_by(col(Delivery.id)))
        if _may_name(each.broadcast, person) and _names(Broadcast.model_validate_json(each.broadcast), person)
    ]
    templates = session.exec(select(DeliveryTemplate).order_by(col(DeliveryTemplate.name)))
    broadcasts = ((each.name, Draft.model_validate_json(each.settings).broadcast) for each in templates)
    return [*named, *(f"the template {name}" for name, broadcast in broadcasts if _names(broadcast, person))]


def forget(session: Session, person: Person) -> None:
    """Take the person out of samples and notes everywhere, and out of the lists of what is over."""
    for delivery in session.exec(select(Delivery).where(col(Delivery.broadcast) != "").order_by(col(Delivery.id))):
        if _may_name(delivery.analysis, person):
            delivery.analysis = _without_samples(delivery.analysis, person)
        if delivery.is_over and _may_name(delivery.broadcast, person):
            delivery.broadcast = _without(Broadcast.model_validate_json(delivery.broadcast), person).model_dump_json()
    for note in _proof_notes(session, person):
        note.detail = _reworded(note.detail, person)
    session.flush()


def _all_names(person: Person) -> set[str]:
    return person.handles | ({person.external_id} if person.external_id else set())


def _may_name(text: str, person: Person) -> bool:
    """Whether it is worth reading: lists are long, and deliveries many."""
    lowered = text.lower()
    return any(name in lowered for name in _all_names(person))


def _is(person: Person, text: str) -> bool:
    return text.strip().removeprefix("@").lower() in _all_names(person)


def _names(broadcast: Broadcast, person: Person) -> bool:
    return any(_is(person, text) for text in [*broadcast.audience.people, *broadcast.proof_recipients])


def _others(texts: Iterable[str], person: Person) -> list[str]:
    return [text for text in texts if not _is(person, text)]


def _without(broadcast: Broadcast, person: Person) -> Broadcast:
    people = _others(broadcast.audience.people, person)
    audience = broadcast.audience.model_copy(update={"people": people})
    proofs = _others(broadcast.proof_recipients, person)
    return broadcast.model_copy(update={"audience": audience, "proof_recipients": proofs})


def _without_samples(analysis: str, person: Person) -> str:
    found = Analysis.model_validate_json(analysis)
    kept = [sample for sample in found.samples if not _is(person, sample.handle)]
    return found.model_copy(update={"samples": kept}).model_dump_json()


def _proof_notes(session: Session, person: Person) -> Iterator[AuditEntry]:
    """The notes about proofs name those who got them."""
    notes = session.exec(select(AuditEntry).where(col(AuditEntry.action) == "proof"))
    return (note for note in notes if _may_name(note.detail, person))


def _reworded(detail: str, person: Person) -> str:
    head, separator, names = detail.removesuffix(".").partition(" to ")
    return f"{head}{separator}{', '.join(SOMEBODY if _is(person, name) else name for name in names.split(', '))}."


ERASED = "erased"
"""Why a message that was to go out does not."""
_SENTENCE = "The person asked to be forgotten."
_UNDER_WAY = (MessageState.SENDING, MessageState.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed."""

    counts: dict[str, int]
    """Rows by section, see campaign.contacts.store."""
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
        still_named_in(session, person),
    )
    forget(session, person)
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
    whose visitor is NO_VISITOR would be a post's.
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
