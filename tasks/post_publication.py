"""Tasks of post-publication: compose, analyse, prove, publish, conclude, show."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import pendulum
from prefect import runtime, task
from prefect.artifacts import create_link_artifact
from prefect.client.orchestration import get_client

from campaign.broadcasts.prepare import BroadcastKind
from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft
from campaign.deliveries.edit import compose
from campaign.deliveries.kind import Kind, Progress
from campaign.posts import publish as publishing
from campaign.posts.prepare import PostKind, RenderedPost
from campaign.posts.report import DeliveryReport
from campaign.services.fields import block_name
from models import DeliveryKind, Service
from tasks.continuation import RETRIES, ProgressBar, publish_table
from tasks.services import check_service, take_over_forms


def publish_reports(reports: Sequence[DeliveryReport]) -> None:
    """Shows the results of the deliveries of this run, and the links to their first posts."""
    rows = [{"Delivery": report.name, **line.as_row()} for report in reports for line in report.lines]
    publish_table("post-publication", rows, "What was published, part by part.")
    for report in reports:
        if report.first_link:
            create_link_artifact(report.first_link, link_text=report.label or report.name, key=f"post-{report.name}")


class Form(Protocol):
    """A form of a new delivery."""

    label: str

    def draft(self) -> Draft:
        """Returns the delivery that the form describes."""
        ...


def make_ready() -> None:
    """Migrates the tables, takes over forms and returns unanswered deliveries to editing."""
    engine.make_ready()
    take_over_forms.fn()
    with transaction() as session:
        approval.return_unanswered(session, pendulum.now("UTC"))


@task(name="settle what is left", task_run_name="look for what may be out")
def settle_left_behind() -> None:
    """Looks up unknown outcomes of deliveries that are stopped, paused or over, and of proofs."""
    publishing.settle_left_behind()


@task(name="work on", task_run_name="{service.internal_name}")
def work_on(service: Service, post: RenderedPost) -> Progress:
    """Does all possible work for one account now; never fails the others."""
    return publishing.work_on(service, post, STEPS)


@task(name="publish", task_run_name="publish on {service.internal_name}", **RETRIES)
def publish_on(service: Service, post: RenderedPost, proof_number: int) -> Progress:
    """Publishes the missing parts on one account, one after the other; unknown outcomes are looked up first."""
    handle = service.internal_name
    bar = ProgressBar(f"upload-{block_name(handle)}", f"Files uploaded for @{handle}")

    def show(done: int, of: int) -> None:
        bar.show(round(100 * done / of, 1) if of else 100.0, is_last=done >= of)

    return publishing.publish_on(service, post, proof_number, show)


STEPS = publishing.Steps(check_service, publish_on)
IN_A_RUN: dict[DeliveryKind, Kind] = {DeliveryKind.POST: PostKind(STEPS), DeliveryKind.DM: BroadcastKind()}
"""The kinds of delivery, whose steps are tasks of this run."""


@task(name="conclude", task_run_name="conclude {name}")
def conclude(name: str) -> DeliveryReport:
    """Updates the state of a delivery from its log, and reports on it."""
    return publishing.conclude(name)


@task(name="compose", task_run_name="compose {form.label}")
def compose_from(form: Form) -> str:
    """Creates the delivery that the form describes, once for each run."""
    actor = f"the run {runtime.flow_run.name}"
    return compose(form.draft(), actor=actor, flow_run_id=str(runtime.flow_run.id)).name


def name_run_after(names: Sequence[str]) -> None:
    """Names this run after its deliveries: `post-2026-11-26-launch · 2 accounts`."""
    if not names or not runtime.flow_run.id:
        return
    with read_session() as session:
        targets = [deliveries.targets_of(session, deliveries.named(session, name)) for name in names]
    count = len({service.id for services in targets for service in services})
    accounts = f"{count} account{'s' if count != 1 else ''}"
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(runtime.flow_run.id), name=f"{names[0]}{more} · {accounts}")
