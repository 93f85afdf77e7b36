"""Where a person is named in what others wrote: lists of people, samples of an analysis, notes of an audit."""

from collections.abc import Iterable, Iterator

from sqlmodel import Session, col, select

from campaign.domain.broadcasts import Broadcast
from campaign.domain.drafts import Draft
from campaign.domain.findings import Analysis
from campaign.store.contact_people import Person
from models import OVER, AuditEntry, Delivery, DeliveryTemplate

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
