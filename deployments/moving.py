"""Moving the workflows of a home from the server of `campaign up` to another Prefect server.

What is in our database stays there: services, deliveries, consents. Prefect alone knows the schedules as people set
them and the runs that are scheduled; they are copied, and only then stopped where they were, so that a move that breaks
off is run again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import DeploymentSchedule, FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments import run_deployment
from prefect.states import Cancelled

from campaign.errors import NotPossible, WrongUsage
from campaign.settings import Settings
from deployments.deploying import deploy_and_begin
from deployments.server import check_not_moved, checked_server, moved_file, server_of_home, used_by_prefect
from deployments.worker import TAG

_UNDER_WAY = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]


@dataclass(frozen=True, slots=True)
class Moved:
    """What arrived on the other server."""

    api_url: str
    enabled: Sequence[str]
    """The workflows whose schedule is on."""
    runs: Sequence[str]
    """The runs that are scheduled there now."""
    unanswered: Sequence[str]
    """The runs that waited for a yes or a no, and were cancelled."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A workflow as people set it, and its runs."""

    deployment: DeploymentResponse
    runs: Sequence[FlowRun]

    def in_state(self, *types: StateType) -> list[FlowRun]:
        return [run for run in self.runs if run.state and run.state.type in types]

    @property
    def scheduled(self) -> list[FlowRun]:
        """Those that no schedule will make again."""
        return [run for run in self.in_state(StateType.SCHEDULED) if not run.auto_scheduled]


def move(settings: Settings) -> Moved:
    """Moves the workflows to the server of PREFECT_API_URL or of Prefect's profile; safe to repeat.

    Raises NotPossible while a run is under way, or where one of the two servers is missing.
    """
    check_not_moved(settings)
    here, there = server_of_home(settings), checked_server(settings)
    if here is None:
        raise NotPossible("`campaign up` does not run; start it, so that what its server knows can be read.")
    if there is None or there.api_url == here.api_url:
        raise WrongUsage("Name the server to move to with PREFECT_API_URL.")
    with used_by_prefect(here), get_client(sync_client=True) as client:
        workflows = {one.name: _Known(one, _runs_of(client, one)) for one in _deployments(client)}
    if busy := [run.name for known in workflows.values() for run in known.in_state(*_UNDER_WAY)]:
        raise NotPossible(f"Runs are under way: {', '.join(busy)}. Wait for their end, or cancel them, then move.")
    with used_by_prefect(there):
        deploy_and_begin(settings, None)
        with get_client(sync_client=True) as client:
            for deployment in _deployments(client):
                if known := workflows.get(deployment.name):
                    _arrive(client, deployment, known)
    with used_by_prefect(here), get_client(sync_client=True) as client:
        for known in workflows.values():
            _stop(client, known)
    moved_file(settings).write_text(there.api_url)
    every = workflows.values()
    return Moved(
        there.api_url,
        [known.deployment.name for known in every if any(one.active for one in known.deployment.schedules)],
        [run.name for known in every for run in known.scheduled],
        [run.name for known in every for run in known.in_state(StateType.PAUSED)],
    )


def _deployments(client: SyncPrefectClient) -> list[DeploymentResponse]:
    return client.read_deployments(deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG])))


def _runs_of(client: SyncPrefectClient, deployment: DeploymentResponse) -> list[FlowRun]:
    states = FlowRunFilterState(type=FlowRunFilterStateType(any_=[*_UNDER_WAY, StateType.SCHEDULED, StateType.PAUSED]))
    found: list[FlowRun] = []
    chosen = DeploymentFilter.model_validate({"id": {"any_": [deployment.id]}})
    while page := client.read_flow_runs(
        deployment_filter=chosen, flow_run_filter=FlowRunFilter(state=states), offset=len(found), limit=200
    ):
        found += page
    return found


def _arrive(client: SyncPrefectClient, deployment: DeploymentResponse, known: _Known) -> None:
    """Sets a workflow as it was, and schedules its runs, each once."""
    before = known.deployment
    for schedule in deployment.schedules:
        client.delete_deployment_schedule(deployment.id, schedule.id)
    if before.schedules:
        client.create_deployment_schedules(deployment.id, [_copied(one) for one in before.schedules])
    parameters = deployment.parameters | _without_blocks(before.parameters)
    client.update_deployment(deployment.id, DeploymentUpdate(parameters=parameters))
    if before.paused:
        client.pause_deployment(deployment.id)
    # Those of confirmed deliveries were scheduled by the deploying.
    there = {(run.name, run.expected_start_time) for run in _runs_of(client, deployment)}
    for run in known.scheduled:
        if (run.name, run.expected_start_time) in there:
            continue
        run_deployment(
            deployment.id,
            flow_run_name=run.name,
            parameters=run.parameters,
            scheduled_time=run.expected_start_time,
            timeout=0,
            as_subflow=False,
            idempotency_key=f"moved {run.id}",
            tags=run.tags,
        )


def _copied(one: DeploymentSchedule) -> DeploymentScheduleCreate:
    return DeploymentScheduleCreate(
        schedule=one.schedule,
        active=one.active,
        slug=one.slug,
        parameters=one.parameters,
        max_scheduled_runs=one.max_scheduled_runs,
    )


def _without_blocks(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves out what refers to blocks of the server that it was filled in on."""
    return {name: value for name, value in parameters.items() if "$ref" not in json.dumps(value)}


def _stop(client: SyncPrefectClient, known: _Known) -> None:
    for schedule in known.deployment.schedules:
        client.update_deployment_schedule(known.deployment.id, schedule.id, active=False)
    for run in known.scheduled:
        client.delete_flow_run(run.id)
    for run in known.in_state(StateType.PAUSED):
        client.set_flow_run_state(run.id, Cancelled(message="The workflows were moved to another Prefect server."))
