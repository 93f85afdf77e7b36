"""Deploying to a real server: what is new is stopped, what people changed stays."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.responses import DeploymentResponse

from campaign.settings import ROOT, load_settings
from deployments.deploying import DEAD_RUNS as AUTOMATION
from deployments.deploying import HEARTBEAT_SECONDS, ON_AGREEMENT, Deployed, deploy, deployed_workflows
from deployments.worker import POOL, TAG
from flows.account_sync import account_sync
from flows.contact_acquisition import contact_acquisition
from flows.dm_broadcast import dm_broadcast
from flows.engagement_statistics import engagement_statistics
from flows.post_publication import post_publication
from tests.flows.house import House
from tests.flows.marketer import pressed

ACCOUNT_SYNC = f"{account_sync.name}/account-sync"
POST_PUBLICATION = f"{post_publication.name}/post-publication"
DM_BROADCAST = f"{dm_broadcast.name}/dm-broadcast"
CONTACT_ACQUISITION = f"{contact_acquisition.name}/contact-acquisition"
ENGAGEMENT_STATISTICS = f"{engagement_statistics.name}/engagement-statistics"


@pytest.fixture(scope="module", autouse=True)
def _as_before(open_for_all: House) -> Iterator[None]:
    """Workflows of which nothing was enabled or stopped, for the tests that follow."""
    yield
    with open_for_all.in_use(), get_client(sync_client=True) as client:
        _forget_deployments(client)
        deploy(load_settings())


def _forget_deployments(client: SyncPrefectClient) -> None:
    for deployment in client.read_deployments():
        client.delete_deployment(deployment.id)
    for automation in client.read_automations():
        client.delete_automation(automation.id)


def deployment_of(client: SyncPrefectClient) -> DeploymentResponse:
    return client.read_deployment_by_name(ACCOUNT_SYNC)


def change_schedule(client: SyncPrefectClient, **changes: Any) -> None:
    """As the UI does it."""
    deployment = deployment_of(client)
    address = f"/deployments/{deployment.id}/schedules/{deployment.schedules[0].id}"
    pressed(client, "PATCH", address, changes)


def test_at_first_everything_is_stopped_however_many_deploy_at_once(house: House) -> None:
    names = (ACCOUNT_SYNC, POST_PUBLICATION, DM_BROADCAST, CONTACT_ACQUISITION, ENGAGEMENT_STATISTICS)
    stopped = [Deployed(name, is_enabled=False, next_run=None) for name in names]
    assert house.at_first == {
        "workflows": stopped,
        "pools": [POOL],
        "automations": [AUTOMATION, ON_AGREEMENT],
        "runs": [],
        "deployments": len(stopped),
    }


def test_a_workflow_is_deployed_as_prefect_yaml_says(client: SyncPrefectClient) -> None:
    deployment = deployment_of(client)

    assert deployment.entrypoint == "campaign.workflows.account_sync"
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
    assert sorted(properties) == ["mode", "services"]


def test_dead_runs_are_marked_only_after_several_missing_heartbeats(client: SyncPrefectClient) -> None:
    [automation] = client.read_automations_by_name(AUTOMATION)
    environments = [deployment.job_variables["env"] for deployment in client.read_deployments()]
    assert {int(one["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) for one in environments} == {HEARTBEAT_SECONDS}

    assert automation.enabled
    assert automation.trigger.within.total_seconds() >= 3 * HEARTBEAT_SECONDS  # type: ignore[union-attr]


def test_what_a_person_enabled_and_edited_stays(client: SyncPrefectClient) -> None:
    hourly = {"cron": "0 * * * *", "timezone": "Europe/Brussels", "day_or": True}
    change_schedule(client, active=True, schedule=hourly)

    deploy(load_settings())

    [schedule] = deployment_of(client).schedules
    assert deployed_workflows()[0].is_enabled
    assert schedule.active
    assert schedule.schedule.model_dump() == hourly


def test_what_a_person_stopped_stays_stopped(client: SyncPrefectClient) -> None:
    change_schedule(client, active=False)

    deploy(load_settings())

    assert not deployed_workflows()[0].is_enabled
    assert [schedule.active for schedule in deployment_of(client).schedules] == [False]


def test_what_a_person_paused_filled_in_or_deleted_stays(client: SyncPrefectClient) -> None:
    deployment = deployment_of(client)
    client.pause_deployment(deployment.id)
    client.delete_deployment_schedule(deployment.id, deployment.schedules[0].id)
    changes = {
        "parameters": {"services": ["acme"], "mode": "incremental"},
        "job_variables": {"working_dir": "/srv/campaign", "env": {"LANG": "C"}},
    }
    pressed(client, "PATCH", f"/deployments/{deployment.id}", changes)

    deploy(load_settings())

    deployment = deployment_of(client)
    assert deployment.paused
    assert deployment.schedules == []
    assert deployment.parameters == changes["parameters"]
    ours = {
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
        "PREFECT_CLIENT_METRICS_ENABLED": "false",
        "MALLOC_ARENA_MAX": "1",
    }
    assert deployment.job_variables == {"working_dir": "/srv/campaign", "env": {"LANG": "C"} | ours}


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
    # An agreement that starts no run of its own is found by the run that begins after it.
    assert action.schedule_after > trigger.within  # type: ignore[union-attr, operator]


def without_identity(client: SyncPrefectClient) -> list[dict[str, Any]]:
    """Every deployment without ids and times; Prefect's command also makes the commit its version."""
    own = {"id": True, "created": True, "updated": True}
    schedule = {"__all__": own | {"deployment_id": True}}
    rest = {"flow_id": True, "labels": True, "version": True, "last_polled": True, "status": True}
    exclude: Any = own | rest | {"schedules": schedule, "global_concurrency_limit": own | {"name": True}}
    return [one.model_dump(mode="json", exclude=exclude) for one in sorted(client.read_deployments(), key=by_name)]


def by_name(deployment: DeploymentResponse) -> str:
    return deployment.name


def delete_deployments(client: SyncPrefectClient) -> None:
    for deployment in client.read_deployments():
        client.delete_deployment(deployment.id)


def test_prefects_own_command_deploys_the_same(client: SyncPrefectClient) -> None:
    zone = "Europe/Brussels"
    delete_deployments(client)
    deploy(load_settings().model_copy(update={"timezone": zone}))
    ours = without_identity(client)
    delete_deployments(client)

    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"CAMPAIGN_TIMEZONE": zone}, check=True, capture_output=True)

    assert without_identity(client) == ours
    schedules = [schedule for one in ours for schedule in one["schedules"]]
    assert [(one["active"], one["schedule"]["timezone"]) for one in schedules] == [(False, zone)] * 5
    assert client.read_flow_runs() == []
