"""A broadcast from its draft to what will go out: aimed at people, spread over waves, looked at as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pendulum
from sqlmodel import Session

from campaign.domain.broadcast_analysis import analyse_broadcast
from campaign.domain.broadcast_text import BroadcastText
from campaign.domain.drafts import Draft
from campaign.domain.findings import Analysis
from campaign.domain.rendered import LoadedFile
from campaign.domain.waves import split
from campaign.errors import NotPossible
from campaign.settings import load_settings
from campaign.store import approvals, broadcast_log, deliveries, delivery_states, drafts, waves
from campaign.store.claims import Claim, claim
from campaign.store.engine import reading, writing
from campaign.store.lists import expect_many
from models import Delivery, DeliveryState, Service
from tasks.desks import hear
from tasks.marking import load_files, mark_of, text_for
from tasks.recipients import write_recipients
from tasks.sampling import samples_of
from tasks.service_figures import figures_of


@dataclass(frozen=True, slots=True)
class Aim:
    """A broadcast as it would go out now, and what the analysis says of it."""

    delivery: Delivery
    draft: Draft
    services: list[Service]
    analysis: Analysis
    texts: list[BroadcastText | None]


def aim(name: str, actor: str) -> Aim:
    """Analyse a broadcast: write down who gets it and who does not, and keep what was found. Sends nothing.

    What people wrote to its services is read first, where that is due: it says who agreed and who wants no more.

    Raises WrongUsage when a condition or a name in it cannot be used, NotPossible when it goes out already.
    """
    with reading() as session:
        delivery = deliveries.named(session, name)
        services = deliveries.targets_of(session, delivery)
    for service in services:
        hear(service)
    with claim(delivery.id, name, Claim.ANALYSIS):
        return _aim(name, actor)


def _aim(name: str, actor: str) -> Aim:
    now = pendulum.now("UTC")
    with writing() as session:
        delivery = deliveries.named(session, name)
        _take_back(session, delivery, actor, now)
        session.flush()
        draft, services = drafts.draft_of(session, delivery), deliveries.targets_of(session, delivery)
        stamp = deliveries.stamp_of(session, delivery)
    texts, problem = _texts(draft, services, delivery.id)
    aimed = write_recipients(delivery, services, draft.broadcast.audience, texts, now)
    shares = split(draft.broadcast.waves, [one.recipients for one in aimed])
    loaded = load_files(draft)
    with writing() as session:
        expect_many(session)
        for one, share in zip(aimed, shares, strict=True):
            waves.write(session, delivery.id, one.service.id, share)
        targets = [figures_of(session, delivery, one, share, now) for one, share in zip(aimed, shares, strict=True)]
        samples = samples_of(session, delivery, services, texts)
        analysis = analyse_broadcast(
            draft,
            targets,
            problem,
            samples,
            proofs_sent=broadcast_log.count_sent_proofs(session, delivery),
            now=now,
            files=loaded,
            public_url=load_settings().public_url,
        )
        found = Aim(deliveries.get(session, delivery.id), draft, services, analysis, texts)
        sendable = [file for file in loaded.values() if isinstance(file, LoadedFile)]
        mark = mark_of(session, found.delivery, draft, services, sendable, analysis.unconsented)
        _record(session, found, mark, stamp, actor, now)
        return found


def _take_back(session: Session, delivery: Delivery, actor: str, now: datetime) -> None:
    """Whatever was said yes to no longer counts: nothing goes out while its recipients are written anew."""
    if delivery.state not in drafts.EDITABLE:
        raise NotPossible(f"{delivery.name} is {delivery.state.value.replace('_', ' ')} and is not analysed again.")
    if delivery.state is not DeliveryState.BEING_EDITED:
        delivery_states.void(session, delivery, "It is analysed again.", actor, now)


def _texts(
    draft: Draft, services: Sequence[Service], delivery_id: int
) -> tuple[list[BroadcastText | None], str | None]:
    """The text for each service, and what is wrong with it."""
    if not draft.content.parts:
        return [None] * len(services), None
    try:
        return [text_for(draft, service, delivery_id) for service in services], None
    except NotPossible as error:
        return [None] * len(services), str(error)


def _record(session: Session, aim: Aim, mark: str, stamp: str, actor: str, now: datetime) -> None:
    """Keep the analysis: without errors the broadcast waits for a yes, unless it changed meanwhile."""
    delivery = aim.delivery
    is_ok = aim.analysis.is_ok and deliveries.stamp_of(session, delivery) == stamp
    analysis = aim.analysis.model_dump_json()
    approvals.record_analysis(session, delivery, analysis, mark, is_ok=is_ok, actor=actor, now=now)
