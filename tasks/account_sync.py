"""Tasks of account-sync: the steps of `campaign.audience.sync` as a run shows and retries them."""

import time
from collections.abc import Sequence
from uuid import UUID

from prefect import task
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from campaign.audience import sync
from campaign.audience.sync import Steps, SyncReport
from campaign.services.fields import block_name
from models import Service, SyncMode, SyncRun, SyncState
from tasks.continuation import RETRIES, publish_table
from tasks.services import check_service


@task(name="synchronise", task_run_name="{service.internal_name}")
def synchronise(service: Service, mode: SyncMode, flow_run_id: str) -> SyncReport:
    """Brings the followers of one service up to date, from its check to its report; never fails the others."""
    steps = Steps(check_service, estimate_cost, read_pages, SyncProgress().show)
    return sync.synchronise(service, mode, flow_run_id, steps)


@task(name="estimate cost", task_run_name="estimate cost of {service.internal_name}")
def estimate_cost(service: Service, run_id: int) -> SyncRun:
    """Compares what the reading will cost with what is left of the month's cap, before anything is spent on it."""
    return sync.estimate_cost(service, run_id)


@task(name="read pages", task_run_name="read pages of {service.internal_name}", **RETRIES)
def read_pages(service: Service, run_id: int) -> SyncRun:
    """Reads the next pages of followers; each is written in one transaction that also moves the checkpoint."""
    return sync.read_pages(service, run_id)


class SyncProgress:
    """The progress artifact of one service's sync; there is none before something was read or found out."""

    def __init__(self) -> None:
        self._next = 0.0
        self._artifact: UUID | None = None

    def show(self, service: Service, run: SyncRun) -> None:
        """Moves the bar to where the reading stands, at most once a second until it is finished."""
        if self._artifact is None:
            key = f"account-sync-{block_name(service.internal_name)}"
            description = f"Followers of @{service.internal_name} read"
            self._artifact = create_progress_artifact(_percent(service, run), key=key, description=description)  # type: ignore[assignment]
        elif run.state is not SyncState.RUNNING or time.monotonic() >= self._next:
            update_progress_artifact(self._artifact, progress=_percent(service, run))
        self._next = time.monotonic() + 1


def _percent(service: Service, run: SyncRun) -> float:
    if run.state is SyncState.FINISHED:
        return 100.0
    # Below 100 until it is finished: the count is up to a day old.
    return min(99.0, round(100 * run.followers_read / max(service.followers_count or 0, 1), 1))


def publish_report(reports: Sequence[SyncReport]) -> None:
    """Show the report of a sync as a table, one service a row."""
    description = "What the account sync did. Cost is in US dollars, at the highest price X may ask."
    publish_table("account-sync", [report.as_row() for report in reports], description)
