"""Registering the workflows with a server, without touching what people set in the UI."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from ruamel.yaml import YAML

from campaign.errors import NotPossible
from campaign.settings import ROOT, Settings
from deployments.agreements import recover_on_agreement
from deployments.dead_runs import mark_dead_runs
from deployments.environment import child_environment, make_home
from deployments.forms import register_forms
from deployments.worker import make_pool

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
