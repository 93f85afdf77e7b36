"""Registering the workflows, the form of a service and the automations, without touching what people set in the UI."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import httpx
from prefect.automations import (
    ChangeFlowRunState,
    EventTrigger,
    Posture,
    ResourceSpecification,
    RunDeployment,
)
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import BlockDocumentUpdate, DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.objects import ConcurrencyOptions, StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from ruamel.yaml import YAML

from campaign.errors import NotPossible
from campaign.settings import ROOT, Settings
from deployments.processes import HEARTBEAT_SECONDS
from deployments.worker import make_pool
from tasks.contact_acquisition import AGREED
from tasks.services import SLUG, TwitterService

PREFECT_FILE = ROOT / "prefect.yaml"

DEAD_RUNS = "Mark dead runs as crashed"
#: On every deployment in prefect.yaml: other workflows on the same server may have fewer heartbeats.
TAG = "campaign"
#: One heartbeat may be lost and one late before a run counts as dead.
SILENCE = timedelta(seconds=4 * HEARTBEAT_SECONDS)

ON_AGREEMENT = "Recover profiles when somebody agrees"
ACQUISITION = "contact-acquisition/contact-acquisition"
#: After the first agreement others start no run for so long; the run that begins after it finds them all.
TOGETHER = timedelta(seconds=10)
#: Longer by what two clocks may differ.
_BEGINS_AFTER = TOGETHER + timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Deployed:
    """A workflow on the server."""

    name: str
    is_enabled: bool
    next_run: datetime | None
    """When its schedule starts it next; None also for the first minute after it was enabled."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A flow as prefect.yaml deploys it."""

    flow_name: str
    entry: dict[str, Any]
    definition: dict[str, Any]
    """What each deployment of it sends: nothing that people enable, pause or edit."""

    @property
    def name(self) -> str:
        """What Prefect calls the deployment."""
        return f"{self.flow_name}/{self.entry['name']}"

    def schedules(self, timezone: str) -> list[DeploymentScheduleCreate]:
        """Builds the schedules that it begins with."""
        return [
            DeploymentScheduleCreate(
                slug=one["slug"], schedule=CronSchedule(cron=one["cron"], timezone=timezone), active=one["active"]
            )
            for one in self.entry["schedules"]
        ]


@cache
def load_workflows() -> list[Workflow]:
    """Reads prefect.yaml and imports its flows, which takes seconds and needs no server."""
    return [_load(entry) for entry in YAML(typ="safe").load(PREFECT_FILE)["deployments"]]


def _load(entry: dict[str, Any]) -> Workflow:
    flow: Flow[..., Any] = load_flow_from_entrypoint(entry["entrypoint"])
    limit = entry["concurrency_limit"]
    definition = {
        "entrypoint": entry["entrypoint"],
        "version": flow.version,
        "description": entry["description"],
        "tags": entry["tags"],
        "work_pool_name": entry["work_pool"]["name"],
        "pull_steps": [],  # as in prefect.yaml: nothing is fetched before a run
        "concurrency_limit": limit["limit"],
        "concurrency_options": ConcurrencyOptions(collision_strategy=limit["collision_strategy"]),
        "parameter_openapi_schema": parameter_schema(flow).model_dump(exclude_unset=True),
        "enforce_parameter_schema": entry["enforce_parameter_schema"],
    }
    return Workflow(flow.name, entry, definition)


def deploy(settings: Settings) -> None:
    """Registers everything with the server in use: new workflows stopped, known ones as people left them."""
    workflows = load_workflows()
    with get_client(sync_client=True) as client:
        try:
            make_pool(client)
            register_forms(client)
            for workflow in workflows:
                _register(client, workflow, settings)
            mark_dead_runs(client)
            recover_on_agreement(client)
        except httpx.HTTPError as error:
            raise NotPossible(
                f"Could not deploy the workflows to {client.api_url}: {' '.join(str(error).split())}. Run it again."
            ) from error


def deployed_workflows() -> list[Deployed]:
    """Reads the workflows as they are on the server in use."""
    with get_client(sync_client=True) as client:
        return [_state_of(client, workflow) for workflow in load_workflows()]


def _register(client: SyncPrefectClient, workflow: Workflow, settings: Settings) -> None:
    try:
        known = client.read_deployment_by_name(workflow.name)
    except ObjectNotFound:
        client.create_deployment(
            client.create_flow_from_name(workflow.flow_name),
            workflow.entry["name"],
            parameters=workflow.entry["parameters"],
            schedules=workflow.schedules(settings.timezone),
            **workflow.definition,
        )
        return
    # What is not sent stays: schedules, paused or not, job variables.
    parameters = {name: known.parameters.get(name, value) for name, value in workflow.entry["parameters"].items()}
    client.update_deployment(known.id, DeploymentUpdate(parameters=parameters, **workflow.definition))


def _state_of(client: SyncPrefectClient, workflow: Workflow) -> Deployed:
    deployment = client.read_deployment_by_name(workflow.name)
    upcoming = client.get_scheduled_flow_runs_for_deployments([deployment.id])
    times = [run.next_scheduled_start_time for run in upcoming if run.auto_scheduled and run.next_scheduled_start_time]
    enabled = not deployment.paused and any(schedule.active for schedule in deployment.schedules)
    return Deployed(workflow.name, enabled, min(times, default=None))


def register_forms(client: SyncPrefectClient) -> None:
    """Registers the form as it is now; a saved one keeps its values and is shown with the new fields."""
    try:
        TwitterService.register_type_and_schema()
    except ObjectAlreadyExists:  # another process did so at the same moment; now it is an update
        TwitterService.register_type_and_schema()
    try:
        _renew_saved_ones(client)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
            raise
        # It cannot decrypt them. What needs a service reports that; the workflows are deployed all the same.


def _renew_saved_ones(client: SyncPrefectClient) -> None:
    """Bring saved forms to the fields of now: the UI would go on to show those of the day of its first saving."""
    current = client.get_most_recent_block_schema_for_block_type(client.read_block_type_by_slug(SLUG).id)
    for document in client.read_block_documents_by_type(SLUG, include_secrets=False):
        if current and document.block_schema_id != current.id:
            # No data is nothing new: the server keeps what it has, and the keys stay there.
            change = BlockDocumentUpdate(block_schema_id=current.id, data={}, merge_existing_data=True)
            with suppress(ObjectNotFound):  # removed at this moment
                client.update_block_document(document.id, change)


def mark_dead_runs(client: SyncPrefectClient) -> None:
    """Makes or updates the automation that marks runs as crashed whose process died, so that the next may begin.

    A run that suspends itself within a second of its start would be taken for dead: its heartbeat arrives last.
    """
    keep_automation(client, _dead_runs_automation())


def _dead_runs_automation() -> AutomationCore:
    return AutomationCore(
        name=DEAD_RUNS,
        description="Frees the place of a run whose machine or process died, so that the next one can begin.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            match=ResourceSpecification.model_validate({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification.model_validate({"prefect.resource.id": f"prefect.tag.{TAG}"}),
            for_each={"prefect.resource.id"},
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"No heartbeat for {SILENCE.seconds} s: its process or machine died. Run it again.",
            )
        ],
    )


def recover_on_agreement(client: SyncPrefectClient) -> None:
    """Makes or updates the automation that recovers profiles after an agreement; its workflow must be deployed."""
    deployment = client.read_deployment_by_name(ACQUISITION)
    keep_automation(
        client,
        AutomationCore(
            name=ON_AGREEMENT,
            description="Starts contact-acquisition after a person agreed to share a profile.",
            trigger=EventTrigger(
                posture=Posture.Reactive,
                expect={AGREED},
                match=ResourceSpecification.model_validate({"prefect.resource.id": "campaign.agreement.*"}),
                threshold=1,
                within=TOGETHER,
            ),
            actions=[
                RunDeployment(
                    source="selected",
                    deployment_id=deployment.id,
                    # Not the defaults that people set for the workflow: an event never sends an invitation.
                    parameters={"message": None, "post": None},
                    schedule_after=_BEGINS_AFTER,
                )
            ],
        ),
    )


def keep_automation(client: SyncPrefectClient, wanted: AutomationCore) -> None:
    """Makes or updates an automation; there is one of its name however often this is called, and by how many."""
    if not client.read_automations_by_name(wanted.name):
        client.create_automation(wanted)
    # Two processes that made it at the same time agree on which one stays.
    first, *others = sorted(client.read_automations_by_name(wanted.name), key=lambda one: one.id)
    for other in others:
        with suppress(PrefectHTTPStatusError):  # the other one deletes it too
            client.delete_automation(other.id)
    if not _is_same(first, wanted):  # an update forgets what is being watched
        client.update_automation(first.id, wanted.model_copy(update={"enabled": first.enabled}))


def _is_same(one: Automation, other: AutomationCore) -> bool:
    return all(getattr(one, part) == getattr(other, part) for part in ("description", "trigger", "actions"))
