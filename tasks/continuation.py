"""Going on later: continuation runs, retries, and what a run logs and shows."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pendulum
from prefect import Task, runtime, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.deployments import run_deployment
from prefect.exceptions import FailedRun, ObjectNotFound, PrefectHTTPStatusError
from prefect.logging import get_run_logger
from prefect.tasks import exponential_backoff

from campaign.audience.sync import SyncReport
from campaign.errors import CampaignError, Uncertain, Unsent
from models import Service, SyncRun, SyncState
from tasks.twitter_service import block_name

#: Marks a run that only goes on with what an earlier one left unfinished.
CONTINUATION = "continuation"
#: Marks a run that ends where X allows no more calls, though no deployment can go on with it.
NO_WAIT = "no-wait"
#: How long after the beginning of a run another one goes on, should it die.
GOES_ON_AFTER = timedelta(minutes=20)


def is_continuation() -> bool:
    """Whether this run may only go on with unfinished work."""
    return CONTINUATION in (runtime.flow_run.tags or [])


def should_wait_here() -> bool:
    """Whether this run has no deployment that could be scheduled to go on, and was not told to end."""
    return runtime.deployment.id is None and NO_WAIT not in (runtime.flow_run.tags or [])


@task(name="schedule continuation", task_run_name="schedule {name}")
def schedule_continuation(name: str, at: datetime, parameters: Mapping[str, Any]) -> None:
    """Schedule one run of this deployment that goes on at the given time; safe to repeat."""
    _schedule(name, at, parameters, f"{runtime.deployment.id} {name} {at.isoformat()}")


def _schedule(name: str, at: datetime, parameters: Mapping[str, Any], key: str | None = None) -> UUID:
    run = run_deployment(
        runtime.deployment.id,
        flow_run_name=name,
        parameters=dict(parameters),
        scheduled_time=at,
        timeout=0,
        as_subflow=False,
        idempotency_key=key,
        tags=[CONTINUATION],
    )
    return cast("FlowRun", run).id


def go_on_later(name: str, at: datetime, parameters: Mapping[str, Any]) -> None:
    """Say that the work goes on at that time, and schedule it where a deployment can do so."""
    get_run_logger().info("%s continues at %s", name, at)
    if runtime.deployment.id:
        schedule_continuation(name, at, parameters)


@contextmanager
def safety_net(name: str, parameters: Mapping[str, Any]) -> Iterator[None]:
    """Schedule a run that goes on should this one die, and take it back when this one ends by itself or is stopped."""
    if runtime.deployment.id is None:
        yield
        return
    at = pendulum.now("UTC") + GOES_ON_AFTER
    net = _schedule(f"{name} (goes on if a run dies)", at, parameters)
    try:
        yield
    except Exception:  # the database is gone, for instance: the net stays
        raise
    except BaseException:
        _take_back(net)
        raise
    else:
        _take_back(net)


def _take_back(run_id: UUID) -> None:
    with get_client(sync_client=True) as client, suppress(PrefectHTTPStatusError, ObjectNotFound):
        client.delete_flow_run(run_id)


def wait_until(moment: datetime) -> None:
    """Wait in this process, for a run that no deployment could go on with."""
    while (seconds := (moment - pendulum.now("UTC")).total_seconds()) > 0:
        get_run_logger().info("X allows no more calls for now; continues in %d s", seconds)
        time.sleep(min(seconds, 60))


def is_passing(error: object) -> bool:
    """Whether a call that only reads may go better in a moment: X was away or answered nonsense, and set no time."""
    return isinstance(error, Uncertain) or (isinstance(error, Unsent) and error.retry_at is None)


def _failed_in_passing(_task: Task[..., Any], _run: TaskRun, state: State) -> bool:
    return is_passing(state.result(raise_on_failure=False))


#: For tasks that only read: four more tries after about 1, 2, 4 and 8 seconds, each up to half as long again.
RETRIES: dict[str, Any] = {
    "retries": 4,
    "retry_delay_seconds": exponential_backoff(backoff_factor=1),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _failed_in_passing,
}


def _leave_traceback_out(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, CampaignError):
        record.exc_info = record.exc_text = None
    return not _is_told(error)


def _is_told(error: BaseException | None) -> bool:
    """Whether it is only a run that ends as failed on purpose: that stands, with its sentence, in the line before.

    Prefect has its own words for one that has reports too.
    """
    return isinstance(error, FailedRun) or str(error).startswith("Unexpected result for failed state")


def speak_plainly() -> None:
    """Apply it to the logs of flow runs and task runs; safe to repeat."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_leave_traceback_out)


class SyncProgress:
    """The progress artifact of one service's sync."""

    def __init__(self, service: Service, run: SyncRun) -> None:
        self._next = 0.0
        self._expected = max(service.followers_count or 0, 1)
        self._artifact: UUID = create_progress_artifact(  # type: ignore[assignment]
            progress=self._percent(run),
            key=f"account-sync-{block_name(service.internal_name)}",
            description=f"Followers of @{service.internal_name} read",
        )

    def show(self, run: SyncRun) -> None:
        """Move the bar to where the reading stands, at most once a second until it is finished."""
        if run.state is SyncState.RUNNING and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 1
        update_progress_artifact(self._artifact, progress=self._percent(run))

    def _percent(self, run: SyncRun) -> float:
        if run.state is SyncState.FINISHED:
            return 100.0
        # Below 100 until it is finished: the count is up to a day old.
        return min(99.0, round(100 * run.followers_read / self._expected, 1))


def publish_report(reports: Sequence[SyncReport]) -> None:
    """Show the report of a sync as a table, one service a row."""
    rows = [report.as_row() for report in reports]
    columns = [name for name in (rows[0] if rows else {}) if any(row[name] for row in rows)]
    create_table_artifact(
        key="account-sync",
        table=[{name: row[name] for name in columns} for row in rows],
        description="What the account sync did. Cost is in US dollars, at the highest price X may ask.",
    )
