"""Continuation runs, retries, and the logs, names and artifacts of runs."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast
from uuid import UUID

import pendulum
from prefect import runtime, task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.assets import Asset, AssetProperties, materialize
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterName,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.deployments import run_deployment
from prefect.events import emit_event
from prefect.exceptions import FailedRun, ObjectNotFound, PrefectHTTPStatusError
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed
from prefect.tasks import exponential_backoff

from campaign.db.engine import Announcement, listen, read_session
from campaign.deliveries import store as deliveries
from campaign.errors import CampaignError, NotPossible, is_passing
from campaign.kinds import kind_for
from campaign.running import wait_until
from campaign.settings import load_settings
from campaign.users.email import page_of, send_emails
from models import Delivery, DeliveryState

#: Tags a run that only continues the unfinished work of an earlier one.
CONTINUATION = "continuation"
#: Tags a run that ends where X allows no more calls, even without a deployment that could continue it.
NO_WAIT = "no-wait"
#: How long after the start of a run another one continues its work, should it die.
CONTINUES_AFTER = timedelta(minutes=20)
_MOST_NAMED = 3


def dated(subject: str) -> str:
    """Names a run after its subject and the date."""
    return f"{subject} · {pendulum.now(load_settings().timezone).to_date_string()}"


def name_services(handles: Sequence[str]) -> str:
    """Lists the services of a run, the first three by name; an empty choice means all."""
    more = f" and {len(handles) - _MOST_NAMED} more" if len(handles) > _MOST_NAMED else ""
    return ", ".join(handles[:_MOST_NAMED]) + more or "all services"


def is_continuation() -> bool:
    """Tests whether this run may only continue unfinished work, whatever form the defaults of its deployment hold."""
    return CONTINUATION in (runtime.flow_run.tags or [])


def should_wait_here() -> bool:
    """Tests whether this run has to wait in its process, because no deployment can continue its work."""
    return runtime.deployment.id is None and NO_WAIT not in (runtime.flow_run.tags or [])


#: Prefect starts a scheduled run up to this long before its time.
_EARLY = timedelta(seconds=1)


def wait_if_early(until: datetime | None) -> datetime | None:
    """Waits for a moment that is less than a second away; returns any other one, for which a run is scheduled."""
    if until and timedelta(0) < until - datetime.now(UTC) <= _EARLY:
        wait_until(until)
        return None
    return until


def go_on_later(name: str, at: datetime, parameters: Mapping[str, Any]) -> None:
    """Schedules a run that continues at that time; a run of a command has it scheduled where the server deploys it."""
    deployment_id = runtime.deployment.id
    if deployment_id is None:
        workflow = runtime.flow_run.flow_name
        with get_client(sync_client=True) as client, suppress(ObjectNotFound):
            deployment_id = client.read_deployment_by_name(f"{workflow}/{workflow}").id
    if deployment_id is None:
        get_run_logger().info("%s can continue at %s, when it is started again", name, at)
        return
    get_run_logger().info("%s continues at %s", name, at)
    schedule_continuation(UUID(str(deployment_id)), name, at, parameters)
    text = f"**{name} continues at {_clock(at)}**, with a run that is scheduled: see *Upcoming* of this workflow."
    create_markdown_artifact(text, key="continues", description="This run did what X allows now.")


def _clock(at: datetime) -> str:
    """Writes a time in the zone of this installation, with its day unless that is today."""
    zone = load_settings().timezone
    local, now = pendulum.instance(at).in_timezone(zone), pendulum.now(zone)
    return local.format("HH:mm" if local.date() == now.date() else "ddd D MMM HH:mm")


def end_run(sentence: str, data: Any, *, is_well: bool = True, until: datetime | None = None) -> State:
    """Ends a run; one whose work goes on later is not simply completed: its state says until when it waits."""
    if not is_well:
        return Failed(message=sentence, data=data)
    state: State = Completed(message=sentence or None, data=data)
    return state.model_copy(update={"name": f"Continues at {_clock(until)}"}) if until else state


@task(name="schedule continuation", task_run_name="schedule {name}")
def schedule_continuation(deployment_id: UUID, name: str, at: datetime, parameters: Mapping[str, Any]) -> None:
    """Schedules one run of a deployment that continues at the given time; safe to repeat."""
    _schedule_once(deployment_id, name, at, parameters)


def _schedule_once(deployment_id: UUID, name: str, at: datetime, parameters: Mapping[str, Any]) -> None:
    for number in count():
        key = f"{deployment_id} {name} {at.astimezone(UTC).isoformat()} {number}"
        state = _schedule(deployment_id, name, at, parameters, key).state
        # A run of this key that was cancelled, or has begun, will not do the work: another one is scheduled.
        if state is None or state.is_scheduled() or state.is_pending():
            return


def _schedule(
    deployment_id: UUID, name: str, at: datetime, parameters: Mapping[str, Any], key: str | None = None
) -> FlowRun:
    run = run_deployment(
        deployment_id,
        flow_run_name=name,
        parameters=dict(parameters),
        scheduled_time=at,
        timeout=0,
        as_subflow=False,
        idempotency_key=key,
        tags=[CONTINUATION],
    )
    return cast("FlowRun", run)


def schedule_delivery(delivery: Delivery) -> datetime | None:
    """Schedules the run of a confirmed delivery, and deletes waiting runs of other times and of unconfirmed ones.

    Returns when the run starts: at the contact date, or at once. A delivery that has begun has its own continuations.
    A run that still waits for an answer to it is ended. Raises NotPossible where the workflow is not deployed.
    """
    end_question(delivery)
    if delivery.state is DeliveryState.IN_PROGRESS:
        return None
    is_confirmed = delivery.state is DeliveryState.CONFIRMED
    at = (delivery.contact_date or delivery.confirmed_at) if is_confirmed else None
    workflow = kind_for(delivery.kind).workflow
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(workflow)
        except ObjectNotFound:
            raise NotPossible(
                f"{workflow} is not deployed, so {delivery.name} is not scheduled. Run `campaign deploy`, or send it"
                f" with: campaign delivery send {delivery.name}"
            ) from None
        waiting = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
            flow_run_filter=FlowRunFilter(
                name=FlowRunFilterName(any_=[delivery.name]),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
                tags=FlowRunFilterTags(all_=[CONTINUATION]),
            ),
        )
        for run in waiting:
            if run.expected_start_time != at:
                client.delete_flow_run(run.id)
    if at:
        _schedule_once(deployment.id, delivery.name, at, {"delivery": delivery.name})
    return at


def end_question(delivery: Delivery) -> None:
    """Ends the run that is suspended until a delivery is answered, where it was answered elsewhere."""
    if not delivery.flow_run_id or delivery.state is DeliveryState.ANALYSED:
        return
    with get_client(sync_client=True) as client, suppress(ObjectNotFound, ValueError):
        run = client.read_flow_run(UUID(delivery.flow_run_id))
        if run.state and run.state.is_paused():
            by = f" by {delivery.confirmed_by}" if delivery.confirmed_by else ""
            done = f"was approved{by}" if delivery.confirmed_fingerprint else f"is {delivery.state.value}"
            sentence = f"{delivery.name} {done.replace('_', ' ')}: it was answered elsewhere. {delivery.reason}".strip()
            client.set_flow_run_state(run.id, Cancelled(name="Answered elsewhere", message=sentence), force=True)
            client.update_flow_run(run.id, name=f"{delivery.name} · answered elsewhere")


def schedule_deliveries() -> None:
    """Schedules every confirmed delivery with a contact date, such as those confirmed while no server ran."""
    with read_session() as session:
        confirmed = deliveries.listed(session, state=DeliveryState.CONFIRMED, limit=None)
    for delivery in confirmed:
        if delivery.contact_date:
            schedule_delivery(delivery)


@contextmanager
def safety_net(name: str, parameters: Mapping[str, Any]) -> Iterator[None]:
    """Schedules a run that continues should this one die, and deletes it when this one ends or is stopped."""
    if runtime.deployment.id is None:
        yield
        return
    at, deployment_id = pendulum.now("UTC") + CONTINUES_AFTER, UUID(runtime.deployment.id)
    net = _schedule(deployment_id, f"{name} (continues if a run dies)", at, parameters)
    is_needed = False
    try:
        yield
    except Exception:  # such as a lost database connection
        is_needed = True
        raise
    finally:
        if not is_needed:
            with get_client(sync_client=True) as client, suppress(PrefectHTTPStatusError, ObjectNotFound):
                client.delete_flow_run(net.id)


def publish_table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Shows a report as a table artifact, without its empty columns."""
    columns = [name for name in (rows[0] if rows else {}) if any(row[name] for row in rows)]
    table = [{name: row[name] for name in columns} for row in rows]
    create_table_artifact(key=key, table=table, description=description)


#: What the asset of that table is, for both kinds of delivery.
MESSAGES = "Each message, and each part of a post, with its outcome."


def publish_asset(table: str, description: str, **figures: int) -> None:
    """Shows that a table which a warehouse may read has new rows, as an asset with these figures of the run."""
    asset = Asset(
        key=f"campaign://tables/{table}", properties=AssetProperties(name=f"campaign: {table}", description=description)
    )

    @materialize(asset, name="update asset", task_run_name=f"update {table}")
    def update() -> None:
        asset.add_metadata(figures)

    if runtime.flow_run.id is not None:
        update()


class ProgressBar:
    """A progress artifact, created when it is first shown and updated at most once a second."""

    def __init__(self, key: str, description: str) -> None:
        self._key, self._description, self._next = key, description, 0.0
        self._artifact: UUID | None = None

    def show(self, percent: float, *, is_last: bool) -> None:
        """Moves the bar; the last value is always shown."""
        if self._artifact is None:
            self._artifact = create_progress_artifact(percent, key=self._key, description=self._description)  # type: ignore[assignment]
        elif is_last or time.monotonic() >= self._next:
            update_progress_artifact(self._artifact, percent)
        self._next = time.monotonic() + 1


#: For tasks that only read: four retries after about 1, 2, 4 and 8 seconds, each up to half as long again.
RETRIES: dict[str, Any] = {
    "retries": 4,
    "retry_delay_seconds": exponential_backoff(backoff_factor=1),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": lambda _task, _run, state: is_passing(state.result(raise_on_failure=False)),
}


def _leave_traceback_out(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, CampaignError):
        record.exc_info = record.exc_text = None
    # A run that ends as failed on purpose is logged already, with its sentence; with reports Prefect uses other words.
    return not isinstance(error, FailedRun) and not str(error).startswith("Unexpected result for failed state")


def configure_run_logs() -> None:
    """Leaves tracebacks of errors raised on purpose out of the logs of runs, and sends events; safe to repeat."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_leave_traceback_out)
    listen(send_events)
    listen(send_emails)


def send_events(announced: Sequence[Announcement]) -> None:
    """Sends what was announced to Prefect's server, in the background, as events that automations can wait for."""
    for one in announced:
        resource = {"prefect.resource.id": one.resource, "prefect.resource.name": one.resource.rpartition(".")[2]}
        try:
            emit_event(one.name, resource=resource, payload={"says": one.says, "link": page_of(one)})
        except Exception as error:  # noqa: BLE001  what happened is in the tables; the run goes on
            logging.getLogger(__name__).debug("The event %s is not sent: %s", one.name, error)
