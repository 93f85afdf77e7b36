"""Deploying to a real server: what is new is stopped, what people changed stays."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.responses import DeploymentResponse

from campaign.settings import ROOT, Settings, load_settings
from deployments.deploying import NAME as AUTOMATION
from deployments.deploying import NAME as ON_AGREEMENT
from deployments.deploying import TAG, Deployed, deploy
from deployments.processes import HEARTBEAT_SECONDS
from deployments.server import Server
from deployments.worker import POOL, make_pool
from flows.account_sync import account_sync
from flows.contact_acquisition import contact_acquisition
from flows.dm_broadcast import dm_broadcast
from flows.engagement_statistics import engagement_statistics
from flows.post_publication import post_publication
from tests.flows.marketer import pressed
from tests.servers import fresh_server

ACCOUNT_SYNC = f"{account_sync.name}/account-sync"
POST_PUBLICATION = f"{post_publication.name}/post-publication"
DM_BROADCAST = f"{dm_broadcast.name}/dm-broadcast"
CONTACT_ACQUISITION = f"{contact_acquisition.name}/contact-acquisition"
ENGAGEMENT_STATISTICS = f"{engagement_statistics.name}/engagement-statistics"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with fresh_server(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        assert str(client.api_url).startswith(server.api_url)
        yield client


def deployment_of(client: SyncPrefectClient) -> DeploymentResponse:
    return client.read_deployment_by_name(ACCOUNT_SYNC)


def change_schedule(client: SyncPrefectClient, **changes: Any) -> None:
    """As the UI does it."""
    deployment = deployment_of(client)
    address = f"{client.api_url}deployments/{deployment.id}/schedules/{deployment.schedules[0].id}"
    pressed("PATCH", address, changes)


def test_at_first_everything_is_stopped_however_many_deploy_at_once(client: SyncPrefectClient, tmp_path: Path) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda home: deploy(Settings(home=home)), homes))

    names = (ACCOUNT_SYNC, POST_PUBLICATION, DM_BROADCAST, CONTACT_ACQUISITION, ENGAGEMENT_STATISTICS)
    stopped = [Deployed(name, is_enabled=False, next_run=None) for name in names]
    assert results == [stopped] * 2
    assert [pool.name for pool in client.read_work_pools()] == [POOL]
    assert sorted(automation.name for automation in client.read_automations()) == [AUTOMATION, ON_AGREEMENT]
    assert client.read_flow_runs() == []
    assert len(client.read_deployments()) == len(stopped)


def test_a_workflow_is_deployed_as_prefect_yaml_says(client: SyncPrefectClient) -> None:
    deployment = deployment_of(client)

    assert deployment.entrypoint == "flows.account_sync.account_sync"
    assert deployment.path is None
    assert not deployment.pull_steps
    assert deployment.enforce_parameter_schema
    assert TAG in deployment.tags
    assert deployment.global_concurrency_limit is not None
    assert deployment.global_concurrency_limit.limit == 1
    assert deployment.concurrency_options is not None
    assert deployment.concurrency_options.collision_strategy == "ENQUEUE"
    [schedule] = deployment.schedules
    assert (schedule.slug, schedule.active) == ("regular", False)
    assert schedule.schedule.model_dump() == {"cron": "30 7 * * 4", "timezone": "UTC", "day_or": True}
    properties = deployment.parameter_openapi_schema["properties"]  # type: ignore[index]
    assert list(properties) == ["services", "mode"]


def test_dead_runs_are_marked_only_after_several_missing_signs_of_life(client: SyncPrefectClient) -> None:
    [automation] = client.read_automations_by_name(AUTOMATION)

    assert automation.enabled
    assert automation.trigger.within.total_seconds() >= 3 * HEARTBEAT_SECONDS  # type: ignore[union-attr]


def test_what_a_person_enabled_and_edited_stays(client: SyncPrefectClient) -> None:
    hourly = {"cron": "0 * * * *", "timezone": "Europe/Brussels", "day_or": True}
    change_schedule(client, active=True, schedule=hourly)

    workflow, *_ = deploy(load_settings())

    [schedule] = deployment_of(client).schedules
    assert workflow.is_enabled
    assert schedule.active
    assert schedule.schedule.model_dump() == hourly


def test_what_a_person_stopped_stays_stopped(client: SyncPrefectClient) -> None:
    change_schedule(client, active=False)

    workflow, *_ = deploy(load_settings())

    assert not workflow.is_enabled
    assert [schedule.active for schedule in deployment_of(client).schedules] == [False]


def test_what_a_person_paused_filled_in_or_deleted_stays(client: SyncPrefectClient) -> None:
    deployment = deployment_of(client)
    client.pause_deployment(deployment.id)
    client.delete_deployment_schedule(deployment.id, deployment.schedules[0].id)
    changes = {"parameters": {"services": ["acme"], "mode": "incremental"}}
    pressed("PATCH", f"{client.api_url}deployments/{deployment.id}", changes)

    deploy(load_settings())

    deployment = deployment_of(client)
    assert deployment.paused
    assert deployment.schedules == []
    assert deployment.parameters == changes["parameters"]


def test_an_automation_that_a_person_switched_off_stays_off(client: SyncPrefectClient) -> None:
    [automation] = client.read_automations_by_name(AUTOMATION)
    others = [(one.id, one.enabled) for one in client.read_automations() if one.id != automation.id]
    client.pause_automation(automation.id)

    deploy(load_settings())

    found = [(one.id, one.enabled) for one in client.read_automations()]
    assert sorted(found) == sorted([(automation.id, False), *others])


def test_an_agreement_starts_the_recovery_of_profiles_once_for_many(client: SyncPrefectClient) -> None:
    [automation] = client.read_automations_by_name(ON_AGREEMENT)
    trigger, [action] = automation.trigger, automation.actions

    assert automation.enabled
    assert trigger.expect == {"campaign.contact.agreed"}  # type: ignore[union-attr]
    assert action.deployment_id == client.read_deployment_by_name(CONTACT_ACQUISITION).id  # type: ignore[union-attr]
    assert action.parameters == {"message": None, "post": None}  # type: ignore[union-attr]
    # Whoever agrees while others are not told for is found by the run that begins after that.
    assert action.schedule_after > trigger.within  # type: ignore[union-attr, operator]


def test_prefects_own_command_gives_stopped_workflows_too(tmp_path: Path) -> None:
    with fresh_server(tmp_path / "home"), get_client(sync_client=True) as client:
        make_pool()
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

        [schedule] = deployment_of(client).schedules
        assert not schedule.active
        assert schedule.schedule.cron == "30 7 * * 4"  # type: ignore[union-attr]
        assert client.read_flow_runs() == []
