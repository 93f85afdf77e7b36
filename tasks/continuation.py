"""Going on when X allows calls again, without anybody waiting."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pendulum
from prefect import runtime, task
from prefect.deployments import run_deployment
from prefect.logging import get_run_logger

#: Marks a run that only goes on with what an earlier one left unfinished.
CONTINUATION = "continuation"
#: Marks a run that ends where X allows no more calls, though no deployment can go on with it.
NO_WAIT = "no-wait"


def is_continuation() -> bool:
    """Whether this run may only go on with unfinished work."""
    return CONTINUATION in (runtime.flow_run.tags or [])


def should_wait_here() -> bool:
    """Whether this run has no deployment that could be scheduled to go on, and was not told to end."""
    return runtime.deployment.id is None and NO_WAIT not in (runtime.flow_run.tags or [])


@task(name="schedule continuation", task_run_name="schedule {name}")
def schedule_continuation(name: str, at: datetime, parameters: Mapping[str, Any]) -> None:
    """Schedule one run of this deployment that goes on at the given time; safe to repeat."""
    run_deployment(
        runtime.deployment.id,
        flow_run_name=name,
        parameters=dict(parameters),
        scheduled_time=at,
        timeout=0,
        as_subflow=False,
        idempotency_key=f"{runtime.deployment.id} {name} {at.isoformat()}",
        tags=[CONTINUATION],
    )


def go_on_later(name: str, at: datetime, parameters: Mapping[str, Any]) -> None:
    """Say that the work goes on at that time, and schedule it where a deployment can do so."""
    get_run_logger().info("%s continues at %s", name, at)
    if runtime.deployment.id:
        schedule_continuation(name, at, parameters)


def wait_until(moment: datetime) -> None:
    """Wait in this process, for a run that no deployment could go on with."""
    while (seconds := (moment - pendulum.now("UTC")).total_seconds()) > 0:
        get_run_logger().info("X allows no more calls for now; continues in %d s", seconds)
        time.sleep(min(seconds, 60))
