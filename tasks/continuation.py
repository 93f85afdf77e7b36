"""Going on when X allows calls again, without anybody waiting."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pendulum
from prefect import runtime, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.logging import get_run_logger

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
