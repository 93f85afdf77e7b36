"""A broadcast as one person would get it. Nothing is changed or sent."""

from dataclasses import dataclass

from sqlmodel import Session

from campaign.domain.broadcast_text import BroadcastText
from campaign.domain.drafts import Draft
from campaign.domain.exclusion_words import EXCLUSION_SENTENCES
from campaign.domain.findings import Analysis, Sample
from campaign.errors import NotPossible
from campaign.store import broadcast_log, deliveries, drafts, people, persons
from campaign.store.engine import reading
from models import Delivery, DeliveryState, Service, Visitor
from tasks.marking import text_for

#: What an analysis says before a proof, and no longer after it.
_BEFORE_A_PROOF = "no_proof_sent"


@dataclass(frozen=True, slots=True)
class Seen:
    """A broadcast and its samples, or the message to one person; `left_out` says why the person does not get it."""

    draft: Draft
    analysis: Analysis
    is_of_one: bool = False
    left_out: str = ""


def as_analysed(name: str) -> Seen:
    """A broadcast with the samples of its analysis; raises NotPossible when it changed since, or was never analysed."""
    with reading() as session:
        delivery = deliveries.named(session, name)
        draft = drafts.draft_of(session, delivery)
        if not delivery.analysis or _is_changed(delivery):
            raise NotPossible(f"{name} is not analysed as it is now; first run: campaign delivery analyse {name}")
        return Seen(draft, analysis_of(session, delivery))


def analysis_of(session: Session, delivery: Delivery) -> Analysis:
    """What the last analysis found, without what a proof has put right since."""
    analysis = Analysis.model_validate_json(delivery.analysis)
    if not broadcast_log.count_sent_proofs(session, delivery):
        return analysis
    kept = [finding for finding in analysis.findings if finding.code != _BEFORE_A_PROOF]
    return analysis.model_copy(update={"findings": kept})


def _is_changed(delivery: Delivery) -> bool:
    """Whether it went back to editing after its analysis: whatever took it there said why."""
    return delivery.state is DeliveryState.BEING_EDITED and bool(delivery.reason)


def as_person(name: str, handle: str) -> Seen:
    """A broadcast as one person would get it now.

    Raises WrongUsage when nobody is called so, NotPossible when the text cannot be personalised for the person.
    """
    with reading() as session:
        delivery = deliveries.named(session, name)
        draft, targets = drafts.draft_of(session, delivery), deliveries.targets_of(session, delivery)
        visitor = people.named(session, handle)
        person = persons.example_of(persons.person_of(session, visitor.id))
        sender = broadcast_log.service_of(session, delivery, visitor.id)
        is_known = bool(delivery.analysis) and not _is_changed(delivery) and not sender
        excluded = broadcast_log.exclusion_of(session, delivery, visitor.id) if is_known else None
    chosen = sender or (excluded[0] if excluded else None)
    service = next((one for one in targets if one.id == chosen), targets[0] if targets else None)
    if service is None or not draft.content.parts:
        raise NotPossible(f"{name} has no text or no service; write it with: campaign delivery edit {name}")
    analysis = Analysis.model_validate_json(delivery.analysis) if delivery.analysis else Analysis()
    text = text_for(draft, service, delivery.id)
    chosen_one = analysis.model_copy(update={"samples": [_message(text, service, visitor, person)]})
    return Seen(draft, chosen_one, is_of_one=True, left_out=EXCLUSION_SENTENCES[excluded[1]] if excluded else "")


def _message(text: BroadcastText, service: Service, visitor: Visitor, person: dict[str, str | None]) -> Sample:
    called = f"@{visitor.username}" if visitor.username else visitor.external_id
    try:
        written = text.render(person)
    except NotPossible as error:
        raise NotPossible(f"The text cannot be personalised for {called}: {error}") from None
    return Sample(
        why="chosen",
        service=service.internal_name,
        handle=visitor.username or visitor.external_id,
        full_name=visitor.full_name or "",
        text=written,
    )
