"""The steps from the form of a new post to an analysed delivery, and the choice of what is due."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import pendulum
from prefect import runtime, task
from prefect.client.orchestration import get_client
from sqlmodel import Session

from campaign.domain.drafts import Draft
from campaign.domain.findings import Analysis
from campaign.errors import NotPossible
from campaign.store import approvals, deliveries, schema
from campaign.store.engine import reading, writing
from models import DeliveryState, Service
from tasks.asking import Looked, Steps
from tasks.composing import Prepared, compose, look_at, prepare
from tasks.previewing import preview_text, publish_preview
from tasks.progress import Progress
from tasks.proofs import send_proof
from tasks.services import saved_services


class Form(Protocol):
    """A form of a new delivery."""

    label: str

    def draft(self) -> Draft:
        """The delivery that the form describes."""
        ...


def make_ready() -> None:
    """Bring the tables up to date and take back questions that nobody answered."""
    schema.make_ready()
    saved_services()
    with writing() as session:
        approvals.return_unanswered(session, pendulum.now("UTC"))


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


def refuse_errors(name: str, analysis: Analysis) -> None:
    """Raise NotPossible with every error that an analysis found."""
    if analysis.errors:
        raise NotPossible(f"{name} cannot go out: {' '.join(finding.sentence for finding in analysis.errors)}")


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
