"""Registering the workflows, the form of a service and the automations, without touching what people set in the UI."""

import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
from filelock import FileLock
from prefect.automations import (
    ChangeFlowRunState,
    EventTrigger,
    Posture,
    ResourceSpecification,
    RunDeployment,
)
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import BlockDocumentUpdate
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from ruamel.yaml import YAML

from campaign.errors import NotPossible
from campaign.settings import ROOT, Settings
from deployments.processes import HEARTBEAT_SECONDS, child_environment, make_home
from deployments.worker import make_pool
from tasks.contact_acquisition import AGREED
from tasks.services import SLUG, TwitterService

PREFECT_FILE = ROOT / "prefect.yaml"


@dataclass(frozen=True, slots=True)
class Deployed:
    """A workflow on the server."""

    name: str
    is_enabled: bool
    next_run: datetime | None
    """When its schedule starts it next; None also for the first minute after it was enabled."""


def deploy(settings: Settings) -> list[Deployed]:
    """Register everything with the server in use: new workflows stopped, known ones as people left them."""
    make_home(settings)
    with FileLock(settings.home / "deploy.lock"), get_client(sync_client=True) as client:
        register_forms(client)
        make_pool()
        _run_prefect_deploy(settings, client, _plan())
        mark_dead_runs(client)
        recover_on_agreement(client)
        return deployed(client)


def deployed(client: SyncPrefectClient) -> list[Deployed]:
    """The workflows as they are on the server."""
    entries = _plan()["deployments"]
    known = (_known(client, entry) for entry in entries)
    return [
        _state_of(client, deployment, full_name(entry))
        for entry, deployment in zip(entries, known, strict=True)
        if deployment
    ]


def full_name(entry: dict[str, Any]) -> str:
    """What Prefect calls a deployment of prefect.yaml; a flow is named like its function."""
    return f"{entry['entrypoint'].rpartition('.')[2].replace('_', '-')}/{entry['name']}"


def _run_prefect_deploy(settings: Settings, client: SyncPrefectClient, plan: dict[str, Any]) -> None:
    plan["deployments"] = [_prepared(entry, _known(client, entry), settings) for entry in plan["deployments"]]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prefect.yaml"
        file.write_bytes(orjson.dumps(plan))  # all JSON is YAML
        environment = child_environment(settings) | {"PREFECT_API_URL": str(client.api_url)}
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        log = settings.home / "logs" / "deploy.log"
        log.write_text(done.stdout + done.stderr)
        raise NotPossible(f"The workflows could not be deployed; what Prefect said is in {log}.")


def _plan() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(PREFECT_FILE))


def _known(client: SyncPrefectClient, entry: dict[str, Any]) -> DeploymentResponse | None:
    try:
        return client.read_deployment_by_name(full_name(entry))
    except ObjectNotFound:
        return None


def _prepared(entry: dict[str, Any], known: DeploymentResponse | None, settings: Settings) -> dict[str, Any]:
    """What is sent for one deployment: of a known one nothing that people enable, stop or edit."""
    if known is None:
        return entry | {"schedules": [one | {"timezone": settings.timezone} for one in entry["schedules"]]}
    kept = {name: known.parameters.get(name, value) for name, value in entry["parameters"].items()}
    rest = {name: value for name, value in entry.items() if name != "schedules"}
    # Left out, `paused` would be reset; left out, `schedules` stay as they are.
    return rest | {"parameters": kept, "paused": known.paused}


def _state_of(client: SyncPrefectClient, deployment: DeploymentResponse, name: str) -> Deployed:
    upcoming = client.get_scheduled_flow_runs_for_deployments([deployment.id])
    times = [run.next_scheduled_start_time for run in upcoming if run.auto_scheduled and run.next_scheduled_start_time]
    enabled = not deployment.paused and any(schedule.active for schedule in deployment.schedules)
    return Deployed(name, enabled, min(times, default=None))


def register_forms(client: SyncPrefectClient) -> None:
    """Make the form known as it is now; a saved one keeps what it says and is shown with the new fields."""
    try:
        TwitterService.register_type_and_schema()
    except ObjectAlreadyExists:  # somebody else did so at the same moment; now it is an update
        TwitterService.register_type_and_schema()
    try:
        _renew_saved_ones(client)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
            raise
        # It cannot decrypt them. Whoever needs a service is told what to do; the workflows are deployed all the same.


def _renew_saved_ones(client: SyncPrefectClient) -> None:
    """Bring saved forms to the fields of now: the UI would go on to show those of the day of its first saving."""
    current = client.get_most_recent_block_schema_for_block_type(client.read_block_type_by_slug(SLUG).id)
    for document in client.read_block_documents_by_type(SLUG, include_secrets=False):
        if current and document.block_schema_id != current.id:
            # No data is nothing new: the server keeps what it has, and the keys stay there.
            change = BlockDocumentUpdate(block_schema_id=current.id, data={}, merge_existing_data=True)
            with suppress(ObjectNotFound):  # somebody removed it at this moment
                client.update_block_document(document.id, change)


def keep_automation(client: SyncPrefectClient, wanted: AutomationCore) -> None:
    """Make or update an automation; there is one of its name however often and by how many this is called."""
    if not client.read_automations_by_name(wanted.name):
        client.create_automation(wanted)
    # Two who made it at the same time agree on which one stays.
    first, *others = sorted(client.read_automations_by_name(wanted.name), key=lambda one: one.id)
    for other in others:
        with suppress(PrefectHTTPStatusError):  # the other one deletes it too
            client.delete_automation(other.id)
    if not _is_same(first, wanted):  # an update forgets what is being watched
        client.update_automation(first.id, wanted.model_copy(update={"enabled": first.enabled}))


def _is_same(one: Automation, other: AutomationCore) -> bool:
    return all(getattr(one, part) == getattr(other, part) for part in ("description", "trigger", "actions"))


DEAD_RUNS = "Mark dead runs as crashed"
#: On every deployment in prefect.yaml: runs of others on the same server may give signs of life more rarely.
TAG = "campaign"
#: One sign of life may be lost and one late before a run counts as dead.
SILENCE = timedelta(seconds=4 * HEARTBEAT_SECONDS)


def mark_dead_runs(client: SyncPrefectClient) -> None:
    """Make or update the automation; there is one of it however often and by how many this is called.

    A run that suspends itself within a second of its start would be taken for dead: its sign of life arrives last.
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
                message=f"No sign of life for {SILENCE.seconds} s: its process or machine died. Run it again.",
            )
        ],
    )


ON_AGREEMENT = "Recover profiles when somebody agrees"
WORKFLOW = "contact-acquisition/contact-acquisition"
#: After the first yes others are not told for so long; the run that begins after it finds them all.
TOGETHER = timedelta(seconds=10)
#: Longer by what two clocks may differ.
_BEGINS_AFTER = TOGETHER + timedelta(seconds=5)


def recover_on_agreement(client: SyncPrefectClient) -> None:
    """Make or update the automation, once the workflow is deployed."""
    try:
        deployment = client.read_deployment_by_name(WORKFLOW)
    except ObjectNotFound:
        return
    keep_automation(
        client,
        AutomationCore(
            name=ON_AGREEMENT,
            description="Starts contact-acquisition when somebody agreed to share a profile.",
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
                    # Not what somebody set as the defaults of the workflow: an event never sends an invitation.
                    parameters={"message": None, "post": None},
                    schedule_after=_BEGINS_AFTER,
                )
            ],
        ),
    )
