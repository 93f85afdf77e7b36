"""Messages of a broadcast as single persons get them."""

from collections.abc import Sequence

from sqlmodel import Session

from campaign.domain.broadcast_text import BroadcastText
from campaign.domain.findings import Sample
from campaign.errors import NotPossible
from campaign.store import persons, waves
from models import Delivery, Service


def samples_of(
    session: Session, delivery: Delivery, services: Sequence[Service], texts: Sequence[BroadcastText | None]
) -> list[Sample]:
    """Three messages of the first service that has any: the shortest, the longest, and a random one."""
    for service, text in zip(services, texts, strict=True):
        chosen = waves.samples(session, delivery.id, service.id, seed=delivery.id) if text else []
        if text and chosen:
            return [_sample_of(why, service, text, person) for why, person in chosen]
    return []


def _sample_of(why: str, service: Service, text: BroadcastText, person: Sequence[object]) -> Sample:
    """A message as one person gets it, or why this person gets none."""
    known = persons.example_of(person)
    try:
        written = text.render(known)
    except NotPossible as error:
        written = f"({error})"
    return Sample(
        why=why,
        service=service.internal_name,
        handle=known["username"] or known["external_id"] or "",
        full_name=known["full_name"] or "",
        text=written,
    )
