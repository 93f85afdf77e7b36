"""What went out on an account before."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import pendulum
from sqlmodel import Session, col, select

from campaign.consent import agreements
from campaign.db.engine import reading, writing
from campaign.deliveries import approval, links, media
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import fingerprint
from campaign.deliveries.draft import Draft, RenderedPart, Target
from campaign.deliveries.findings import Analysis
from campaign.errors import NotPossible, XError
from campaign.limits import rate_limits, spend_cap
from campaign.posts.analysis import analyse
from campaign.posts.preview import post_of, preview_of
from campaign.reporting.document import Document
from campaign.reporting.markdown import as_markdown
from campaign.services.connection import check_if_due
from campaign.settings import load_settings
from campaign.x import prices
from models import NOBODY, ApiVersion, Delivery, Message, MessageState, Service


def recent_texts(session: Session, service_id: int, since: datetime, but: Delivery) -> tuple[str, ...]:
    """What went out on an account since a moment, other than by this delivery; with the links as they were written."""
    sent = select(Message.text).where(
        col(Message.service_id) == service_id,
        col(Message.state) == MessageState.SENT,
        col(Message.settled_at) >= since,
        col(Message.delivery_id) != but.id,
    )
    return tuple(links.as_written(session, list(session.exec(sent))))


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


def look_at(name: str, actor: str) -> Prepared:
    """Analyse a delivery and keep what was found; accounts that were not looked at for a day are looked at first."""
    with reading() as session:
        delivery = deliveries.named(session, name)
        proof = session.get(Service, delivery.proof_service_id) if delivery.proof_service_id else None
        services = [*deliveries.targets_of(session, delivery), *([proof] if proof else [])]
    for service in services:
        with suppress(XError, NotPossible):  # what is wrong with it is kept on its row, and found by the analysis
            check_if_due(service)
    prepared = prepare(name)
    record(prepared, actor)
    return prepared


def prepare(name: str) -> Prepared:
    """Look at a delivery as a whole, without changing or sending anything; raises WrongUsage when there is none."""
    now = pendulum.now("UTC")
    with reading() as session:
        delivery = deliveries.named(session, name)
        draft, stamp = deliveries.draft_of(session, delivery), deliveries.stamp_of(session, delivery)
        services = deliveries.targets_of(session, delivery)
        targets = [_target(session, service, delivery, now) for service in services]
        proof = session.get(Service, delivery.proof_service_id) if delivery.proof_service_id else None
        proof_target = _target(session, proof, delivery, now) if proof else None
    loaded = media.load_all(item for part in draft.content.parts for item in part.media)
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
        recent_texts=recent_texts(session, service.id, now - _RECENTLY, delivery),
        left=spend_cap.left(session, service.id, now),
        link_price=prices.POST_WITH_LINK_CREATE.usd,
        plain_price=prices.POST_CREATE.usd,
        alt_text_price=prices.MEDIA_METADATA.usd,
        open_at=rate_limits.calls_open_at(session, service.id, [_POST_ENDPOINTS[service.api_version]], now),
        fields=(
            ("label", service.label),
            ("internal_name", service.internal_name),
            ("name", name),
            ("username", service.x_username or service.internal_name),
        ),
        join_link=agreements.join_link(service.internal_name, delivery.id, NOBODY) if delivery.is_invitation else "",
    )


def _removed(service: Service) -> str:
    return "" if service.is_connected else f"The service {service.internal_name} has been removed."


def record(prepared: Prepared, actor: str) -> Delivery:
    """Keep an analysis: without errors the delivery waits for a yes, unless it changed meanwhile."""
    with writing() as session:
        delivery = deliveries.get(session, prepared.delivery.id)
        is_ok = prepared.analysis.is_ok and deliveries.stamp_of(session, delivery) == prepared.stamp
        approval.record_analysis(
            session,
            delivery,
            prepared.analysis.model_dump_json(),
            prepared.fingerprint,
            is_ok=is_ok,
            actor=actor,
            now=pendulum.now("UTC"),
        )
        return delivery


def preview_text(prepared: Prepared) -> str:
    """Writes the preview as Markdown."""
    return as_markdown(preview_document(prepared))


def preview_document(prepared: Prepared) -> Document:
    """Makes the preview of the delivery: every part on every account as X will show it."""
    analysis, name = prepared.analysis, prepared.delivery.name
    targets = {target.service_id: target for target in prepared.targets}
    times = {(one.service, one.part): one.at for one in analysis.timetable}
    posts = [
        post_of(
            targets[part.service_id],
            part,
            parts=len(prepared.draft.content.parts),
            thumbnails=[media.thumbnail(file) for file in part.files],
            at=times.get((targets[part.service_id].internal_name, part.part)),
        )
        for part in prepared.rendered
    ]
    return preview_of(prepared.delivery.label or name, name, posts, analysis.cost, analysis.findings)
