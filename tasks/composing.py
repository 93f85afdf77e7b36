"""A delivery from what a person described to what will go out: made, changed, looked at as a whole."""

import getpass
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import pendulum
from sqlmodel import Session

from campaign.domain.analysis import analyse
from campaign.domain.delivery_names import delivery_name
from campaign.domain.drafts import Draft
from campaign.domain.findings import Analysis
from campaign.domain.fingerprint import fingerprint
from campaign.domain.rendered import RenderedPart, Target
from campaign.errors import NotPossible, XError
from campaign.settings import load_settings
from campaign.store import approvals, budgets, deliveries, drafts, files, invitations, ledgers, messages
from campaign.store.engine import reading, writing
from campaign.x import prices
from models import NOBODY, ApiVersion, Delivery, Service
from tasks.services import check_service, choose

#: X refuses a text that an account posted so recently.
_RECENTLY = timedelta(hours=24)
_POST_ENDPOINTS = {ApiVersion.V2: "POST /2/tweets", ApiVersion.V1_1: "POST /1.1/statuses/update"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A delivery as it would go out now, and what the analysis says of it."""

    delivery: Delivery
    draft: Draft
    targets: list[Target]
    rendered: list[RenderedPart]
    analysis: Analysis
    fingerprint: str
    stamp: str


def somebody() -> str:
    """Who is asked for in the audit when nobody else is named: the person of this session."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def compose(draft: Draft, *, actor: str, flow_run_id: str | None = None, template: str | None = None) -> Delivery:
    """Make a delivery; raises WrongUsage when a service is unknown. A run started again finds the one it made."""
    services, proof = _services_of(draft)
    now = pendulum.now("UTC")
    with writing() as session:
        if flow_run_id and (known := deliveries.composed_by(session, flow_run_id)):
            return known
        name = _free_name(session, draft, now)
        return drafts.create(
            session, draft, name, services, proof, actor=actor, now=now, template=template, flow_run_id=flow_run_id
        )


def recompose(name: str, draft: Draft, *, actor: str) -> Delivery:
    """Change a delivery to what is described; its analysis and its confirmation are void."""
    services, proof = _services_of(draft)
    with writing() as session:
        delivery = deliveries.named(session, name)
        drafts.change(session, delivery, draft, services, proof, actor=actor, now=pendulum.now("UTC"))
        return delivery


def _services_of(draft: Draft) -> tuple[list[Service], Service | None]:
    wanted = [*draft.services, *([draft.proof_service] if draft.proof_service else [])]
    saved = {service.internal_name.lower(): service for service in (choose(wanted).services if wanted else [])}
    named = {name.lower(): saved[name.lower()] for name in draft.services}
    return list(named.values()), saved[draft.proof_service.lower()] if draft.proof_service else None


def _free_name(session: Session, draft: Draft, now: datetime) -> str:
    day = (draft.contact_date or now).date()
    beginning = f"{draft.kind.value}-{day.isoformat()}"
    return delivery_name(draft.label, draft.kind, day, deliveries.names_like(session, beginning))


def look_at(name: str, actor: str) -> Prepared:
    """Analyse a delivery and keep what was found; accounts that were not looked at for a day are looked at first."""
    with reading() as session:
        delivery = deliveries.named(session, name)
        proof = session.get(Service, delivery.proof_service_id) if delivery.proof_service_id else None
        services = [*deliveries.targets_of(session, delivery), *([proof] if proof else [])]
    for service in services:
        with suppress(XError, NotPossible):  # what is wrong with it is kept on its row, and found by the analysis
            check_service.fn(service)
    prepared = prepare(name)
    record(prepared, actor)
    return prepared


def prepare(name: str) -> Prepared:
    """Look at a delivery as a whole, without changing or sending anything; raises WrongUsage when there is none."""
    now = pendulum.now("UTC")
    with reading() as session:
        delivery = deliveries.named(session, name)
        draft, stamp = drafts.draft_of(session, delivery), deliveries.stamp_of(session, delivery)
        services = deliveries.targets_of(session, delivery)
        targets = [_target(session, service, delivery, now) for service in services]
        proof = session.get(Service, delivery.proof_service_id) if delivery.proof_service_id else None
        proof_target = _target(session, proof, delivery, now) if proof else None
    loaded = files.load_all(item for part in draft.content.parts for item in part.media)
    analysis, rendered = analyse(
        draft,
        targets,
        loaded,
        proof=proof_target,
        proofs_sent=delivery.proofs,
        now=now,
        public_url=load_settings().public_url,
    )
    return Prepared(delivery, draft, targets, rendered, analysis, fingerprint(draft, rendered), stamp)


def _target(session: Session, service: Service, delivery: Delivery, now: datetime) -> Target:
    name = service.x_name or service.label
    return Target(
        service_id=service.id,
        internal_name=service.internal_name,
        label=service.label,
        name=name,
        longest_post=service.longest_post,
        blocked_because=service.problems if service.blocked else _removed(service),
        protected=service.protected,
        api_version=service.api_version.value,
        recent_texts=messages.recent_texts(session, service.id, now - _RECENTLY, delivery),
        left=ledgers.left(session, service.id, now),
        link_price=prices.POST_WITH_LINK_CREATE.usd,
        plain_price=prices.POST_CREATE.usd,
        alt_text_price=prices.MEDIA_METADATA.usd,
        open_at=budgets.calls_open_at(session, service.id, [_POST_ENDPOINTS[service.api_version]], now),
        fields=(
            ("label", service.label),
            ("internal_name", service.internal_name),
            ("name", name),
            ("username", service.x_username or service.internal_name),
        ),
        join_link=invitations.join_link(service.internal_name, delivery.id, NOBODY) if delivery.is_invitation else "",
    )


def _removed(service: Service) -> str:
    return "" if service.block_id else f"The service {service.internal_name} has been removed."


def record(prepared: Prepared, actor: str) -> Delivery:
    """Keep an analysis: without errors the delivery waits for a yes, unless it changed meanwhile."""
    with writing() as session:
        delivery = deliveries.get(session, prepared.delivery.id)
        is_ok = prepared.analysis.is_ok and deliveries.stamp_of(session, delivery) == prepared.stamp
        approvals.record_analysis(
            session,
            delivery,
            prepared.analysis.model_dump_json(),
            prepared.fingerprint,
            is_ok=is_ok,
            actor=actor,
            now=pendulum.now("UTC"),
        )
        return delivery
