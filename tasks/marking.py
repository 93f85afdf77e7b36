"""The mark of a broadcast: what a person says yes to, and what is compared before anything goes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from campaign.domain.broadcast_text import BroadcastText
from campaign.domain.drafts import Draft
from campaign.domain.findings import Analysis
from campaign.domain.fingerprint import broadcast_fingerprint
from campaign.domain.invitations import NO_JOIN_LINK, NO_PUBLIC_ADDRESS
from campaign.domain.message_text import JoinLink
from campaign.domain.rendered import FileProblem, LoadedFile
from campaign.errors import NotPossible
from campaign.settings import load_settings
from campaign.store import deliveries, drafts, files, invitations, waves
from campaign.store.engine import reading
from models import Delivery, Service


@dataclass(frozen=True, slots=True)
class Marked:
    """A broadcast as it stands in the database: `mark` is that of its recipients as they were written down."""

    delivery: Delivery
    draft: Draft
    services: list[Service]
    files: list[LoadedFile]
    mark: str
    stamp: str


def marked(name: str) -> Marked:
    """Read a broadcast, and its file; raises WrongUsage when there is no such delivery."""
    with reading() as session:
        delivery = deliveries.named(session, name)
        draft, services = drafts.draft_of(session, delivery), deliveries.targets_of(session, delivery)
        loaded = [file for file in load_files(draft).values() if isinstance(file, LoadedFile)]
        unconsented = Analysis.model_validate_json(delivery.analysis).unconsented if delivery.analysis else 0
        mark = mark_of(session, delivery, draft, services, loaded, unconsented)
        return Marked(delivery, draft, services, loaded, mark, deliveries.stamp_of(session, delivery))


def mark_of(
    session: Session,
    delivery: Delivery,
    draft: Draft,
    services: Sequence[Service],
    loaded: Sequence[LoadedFile],
    unconsented: int,
) -> str:
    """The mark of a broadcast whose recipients are written down."""
    return broadcast_fingerprint(
        draft,
        {service.id: waves.recipients(session, delivery.id, service.id) for service in services},
        unconsented,
        files=loaded,
        opt_out_lines={service.id: service.opt_out_line for service in services},
    )


def load_files(draft: Draft) -> Mapping[str, LoadedFile | FileProblem]:
    """The files of a broadcast, by their source."""
    return files.load_all(item for part in draft.content.parts for item in part.media)


def text_for(draft: Draft, service: Service, delivery_id: int) -> BroadcastText:
    """The text as people of a service get it; raises NotPossible when it cannot be read, or invites nobody."""
    first = draft.content.parts[0]
    link = _join_link(service, delivery_id) if draft.is_invitation else None
    words, has_file = opt_out_words(), bool(first.media)
    text = BroadcastText(first.text, fields_of(service), service.opt_out_line, words, has_file=has_file, join_link=link)
    if draft.is_invitation and not text.has_join_link:
        raise NotPossible(NO_JOIN_LINK)
    return text


def fields_of(service: Service) -> dict[str, str]:
    """The fields of `service` in a text."""
    return {
        "label": service.label,
        "internal_name": service.internal_name,
        "name": service.x_name or service.label,
        "username": service.x_username or service.internal_name,
    }


def _join_link(service: Service, delivery_id: int) -> JoinLink:
    if not load_settings().public_url:
        raise NotPossible(NO_PUBLIC_ADDRESS)
    return lambda person: invitations.join_link(service.internal_name, delivery_id, int(person.get("visitor_id") or 0))


def opt_out_words() -> frozenset[str]:
    """The words of all languages that end a consent."""
    return frozenset(word for words in load_settings().opt_out_words.values() for word in words)
