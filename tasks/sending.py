"""The steps of sending a confirmed delivery: begin, publish on each account, conclude."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pendulum
from prefect import task
from sqlmodel import Session

from campaign.domain.delivery_reports import DeliveryReport, report_of
from campaign.domain.outcome import state_after, why_failed
from campaign.domain.rendered import RenderedPart
from campaign.errors import NotPossible, WrongUsage, XError
from campaign.settings import load_settings
from campaign.store import deliveries, delivery_states, messages, services
from campaign.store.claims import Claim, claim
from campaign.store.engine import reading, writing
from models import MAIN, Delivery, DeliveryKind, DeliveryState, Message, MessageState, Service
from tasks.composing import Prepared, prepare
from tasks.linking import shorten_posts
from tasks.looking import look_for
from tasks.opening import open_up
from tasks.previewing import UploadProgress
from tasks.progress import End, Progress
from tasks.retrying import RETRIES
from tasks.services import check_service, gateway_of
from tasks.threads import publish_parts
from tasks.work import Work


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
    delivery_states.move(session, delivery, state, "campaign", pendulum.now("UTC"), reason)


def report_on(session: Session, delivery: Delivery) -> DeliveryReport:
    """The log of a delivery as people and scripts read it."""
    known = {service.id: service for service in services.all_known(session)}
    return report_of(delivery, messages.of_delivery(session, delivery), known)
