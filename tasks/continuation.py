"""Going on later: continuation runs, retries, and what a run logs and shows."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pendulum
from prefect import Task, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.deployments import run_deployment
from prefect.exceptions import FailedRun, ObjectNotFound, PrefectHTTPStatusError
from prefect.logging import get_run_logger
from prefect.tasks import exponential_backoff

from campaign.errors import CampaignError, is_passing

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


def publish_table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Shows a report as a table artifact, one service a row, without the columns that say nothing."""
    columns = [name for name in (rows[0] if rows else {}) if any(row[name] for row in rows)]
    table = [{name: row[name] for name in columns} for row in rows]
    create_table_artifact(key=key, table=table, description=description)


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


def configure_run_logs() -> None:
    """Leaves tracebacks of errors raised on purpose out of the logs of runs; safe to repeat."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_leave_traceback_out)
