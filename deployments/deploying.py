"""Registering the workflows, the form of a service and the automations; settings of people in the UI stay.

Workflows also move from the server of `campaign up` to another Prefect server. What is in our database stays there:
services, deliveries, consents. Prefect alone knows the schedules as people set them and the runs that are scheduled;
they are copied, and only then stopped where they were, so that a move that breaks off is run again.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
from prefect.automations import ChangeFlowRunState, EventTrigger, Posture, ResourceSpecification, RunDeployment
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import BlockDocumentUpdate, DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import BlockDocument, ConcurrencyOptions, FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments import run_deployment
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.states import Cancelled
from prefect.utilities.callables import parameter_schema
from ruamel.yaml import YAML

from campaign.db.engine import make_ready
from campaign.errors import NotPossible, WrongUsage
from campaign.settings import Settings, shipped
from deployments.server import check_not_moved, checked_server, moved_file, server_of_home, used_by_prefect
from deployments.worker import POOL, TAG, check_variables, find_pool, make_pool
from tasks.contact_acquisition import AGREED
from tasks.continuation import schedule_deliveries
from tasks.services import SLUG, XAccount, take_over

NOTIFICATIONS = Path(__file__).with_name("notifications.yaml")
PREFECT_FILE = shipped("prefect.yaml", "deployments")

DEAD_RUNS = "Mark dead runs as crashed"
#: Seconds between two heartbeats of a run, as in prefect.yaml.
HEARTBEAT_SECONDS = 30
#: One heartbeat may be lost and one late before a run counts as dead.
SILENCE = timedelta(seconds=4 * HEARTBEAT_SECONDS)

#: Servers have an automation of this name: under another one it would exist twice.
ON_AGREEMENT = "Recover profiles when somebody agrees"
ACQUISITION = "contact-acquisition/contact-acquisition"
_NO: Mapping[str, Any] = MappingProxyType({})
#: Agreements within this time after the first one share its run, which begins after it.
TOGETHER = timedelta(seconds=10)
#: Longer, as clocks may differ.
_BEGINS_AFTER = TOGETHER + timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Deployed:
    """A workflow on the server."""

    name: str
    is_enabled: bool
    next_run: datetime | None
    """When its schedule starts it next; None also in the first minute after it was enabled."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A flow as prefect.yaml deploys it."""

    flow_name: str
    entry: dict[str, Any]
    definition: dict[str, Any]
    """The fields that each deploying sends: none that people enable, pause or edit."""

    def job_variables(self, known: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
        """Adds those of this deploying, and the environment of its runs, to the job variables that people set.

        An empty variable takes one away.
        """
        ours = self.entry["work_pool"]["job_variables"]["env"]
        env = {**known.get("env", {}), **more.get("env", {}), **ours}
        return {**known, **more, "env": {name: value for name, value in env.items() if value != ""}}

    @property
    def name(self) -> str:
        """Returns the name of the deployment in Prefect."""
        return f"{self.flow_name}/{self.entry['name']}"

    def schedules(self, timezone: str) -> list[DeploymentScheduleCreate]:
        """Builds the schedules of a new deployment."""
        return [
            DeploymentScheduleCreate(
                slug=one["slug"], schedule=CronSchedule(cron=one["cron"], timezone=timezone), active=one["active"]
            )
            for one in self.entry["schedules"]
        ]


@cache
def load_workflows() -> list[Workflow]:
    """Reads prefect.yaml and imports its flows, which takes seconds and needs no server."""
    workflows = []
    for entry in YAML(typ="safe").load(PREFECT_FILE)["deployments"]:
        flow: Flow[..., Any] = load_flow_from_entrypoint(entry["entrypoint"])
        limit = entry["concurrency_limit"]
        definition = {
            "entrypoint": entry["entrypoint"],
            "version": flow.version,
            "description": entry["description"],
            "tags": entry["tags"],
            "pull_steps": [],  # as in prefect.yaml: nothing is fetched before a run
            "concurrency_limit": limit["limit"],
            "concurrency_options": ConcurrencyOptions(collision_strategy=limit["collision_strategy"]),
            "parameter_openapi_schema": parameter_schema(flow).model_dump(exclude_unset=True),
            "enforce_parameter_schema": entry["enforce_parameter_schema"],
        }
        workflows.append(Workflow(flow.name, entry, definition))
    return workflows


def deploy(settings: Settings, pool: str | None = POOL, job_variables: Mapping[str, Any] = _NO) -> None:
    """Registers everything with the server in use: new workflows stopped, known ones as people set them.

    Their runs go to this work pool, or (None) stay where they are. Raises NotPossible when there is no such pool, or no
    block that a job variable refers to, WrongUsage when the type of the pool does not take these job variables.
    """
    workflows = load_workflows()
    with get_client(sync_client=True) as client:
        try:
            for block in _REFERENCE.findall(str(dict(job_variables))):
                find_block(client, block.replace(".", "/"))
            if pool in {None, POOL}:
                make_pool(client)
            register_forms(client)
            for workflow in workflows:
                _register(client, workflow, settings, pool, job_variables)
            mark_dead_runs(client)
            recover_on_agreement(client)
        except httpx.HTTPError as error:
            raise NotPossible(
                f"Could not deploy the workflows to {client.api_url}: {' '.join(str(error).split())}. Run it again."
            ) from error


#: Names and values of what other users of the Prefect server must not read.
_SECRET_NAME = re.compile(
    r"(KEY|SECRET|PASSWORD|PASSPHRASE|TOKEN|AUTH_STRING)$|^CAMPAIGN_(DATABASE|SMTP)_URL$", re.IGNORECASE
)
_WITH_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s{]+@")
_REFERENCE = re.compile(r"\{\{\s*prefect\.blocks\.([\w-]+\.[\w-]+)")


def job_variables_of(image: str, env: Sequence[str]) -> dict[str, Any]:
    """Builds the job variables of the options; raises WrongUsage for a secret that others could read there."""
    values = {}
    for one in env:
        name, is_given, value = one.partition("=")
        if not is_given or not name.isidentifier():
            raise WrongUsage(f"Invalid environment variable {name!r}. Write it like --env NAME=VALUE.")
        if _WITH_PASSWORD.search(value) or (value and "{{" not in value and _SECRET_NAME.search(name)):
            block = name.lower().replace("_", "-")
            raise WrongUsage(
                f"The Prefect server would show {name} to all its users. Save it as a block of type Secret, such as"
                f" {block}, and write: --env '{name}={{{{ prefect.blocks.secret.{block} }}}}'"
            )
        values[name] = value
    return ({"image": image} if image else {}) | ({"env": values} if values else {})


def deploy_and_begin(settings: Settings, pool: str | None = POOL, job_variables: Mapping[str, Any] = _NO) -> None:
    """Registers everything as `deploy` does, takes over forms, and schedules confirmed deliveries."""
    make_ready()
    deploy(settings, pool, job_variables)
    take_over()
    schedule_deliveries()


def deployed_workflows() -> list[Deployed]:
    """Reads the workflows as they are on the server in use."""
    found = []
    with get_client(sync_client=True) as client:
        for workflow in load_workflows():
            deployment = client.read_deployment_by_name(workflow.name)
            upcoming = client.get_scheduled_flow_runs_for_deployments([deployment.id])
            starts = [run.next_scheduled_start_time for run in upcoming if run.auto_scheduled]
            enabled = not deployment.paused and any(schedule.active for schedule in deployment.schedules)
            found.append(Deployed(workflow.name, enabled, min((at for at in starts if at), default=None)))
    return found


def _register(
    client: SyncPrefectClient, workflow: Workflow, settings: Settings, pool: str | None, more: Mapping[str, Any]
) -> None:
    try:
        known = client.read_deployment_by_name(workflow.name)
    except ObjectNotFound:
        known = None
    pool = pool or (known and known.work_pool_name) or POOL
    check_variables(find_pool(client, pool), more)
    if known is None:
        client.create_deployment(
            client.create_flow_from_name(workflow.flow_name),
            workflow.entry["name"],
            parameters=workflow.entry["parameters"],
            schedules=workflow.schedules(settings.timezone),
            job_variables=workflow.job_variables({}, more),
            work_pool_name=pool,
            **workflow.definition,
        )
        return
    # Fields that are not sent stay as they are: schedules, paused or not.
    parameters = {name: known.parameters.get(name, value) for name, value in workflow.entry["parameters"].items()}
    job_variables = workflow.job_variables(known.job_variables, more)
    change = DeploymentUpdate(
        parameters=parameters, job_variables=job_variables, work_pool_name=pool, **workflow.definition
    )
    client.update_deployment(known.id, change)


def register_forms(client: SyncPrefectClient) -> None:
    """Registers the current form; saved ones keep their values and show the new fields."""
    try:
        XAccount.register_type_and_schema()
    except ObjectAlreadyExists:  # another process did so at the same moment; now it is an update
        XAccount.register_type_and_schema()
    try:
        # The UI shows a form with the fields that it was saved with.
        current = XAccount._block_schema_id  # noqa: SLF001 - the newest one on the server can be of another version
        for document in client.read_block_documents_by_type(SLUG, include_secrets=False):
            if document.block_schema_id != current:
                # Without new data the server keeps the saved values, keys included.
                change = BlockDocumentUpdate(block_schema_id=current, data={}, merge_existing_data=True)
                with suppress(ObjectNotFound):  # removed at this moment
                    client.update_block_document(document.id, change)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
            raise
        # It cannot decrypt them. Runs that need a service report that; the workflows are deployed all the same.


def mark_dead_runs(client: SyncPrefectClient) -> None:
    """Creates or updates the automation that marks runs as crashed whose process died, so that the next can begin.

    It would also mark a run that suspends itself within a second of its start: its heartbeat arrives last.
    """
    automation = AutomationCore(
        name=DEAD_RUNS,
        description="Frees the place of a run whose machine or process died, so that the next one can begin.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            # The first also covers a run that is killed before its first heartbeat.
            after={"prefect.flow-run.Running", "prefect.flow-run.heartbeat"},
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
    save_automation(client, automation)


def recover_on_agreement(client: SyncPrefectClient) -> None:
    """Creates or updates the automation that recovers profiles after an agreement; its workflow must be deployed."""
    deployment = client.read_deployment_by_name(ACQUISITION)
    save_automation(
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


def notify_by(block: str) -> list[str]:
    """Creates or updates the automations that write to people by a block, named as `slack-webhook/marketing`.

    Returns their names. Raises NotPossible when there is no such block.
    """
    with get_client(sync_client=True) as client:
        document = find_block(client, block)
        text = NOTIFICATIONS.read_text().replace("block_document_id: BLOCK", f"block_document_id: {document.id}")
        wanted = [AutomationCore.model_validate(one) for one in YAML(typ="safe").load(text)["automations"]]
        for automation in wanted:
            save_automation(client, automation)
    return [automation.name for automation in wanted]


def find_block(client: SyncPrefectClient, block: str) -> BlockDocument:
    """Finds a block by its type and name, such as `secret/campaign-database-url`; raises NotPossible without one."""
    slug, _, name = block.partition("/")
    try:
        return client.read_block_document_by_name(name, slug)
    except ObjectNotFound:
        raise NotPossible(
            f"There is no block {block} at {client.api_url}. Save one in the UI under Blocks, and name it by its"
            " type and name, such as slack-webhook/marketing; `prefect block ls` lists them."
        ) from None


def save_automation(client: SyncPrefectClient, wanted: AutomationCore) -> None:
    """Creates or updates an automation, unique by its name even when processes do so at the same time."""
    if not client.read_automations_by_name(wanted.name):
        client.create_automation(wanted)
    # Two processes that created it at the same time delete the same one.
    first, *others = sorted(client.read_automations_by_name(wanted.name), key=lambda one: one.id)
    for other in others:
        with suppress(PrefectHTTPStatusError):  # the other one deletes it too
            client.delete_automation(other.id)
    parts = ("description", "trigger", "actions")
    if any(getattr(first, part) != getattr(wanted, part) for part in parts):  # an update resets what is being watched
        client.update_automation(first.id, wanted.model_copy(update={"enabled": first.enabled}))


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
            for schedule in known.deployment.schedules:
                client.update_deployment_schedule(known.deployment.id, schedule.id, active=False)
            for run in known.scheduled:
                client.delete_flow_run(run.id)
            for run in known.in_state(StateType.PAUSED):
                client.set_flow_run_state(
                    run.id, Cancelled(message="The workflows were moved to another Prefect server.")
                )
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
        copies = [
            DeploymentScheduleCreate(
                schedule=one.schedule,
                active=one.active,
                slug=one.slug,
                parameters=one.parameters,
                max_scheduled_runs=one.max_scheduled_runs,
            )
            for one in before.schedules
        ]
        client.create_deployment_schedules(deployment.id, copies)
    # What refers to blocks of the server that it was filled in on is left out.
    parameters = deployment.parameters | {
        name: value for name, value in before.parameters.items() if "$ref" not in json.dumps(value)
    }
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
