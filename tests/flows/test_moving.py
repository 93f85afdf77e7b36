"""For operators who outgrow `campaign up`: what Prefect knows of the workflows arrives on a shared server."""

from collections.abc import Iterator
from pathlib import Path

import pendulum
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.states import Running, Suspended

from campaign.settings import load_settings
from deployments.deploying import deploy
from deployments.server import Server
from tasks.continuation import CONTINUATION
from tests.command import here
from tests.flows.house import House
from tests.flows.marketer import form_of
from tests.flows.test_deploying import ACCOUNT_SYNC, ENGAGEMENT_STATISTICS, POST_PUBLICATION, change_schedule
from tests.servers import started_server, used
from tests.simulated_x import SimulatedX

HOURLY = {"cron": "0 * * * *", "timezone": "Europe/Brussels", "day_or": True}


@pytest.fixture
def old(house: House, tmp_path: Path) -> Iterator[Server]:
    """The server of a home with `campaign up`; its database is that of the house, where the others move to."""
    with started_server(tmp_path / "up") as old:
        yield old
    with used(house.server), get_client(sync_client=True) as client:
        for deployment in client.read_deployments():
            client.delete_deployment(deployment.id)
        deploy(load_settings())


def confirmed_for(days: int) -> str:
    at = pendulum.now("UTC").add(days=days).to_iso8601_string()
    options = ("--kind", "post", "--service", "acme", "--text", "Hello", "--at", at)
    name = str(here("delivery", "create", *options, "--json").document["name"])
    assert here("delivery", "analyse", name).status == 0
    assert here("delivery", "confirm", name).status == 0
    return name


def runs_of(client: SyncPrefectClient, state: str) -> list[FlowRun]:
    return [run for run in client.read_flow_runs() if run.state_name == state and not run.auto_scheduled]


@pytest.mark.timeout(600)
def test_schedules_and_runs_move_as_people_set_them(house: House, old: Server, x: SimulatedX, tmp_path: Path) -> None:
    form_of(x, "acme")
    environment = {"CAMPAIGN_HOME": str(tmp_path / "up"), "CAMPAIGN_DATABASE_URL": load_settings().database_url}
    there = {**environment, **house.server.address.environment}
    with used(old), get_client(sync_client=True) as client:
        deploy(load_settings())
        change_schedule(client, active=True, schedule=HOURLY)
        statistics = client.read_deployment_by_name(ENGAGEMENT_STATISTICS)
        client.delete_deployment_schedule(statistics.id, statistics.schedules[0].id)
        name = confirmed_for(3)
        [before] = runs_of(client, "Scheduled")
        posts = client.read_deployment_by_name(POST_PUBLICATION)
        client.create_flow_run_from_deployment(posts.id, name="asks", state=Suspended())
        busy = client.create_flow_run_from_deployment(posts.id, name="busy", state=Running())
        refused = here("move", **there)
        client.delete_flow_run(busy.id)

    done = here("move", **there)

    assert (refused.status, "Runs are under way: busy." in refused.sentence) == (1, True)
    assert done.status == 0, done.err
    assert f"The workflows are at {house.server.api_url}. Enabled: account-sync." in done.err
    assert "asks waited for a yes or a no" in done.err
    with get_client(sync_client=True) as client:
        [schedule] = client.read_deployment_by_name(ACCOUNT_SYNC).schedules
        assert (schedule.active, schedule.slug, schedule.schedule.model_dump()) == (True, "regular", HOURLY)
        assert client.read_deployment_by_name(ENGAGEMENT_STATISTICS).schedules == []
        [after] = runs_of(client, "Scheduled")
        assert (after.name, after.parameters, CONTINUATION in after.tags) == (name, before.parameters, True)
        assert after.expected_start_time == before.expected_start_time
    with used(old), get_client(sync_client=True) as client:
        assert [one.active for one in client.read_deployment_by_name(ACCOUNT_SYNC).schedules] == [False]
        assert runs_of(client, "Scheduled") == []
        assert [run.name for run in runs_of(client, "Cancelled")] == ["asks"]

    for command in ("move", "up"):
        again = here(command, **there)
        assert (again.status, f"were moved to {house.server.api_url}" in again.sentence) == (1, True)
