"""Tasks of post-publication: compose, analyse, prove, publish, conclude, show."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import pendulum
from prefect import runtime, task
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from sqlmodel import Session

from campaign.db import engine
from campaign.db.engine import reading, writing
from campaign.db.locks import Claim, claim
from campaign.deliveries import approval, media
from campaign.deliveries import log as messages
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import open_up, refuse_errors
from campaign.deliveries.draft import Draft, RenderedPart
from campaign.deliveries.links import shorten_posts
from campaign.deliveries.progress import End, Progress
from campaign.errors import NotPossible, WrongUsage, XError
from campaign.limits import spend_cap
from campaign.limits.spend_cap import settle_failed_call
from campaign.posts.lookup import look_for
from campaign.posts.preview import PostView, PreviewHead, as_markdown, view_of
from campaign.posts.publish import publish_parts, state_after, why_failed
from campaign.posts.report import DeliveryReport, report_of
from campaign.posts.work import Work
from campaign.services import store as services
from campaign.services.connection import gateway_of
from campaign.settings import load_settings
from models import MAIN, Delivery, DeliveryKind, DeliveryState, Message, MessageState, Service
from tasks.continuation import RETRIES
from tasks.deliveries import Looked, Prepared, Steps, compose, look_at, prepare
from tasks.services import check_service, take_over_forms
from campaign.services.fields import block_name


def head_of(prepared: Prepared) -> PreviewHead:
    """What is said of the delivery as a whole."""
    analysis = prepared.analysis
    label = prepared.delivery.label or prepared.delivery.name
    return PreviewHead(label, prepared.delivery.name, analysis.cost, tuple(analysis.findings))


def views_of(prepared: Prepared) -> list[PostView]:
    """Every part on every account as X will show it."""
    targets = {target.service_id: target for target in prepared.targets}
    parts = len(prepared.draft.content.parts)
    times = {(one.service, one.part): one.at for one in prepared.analysis.timetable}
    return [
        view_of(
            targets[part.service_id],
            part,
            parts=parts,
            thumbnails=[media.thumbnail(file) for file in part.files],
            at=times.get((targets[part.service_id].internal_name, part.part)),
        )
        for part in prepared.rendered
    ]


def preview_text(prepared: Prepared) -> str:
    """The preview as Markdown."""
    return as_markdown(head_of(prepared), views_of(prepared))


def publish_preview(prepared: Prepared) -> str:
    """Show the preview as an artifact of this run; returns it."""
    text = preview_text(prepared)
    description = f"{prepared.delivery.name} as X will show it. Nothing of it is out yet."
    create_markdown_artifact(text, key=f"preview-{prepared.delivery.name}", description=description)
    return text


class UploadProgress:
    """A progress bar for what is uploaded to one account; there is none before anything is."""

    def __init__(self, handle: str) -> None:
        self._handle, self._next = handle, 0.0
        self._artifact: UUID | None = None

    def show(self, done: int, of: int) -> None:
        """Move the bar to so many bytes, at most once a second until all are there."""
        percent = round(100 * done / of, 1) if of else 100.0
        if self._artifact is None:
            key = f"upload-{block_name(self._handle)}"
            description = f"Files uploaded for @{self._handle}"
            self._artifact = create_progress_artifact(percent, key=key, description=description)  # type: ignore[assignment]
        elif done >= of or time.monotonic() >= self._next:
            update_progress_artifact(self._artifact, percent)
        self._next = time.monotonic() + 1


def publish_reports(reports: Sequence[DeliveryReport]) -> None:
    """Show what came of the deliveries of this run, and where the first post is."""
    rows = [{"Delivery": report.name, **line.as_row()} for report in reports for line in report.lines]
    columns = [name for name in (rows[0] if rows else {}) if any(row[name] for row in rows)]
    create_table_artifact(
        key="post-publication",
        table=[{name: row[name] for name in columns} for row in rows],
        description="What was published, part by part.",
    )
    for report in reports:
        if report.first_link:
            create_link_artifact(report.first_link, link_text=report.label or report.name, key=f"post-{report.name}")


def begin(name: str, actor: str) -> Prepared:
    """Let a confirmed delivery go out: its log is written. Raises NotPossible when it may not go out now."""
    prepared, now = prepare(name), pendulum.now("UTC")
    if prepared.delivery.kind is not DeliveryKind.POST:
        raise WrongUsage(f"{name} is a broadcast of direct messages; run dm-broadcast for it.")
    with writing() as session:
        delivery = deliveries.get(session, prepared.delivery.id)
        is_new = delivery.state is not DeliveryState.IN_PROGRESS
        reason = open_up(session, delivery, prepared.fingerprint, actor, now)
        if reason is None:
            if is_new:
                messages.plan(session, delivery, prepared.rendered)
                shorten_posts(session, delivery, prepared.rendered, now)
            session.flush()
            return replace(prepared, delivery=delivery, stamp=deliveries.stamp_of(session, delivery))
    raise NotPossible(reason)


@task(name="publish", task_run_name="publish on {service.internal_name}", **RETRIES)
def publish_on(service: Service, prepared: Prepared, proof_number: int = MAIN) -> Progress:
    """Publish what is not out yet on one account, part by part; what X may have done is looked up first."""
    with claim(service.id, service.internal_name, Claim.POSTS):
        return publish_parts(work_of(service, prepared, proof_number), UploadProgress(service.internal_name).show)


def work_of(service: Service, prepared: Prepared, proof_number: int = MAIN) -> Work:
    """What is to be done on one account; a proof shows what the first account gets."""
    shown = service.id if proof_number == MAIN else prepared.rendered[0].service_id
    parts = {part.part: replace(part, service_id=service.id) for part in prepared.rendered if part.service_id == shown}
    return _work(service, prepared.delivery, parts, prepared.stamp, proof_number)


def _work(
    service: Service, delivery: Delivery, parts: Mapping[int, RenderedPart], stamp: str, proof_number: int
) -> Work:
    return Work(
        gateway=gateway_of(service),
        service=service,
        delivery_id=delivery.id,
        parts=parts,
        stamp=stamp,
        clock=_now,
        settle_after=timedelta(seconds=load_settings().settle_seconds),
        proof_number=proof_number,
    )


def _now() -> datetime:
    return pendulum.now("UTC")


@task(name="work on", task_run_name="{service.internal_name}")
def work_on(service: Service, prepared: Prepared) -> Progress:
    """Do for one account all that can be done now; never fails the others."""
    try:
        return publish_on(check_service(service), prepared)
    except (XError, NotPossible) as error:
        return Progress(service.id, End.BLOCKED, f"{service.internal_name}: {error}")


@task(name="settle what is left", task_run_name="look for what may be out")
def settle_left_behind() -> None:
    """Look on X for parts that may be out of deliveries that do not go on: stopped, paused, over, or their proofs."""
    with reading() as session:
        left = messages.left_behind(session)
        found = [(deliveries.get(session, one.delivery_id), services.get(session, one.service_id), one) for one in left]
    for delivery, service, message in found:
        with suppress(XError, NotPossible), claim(service.id, service.internal_name, Claim.POSTS):
            look_for(_work(service, delivery, {}, "", message.proof_number), message)
        if delivery.is_over:
            with writing() as session:
                messages.cancel_pending(session, deliveries.get(session, delivery.id), _now())


def targets_left(prepared: Prepared) -> list[Service]:
    """The accounts on which something is not out."""
    with reading() as session:
        log = messages.of_delivery(session, deliveries.get(session, prepared.delivery.id))
        open_ids = {one.service_id for one in log if one.state not in {MessageState.SENT, MessageState.CANCELLED}}
        return [services.get(session, service_id) for service_id in sorted(open_ids)]


@task(name="conclude", task_run_name="conclude {name}")
def conclude(name: str) -> DeliveryReport:
    """Bring the state of a delivery in line with its log, and report on it."""
    with writing() as session:
        delivery, now = deliveries.named(session, name), pendulum.now("UTC")
        log = messages.of_delivery(session, delivery)
        if delivery.state is DeliveryState.IN_PROGRESS:
            state = state_after(log, is_expired=deliveries.is_expired(delivery, now))
            if state is not DeliveryState.IN_PROGRESS:
                _close(session, delivery, log, state)
        return report_on(session, delivery)


def _close(session: Session, delivery: Delivery, log: Sequence[Message], state: DeliveryState) -> None:
    names = {service.id: service.internal_name for service in deliveries.targets_of(session, delivery)}
    reason = why_failed(log, names) if state is DeliveryState.FAILED else ""
    if state is DeliveryState.EXPIRED:
        cancelled = messages.cancel_pending(session, delivery, _now())
        reason = f"Its validity ended; {cancelled} of {len(log)} parts did not go out."
    deliveries.move(session, delivery, state, "campaign", pendulum.now("UTC"), reason)


def report_on(session: Session, delivery: Delivery) -> DeliveryReport:
    """The log of a delivery as people and scripts read it."""
    known = {service.id: service for service in services.list_known(session)}
    return report_of(delivery, messages.of_delivery(session, delivery), known)


def send_proof(prepared: Prepared, actor: str) -> Progress:
    """Send the next proof of an analysed delivery; raises NotPossible when there is no proof service or an error."""
    if prepared.draft.proof_service is None:
        raise NotPossible(f"{prepared.delivery.name} has no proof service; choose one, or confirm it without a proof.")
    if not prepared.analysis.is_ok or not prepared.rendered:
        raise NotPossible(f"{prepared.delivery.name} has errors; put them right, then send a proof.")
    service, number, stamp = _plan(prepared, actor)
    return publish_on(check_service(service), replace(prepared, stamp=stamp), number)


def _plan(prepared: Prepared, actor: str) -> tuple[Service, int, str]:
    """Give the proof its number and write its log."""
    with writing() as session:
        delivery = deliveries.get(session, prepared.delivery.id)
        service = services.get(session, delivery.proof_service_id or 0)
        delivery.proofs += 1
        shown = [part for part in prepared.rendered if part.service_id == prepared.rendered[0].service_id]
        parts, now = [replace(part, service_id=service.id) for part in shown], pendulum.now("UTC")
        messages.plan(session, delivery, parts, delivery.proofs)
        shorten_posts(session, delivery, parts, now, delivery.proofs)
        number, to = delivery.proofs, service.internal_name
        deliveries.note(session, delivery, "proof", actor, now, f"Proof #{number} to {to}.")
        return service, delivery.proofs, deliveries.stamp_of(session, delivery)


def withdraw(name: str, actor: str, *, proofs: bool) -> int:
    """Delete from X what is out of a delivery, or of its proofs; the last part first. Returns how many posts."""
    with reading() as session:
        delivery = deliveries.named(session, name)
        log = [one for one in messages.of_delivery(session, delivery, None) if bool(one.proof_number) is proofs]
        out = [one for one in log if one.state is MessageState.SENT and not one.withdrawn_at]
        by_id = {service.id: service for service in services.list_known(session)}
    for message in reversed(out):
        _delete(by_id[message.service_id], delivery, message, actor)
    return len(out)


def _delete(service: Service, delivery: Delivery, message: Message, actor: str) -> None:
    """Delete one post; deleting it again does no harm, so a lost answer needs no look."""
    gateway, purpose = gateway_of(service), f"withdrawing message {message.id}"
    with writing() as session:
        if not spend_cap.reserve(session, service.id, purpose, gateway.deletion_price, 1, pendulum.now("UTC")):
            raise NotPossible(f"This month's spend cap of {service.internal_name} is reached; raise it or wait.")
    try:
        answer = gateway.delete_post(message.x_id or "")
    except XError as error:
        settle_failed_call(service.id, purpose, error)
        raise
    with writing() as session:
        now, known = pendulum.now("UTC"), messages.get(session, message.id)
        spend_cap.settle(session, service.id, purpose, answer.receipts, now)
        known.withdrawn_at = now
        detail = f"Part {message.part} on {service.internal_name} was deleted from X."
        deliveries.note(session, delivery, "withdrawn", actor, now, detail)


class Form(Protocol):
    """A form of a new delivery."""

    label: str

    def draft(self) -> Draft:
        """The delivery that the form describes."""
        ...


def make_ready() -> None:
    """Bring the tables up to date and take back questions that nobody answered."""
    engine.make_ready()
    take_over_forms.fn()
    with writing() as session:
        approval.return_unanswered(session, pendulum.now("UTC"))


@task(name="compose", task_run_name="compose {form.label}")
def compose_from(form: Form) -> str:
    """Make the delivery that the form describes, once however often this run is started."""
    actor = f"the run {runtime.flow_run.name}"
    return compose(form.draft(), actor=actor, flow_run_id=str(runtime.flow_run.id)).name


@task(name="analyse", task_run_name="analyse {name}")
def analyse_post(name: str) -> Looked:
    """Look at every part for every account, show the preview, and keep what was found. Sends nothing."""
    prepared = look_at(name, f"the run {runtime.flow_run.name}")
    publish_preview(prepared)
    refuse_errors(name, prepared.analysis)
    return _looked(prepared)


def _looked(prepared: Prepared) -> Looked:
    return Looked(prepared.delivery, prepared.draft, prepared.analysis, preview_text(prepared))


def _prove(looked: Looked) -> Progress | None:
    if not looked.draft.proof_service:
        return None
    name = looked.delivery.name
    progress = send_proof(prepare(name), f"the run {runtime.flow_run.name}")
    analyse_post(name)  # what it says of proofs is another thing now
    return progress


POST_STEPS = Steps(analyse=analyse_post, look_again=lambda name: _looked(prepare(name)), prove=_prove)


def name_run_after(names: Sequence[str]) -> None:
    """Call this run after what it publishes: `post-2026-11-26-launch · 2 accounts`."""
    if not names or not runtime.flow_run.id:
        return
    with reading() as session:
        accounts = {service.id for name in names for service in _targets(session, name)}
    counted = f"{len(accounts)} account{'s' if len(accounts) != 1 else ''}"
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(runtime.flow_run.id), name=f"{names[0]}{more} · {counted}")


def _targets(session: Session, name: str) -> list[Service]:
    return deliveries.targets_of(session, deliveries.named(session, name))


def due_deliveries() -> list[str]:
    """The names of the deliveries whose time has come."""
    with writing() as session:
        return [delivery.name for delivery in deliveries.due(session, pendulum.now("UTC"))]


def opens_at(name: str) -> datetime | None:
    """The contact date of a confirmed delivery that is not due yet: it can still be changed until then."""
    with reading() as session:
        delivery = deliveries.named(session, name)
    if delivery.state is not DeliveryState.CONFIRMED:
        return None
    is_early = delivery.contact_date is not None and delivery.contact_date > pendulum.now("UTC")
    return delivery.contact_date if is_early else None
