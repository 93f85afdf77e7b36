"""Tasks of post-publication: compose, analyse, prove, publish, conclude, show."""

import time
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import pendulum
from prefect import runtime, task
from prefect.artifacts import (
    create_link_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from sqlmodel import Session

from campaign.broadcasts.kind import BroadcastKind
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
from tasks.continuation import RETRIES
from tasks.services import check_service, take_over_forms


class UploadProgress:
    """A progress bar for what is uploaded to one account; there is none before anything is."""

    def __init__(self, handle: str) -> None:
        self._handle, self._next = handle, 0.0
        self._artifact: UUID | None = None

    def show(self, done: int, of: int) -> None:
        """Moves the bar to so many bytes, at most once a second until all are there."""
        percent = round(100 * done / of, 1) if of else 100.0
        if self._artifact is None:
            key = f"upload-{block_name(self._handle)}"
            description = f"Files uploaded for @{self._handle}"
            self._artifact = create_progress_artifact(percent, key=key, description=description)  # type: ignore[assignment]
        elif done >= of or time.monotonic() >= self._next:
            update_progress_artifact(self._artifact, percent)
        self._next = time.monotonic() + 1


def publish_reports(reports: Sequence[DeliveryReport]) -> None:
    """Shows what came of the deliveries of this run, and where the first post is."""
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


class Form(Protocol):
    """A form of a new delivery."""

    label: str

    def draft(self) -> Draft:
        """Returns the delivery that the form describes."""
        ...


def make_ready() -> None:
    """Brings the tables up to date and takes back unanswered questions."""
    engine.make_ready()
    take_over_forms.fn()
    with transaction() as session:
        approval.return_unanswered(session, pendulum.now("UTC"))


@task(name="settle what is left", task_run_name="look for what may be out")
def settle_left_behind() -> None:
    """Looks up unknown outcomes of deliveries that do not go on: stopped, paused, over, or their proofs."""
    publishing.settle_left_behind()


@task(name="work on", task_run_name="{service.internal_name}")
def work_on(service: Service, post: RenderedPost) -> Progress:
    """Does for one account all that can be done now; never fails the others."""
    return publishing.work_on(service, post, STEPS)


@task(name="publish", task_run_name="publish on {service.internal_name}", **RETRIES)
def publish_on(service: Service, post: RenderedPost, proof_number: int) -> Progress:
    """Publishes what is not out yet on one account, part by part; what X may have done is looked up first."""
    return publishing.publish_on(service, post, proof_number, UploadProgress(service.internal_name).show)


STEPS = publishing.Steps(check_service, publish_on)
IN_A_RUN: dict[DeliveryKind, Kind] = {DeliveryKind.POST: PostKind(STEPS), DeliveryKind.DM: BroadcastKind()}
"""The kinds of delivery, whose steps are tasks of this run."""


@task(name="conclude", task_run_name="conclude {name}")
def conclude(name: str) -> DeliveryReport:
    """Brings the state of a delivery in line with its log, and reports on it."""
    return publishing.conclude(name)


@task(name="compose", task_run_name="compose {form.label}")
def compose_from(form: Form) -> str:
    """Makes the delivery that the form describes, once however often this run is started."""
    actor = f"the run {runtime.flow_run.name}"
    return compose(form.draft(), actor=actor, flow_run_id=str(runtime.flow_run.id)).name


def name_run_after(names: Sequence[str]) -> None:
    """Calls this run after what it publishes: `post-2026-11-26-launch · 2 accounts`."""
    if not names or not runtime.flow_run.id:
        return
    with read_session() as session:
        accounts = {service.id for name in names for service in _targets(session, name)}
    counted = f"{len(accounts)} account{'s' if len(accounts) != 1 else ''}"
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(runtime.flow_run.id), name=f"{names[0]}{more} · {counted}")


def _targets(session: Session, name: str) -> list[Service]:
    return deliveries.targets_of(session, deliveries.named(session, name))
