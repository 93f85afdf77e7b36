"""Erasing a person: all data held about one person is removed or made anonymous."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, func, literal, update
from sqlmodel import Session, col, select

from campaign.audience import visitors as erasures
from campaign.contacts.store import SECTIONS, Person, as_document, is_about
from campaign.db.engine import empty_write_ahead_log, transaction
from campaign.deliveries.draft import Broadcast, Draft
from campaign.deliveries.findings import Analysis
from campaign.errors import NotPossible
from campaign.users import audit
from models import (
    OVER,
    Agreement,
    AgreementState,
    AuditEntry,
    Delivery,
    DeliveryTemplate,
    Message,
    MessageState,
    Moment,
)

ERASED_PERSON = "an erased person"


def still_named_in(session: Session, person: Person) -> list[str]:
    """Returns the open deliveries and the templates whose lists name the person: an operator changes those."""
    open_ones = select(Delivery).where(col(Delivery.broadcast) != "", col(Delivery.state).not_in(OVER))
    named = [
        each.name
        for each in session.exec(open_ones.order_by(col(Delivery.id)))
        if _may_name(each.broadcast, person) and _names(Broadcast.model_validate_json(each.broadcast), person)
    ]
    templates = session.exec(select(DeliveryTemplate).order_by(col(DeliveryTemplate.name)))
    broadcasts = ((each.name, Draft.model_validate_json(each.settings).broadcast) for each in templates)
    return [*named, *(f"the template {name}" for name, broadcast in broadcasts if _names(broadcast, person))]


def _remove_mentions(session: Session, person: Person) -> None:
    """Removes the person from all samples and notes, and from the lists of deliveries that are over."""
    for delivery in session.exec(select(Delivery).where(col(Delivery.broadcast) != "").order_by(col(Delivery.id))):
        if _may_name(delivery.analysis, person):
            analysis = Analysis.model_validate_json(delivery.analysis)
            others = [sample for sample in analysis.samples if not _is(person, sample.handle)]
            delivery.analysis = analysis.model_copy(update={"samples": others}).model_dump_json()
        if delivery.is_over and _may_name(delivery.broadcast, person):
            broadcast = Broadcast.model_validate_json(delivery.broadcast)
            people = [text for text in broadcast.audience.people if not _is(person, text)]
            proofs = [text for text in broadcast.proof_recipients if not _is(person, text)]
            audience = broadcast.audience.model_copy(update={"people": people})
            changed = {"audience": audience, "proof_recipients": proofs}
            delivery.broadcast = broadcast.model_copy(update=changed).model_dump_json()
    for note in session.exec(select(AuditEntry).where(col(AuditEntry.action) == "proof")):
        if _may_name(note.detail, person):  # the note of a proof names its recipients
            head, separator, names = note.detail.removesuffix(".").partition(" to ")
            named = (ERASED_PERSON if _is(person, name) else name for name in names.split(", "))
            note.detail = f"{head}{separator}{', '.join(named)}."
    session.flush()


def _all_names(person: Person) -> set[str]:
    return person.handles | ({person.external_id} if person.external_id else set())


def _may_name(text: str, person: Person) -> bool:
    """Returns whether a text is worth parsing: lists are long, and deliveries many."""
    lowered = text.lower()
    return any(name in lowered for name in _all_names(person))


def _is(person: Person, text: str) -> bool:
    return text.strip().removeprefix("@").lower() in _all_names(person)


def _names(broadcast: Broadcast, person: Person) -> bool:
    return any(_is(person, text) for text in [*broadcast.audience.people, *broadcast.proof_recipients])


@dataclass(frozen=True, slots=True)
class Erased:
    """The outcome of an erasure."""

    counts: dict[str, int]
    """Rows by section, see campaign.contacts.store."""
    has_token: bool
    """Whether a token for X may still be saved, of an agreement whose profile is not recovered."""
    still_named_in: list[str]
    """Lists that an operator has to change by hand."""


def count_held(session: Session, person: Person) -> dict[str, int]:
    """Counts the rows of each section that would be erased; sections without any are left out."""
    counted = (
        (name, session.scalar(select(func.count()).select_from(table).where(is_about(person, table))) or 0)
        for name, table in SECTIONS.items()
    )
    return {name: count for name, count in counted if count}


def export_person(find: Callable[[Session], Person], actor: str, now: datetime) -> dict[str, Any]:
    """Returns all data held of one person as one JSON document, which the audit records."""
    with transaction() as session:
        person = find(session)
        document = as_document(session, person)
        subject = f"person {person.visitor_id}" if person.visitor_id else "a contact"
        audit.record(session, actor, subject, "exported", now)
    return document


def erase_person(find: Callable[[Session], Person], actor: str, now: datetime) -> Erased:
    """Erases one person for good, in a transaction of its own; the audit records that, and not who it was."""
    with transaction(durable=True) as session:
        lock(session)
        erased = erase(session, find(session), now)
        audit.record(session, actor, ERASED_PERSON, "erased", now)
    empty_write_ahead_log()
    return erased


def lock(session: Session) -> None:
    """Locks out every sender, inbox and sync that might save the person during the erasure."""
    session.execute(select(Delivery.id).order_by(col(Delivery.id)).with_for_update())
    erasures.lock(session)


def erase(session: Session, person: Person, now: datetime) -> Erased:
    """Erases a person, in the caller's transaction; raises NotPossible if the outcome of a message is unknown."""
    unknown = (
        select(Delivery.name)
        .join(Message, col(Message.delivery_id) == col(Delivery.id))
        .where(is_about(person, Message), col(Message.state).in_([MessageState.SENDING, MessageState.UNCERTAIN]))
    )
    name = session.scalar(unknown.limit(1))
    if name is not None:
        raise NotPossible(
            f"The outcome of a message of {name} to {person.called} is unknown. Run the delivery again, or decide with"
            f" `campaign delivery settle {name}`, then erase."
        )
    waiting = select(Agreement.id).where(is_about(person, Agreement), col(Agreement.state) == AgreementState.AGREED)
    erased = Erased(
        counts=count_held(session, person),
        has_token=session.scalar(waiting.limit(1)) is not None,
        still_named_in=still_named_in(session, person),
    )
    _remove_mentions(session, person)
    names = [erasures.handle_name(handle) for handle in person.handles]
    names += [erasures.email_name(contact.email) for contact in person.contacts if contact.email]
    erasures.record(session, [*names, person.external_id] if person.external_id else names, now)
    for section, table in reversed(list(SECTIONS.items())):
        if section == "messages":
            _anonymise_messages(session, person, now)
        else:
            session.execute(delete(table).where(is_about(person, table)), execution_options=_UNSYNCHRONIZED)
    return erased


#: The rows are not used again in this session.
_UNSYNCHRONIZED = {"synchronize_session": False}


def _anonymise_messages(session: Session, person: Person, now: datetime) -> None:
    """Removes texts and the person from the log, whose rows stay as counts.

    The visitor becomes the id of the message itself, made negative: not a visitor's, and different in each delivery.
    NO_VISITOR would make it the row of a post.
    """
    is_pending = col(Message.state) == MessageState.PENDING
    changed: dict[str, Any] = {
        "state": case((is_pending, MessageState.CANCELLED.value), else_=col(Message.state)),
        "reason_code": case((is_pending, "erased"), else_=col(Message.reason_code)),
        "reason": case((is_pending, "The person was erased."), else_=col(Message.reason)),
        "settled_at": case((is_pending, literal(now, Moment())), else_=col(Message.settled_at)),
        "text": "",
        "x_id": None,
        "visitor_id": -col(Message.id),
    }
    session.execute(update(Message).where(is_about(person, Message)).values(changed), execution_options=_UNSYNCHRONIZED)
