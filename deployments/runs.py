"""What the desk asks of the Prefect server: runs, schedules, workers; see campaign.web.desk.runs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.utilities.urls import url_for

from campaign.errors import NotPossible
from campaign.web.desk.runs import Run, Workflow
from deployments.worker import TAG, online_workers
from models import Delivery
from tasks.continuation import schedule_delivery

_NOT_OVER = [StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED, StateType.PAUSED, StateType.CANCELLING]
#: Runs that begin later are shown by the schedule.
_SOON = timedelta(hours=1)


class PrefectRuns:
    """The Prefect server in use. Every method raises NotPossible where it cannot be reached."""

    def schedule(self, delivery: Delivery) -> datetime | None:
        """Schedules the run of a confirmed delivery; deletes waiting runs of one that is not confirmed any more."""
        with _client():
            return schedule_delivery(delivery)

    def start(self, workflow: str, name: str, parameters: Mapping[str, Any]) -> str:
        """Starts a run of a workflow now; returns the address at which Prefect shows it."""
        with _client() as client:
            deployment = self._deployment(client, workflow)
            run: Any = run_deployment(
                deployment.id, flow_run_name=name, parameters=dict(parameters), timeout=0, as_subflow=False
            )
        return self._url(run.id)

    def cancel(self, run_id: str) -> None:
        """Asks a run to end."""
        with _client() as client:
            client.set_flow_run_state(UUID(run_id), State(type=StateType.CANCELLING))

    def active(self) -> Sequence[Run]:
        """Returns the runs of the workflows that are under way or begin within an hour, the next one first."""
        soon = datetime.now(UTC) + _SOON
        with _client() as client:
            names = {one.id: one.name for one in _deployments(client)}
            found = client.read_flow_runs(
                deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=list(names))),
                flow_run_filter=FlowRunFilter(
                    state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_NOT_OVER)),
                    expected_start_time=FlowRunFilterExpectedStartTime(before_=soon),
                ),
                sort=FlowRunSort.EXPECTED_START_TIME_ASC,
                limit=100,
            )
        return [
            Run(
                id=str(run.id),
                name=run.name,
                workflow=names[run.deployment_id] if run.deployment_id else "",
                state=run.state_name or "",
                starts_at=run.expected_start_time,
                url=self._url(run.id),
            )
            for run in found
        ]

    def workflows(self) -> Sequence[Workflow]:
        """Returns the deployed workflows, by name."""
        with _client() as client:
            deployments = _deployments(client)
            upcoming = client.get_scheduled_flow_runs_for_deployments([one.id for one in deployments])
        next_runs: dict[UUID, datetime] = {}
        for run in upcoming:
            if run.auto_scheduled and run.deployment_id and run.next_scheduled_start_time:
                known = next_runs.get(run.deployment_id, run.next_scheduled_start_time)
                next_runs[run.deployment_id] = min(known, run.next_scheduled_start_time)
        found = [
            Workflow(one.name, not one.paused and any(s.active for s in one.schedules), next_runs.get(one.id))
            for one in deployments
        ]
        return sorted(found, key=lambda one: one.name)

    def switch(self, workflow: str, *, enabled: bool) -> None:
        """Starts or stops the schedule of a workflow."""
        with _client() as client:
            deployment = self._deployment(client, workflow)
            for schedule in deployment.schedules:
                client.update_deployment_schedule(deployment.id, schedule.id, active=enabled)
            if enabled and deployment.paused:
                client.resume_deployment(deployment.id)

    def workers_online(self) -> int:
        """Counts the workers that reported lately."""
        with _client():
            return len(online_workers())

    @staticmethod
    def _url(run_id: UUID) -> str:
        # Where browsers find the UI: PREFECT_UI_URL, or what follows from the address of the API.
        return url_for("flow-run", obj_id=run_id) or ""

    @staticmethod
    def _deployment(client: SyncPrefectClient, workflow: str) -> DeploymentResponse:
        try:
            return client.read_deployment_by_name(f"{workflow}/{workflow}")
        except ObjectNotFound:
            raise NotPossible(f"{workflow} is not deployed. Run `campaign deploy`.") from None


def _deployments(client: SyncPrefectClient) -> list[DeploymentResponse]:
    tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    return client.read_deployments(deployment_filter=tagged)


@contextmanager
def _client() -> Iterator[SyncPrefectClient]:
    try:
        with get_client(sync_client=True) as client:
            yield client
    except httpx.HTTPError as error:
        sentence = "The Prefect server cannot be reached, so nothing was started. Start it with: campaign up"
        raise NotPossible(f"{sentence} ({type(error).__name__})") from error
