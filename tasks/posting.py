"""The steps from the form of a new post to an analysed delivery, and the choice of what is due."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import pendulum
from prefect import runtime, task
from prefect.client.orchestration import get_client
from sqlmodel import Session

from campaign.domain.findings import Finding
from campaign.errors import NotPossible
from campaign.store import approvals, deliveries, schema
from campaign.store.engine import reading, writing
from models import DeliveryState, Service
from tasks.composing import Prepared, compose, look_at
from tasks.post_form import PostForm
from tasks.previewing import publish_preview
from tasks.services import saved_services


def make_ready() -> None:
    """Bring the tables up to date and take back questions that nobody answered."""
    schema.make_ready()
    saved_services()
    with writing() as session:
        approvals.return_unanswered(session, pendulum.now("UTC"))


@task(name="compose", task_run_name="compose {post.label}")
def compose_post(post: PostForm) -> str:
    """Make the delivery that the form describes, once however often this run is started."""
    actor = f"the run {runtime.flow_run.name}"
    return compose(post.draft(), actor=actor, flow_run_id=str(runtime.flow_run.id)).name


@task(name="analyse", task_run_name="analyse {name}")
def analyse_delivery(name: str) -> Prepared:
    """Look at every part for every account, show the preview, and keep what was found. Sends nothing."""
    prepared = look_at(name, f"the run {runtime.flow_run.name}")
    publish_preview(prepared)
    if prepared.analysis.errors:
        raise NotPossible(f"{name} cannot go out: {_sentences(prepared.analysis.errors)}")
    return prepared


def _sentences(findings: list[Finding]) -> str:
    return " ".join(finding.sentence for finding in findings)


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
