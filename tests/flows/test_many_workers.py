"""For operators who outgrow one machine: everything on PostgreSQL, with authentication and two workers."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import get_client
from sqlalchemy import make_url

from campaign.audience import visitors
from campaign.db import engine
from campaign.db.engine import read_session
from campaign.settings import Settings, load_settings
from campaign.simulator.server import running as simulator_running
from deployments.deploying import deploy
from deployments.processes import adopt, child_environment, running
from deployments.server import Server, free_port, running_server, used_by_prefect
from deployments.worker import POOL
from tasks.services import TwitterService
from tests.databases import PostgresqlServer
from tests.servers import own_environment

BRANDS = {"acme": 2_500, "bolt": 1_200, "crux": 300, "dune": 0}
PASSWORD = "admin:s3cret"


@pytest.fixture
def server(postgresql_server: PostgresqlServer, tmp_path: Path) -> Iterator[Server]:
    """A Prefect server on PostgreSQL that asks who asks; the campaign database is on PostgreSQL as well."""
    with ExitStack() as stack:
        ours = stack.enter_context(postgresql_server.new_database())
        prefects = make_url(stack.enter_context(postgresql_server.new_database()).url)
        environment = {
            "CAMPAIGN_DATABASE_URL": ours.url,
            "CAMPAIGN_X_API_URL": stack.enter_context(simulator_running()),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": prefects.set(drivername="postgresql+asyncpg").render_as_string(
                hide_password=False
            ),
            "PREFECT_SERVER_API_AUTH_STRING": PASSWORD,
            "PREFECT_API_AUTH_STRING": PASSWORD,
        }
        settings = stack.enter_context(own_environment(tmp_path / "home", **environment))
        adopt(settings)
        engine.upgrade()
        server = stack.enter_context(running_server(settings, free_port(), ui=False))
        stack.enter_context(used_by_prefect(server.address))
        yield server


def connect_brands(settings: Settings) -> None:
    for brand, followers in BRANDS.items():
        order = {"username": brand, "name": brand.title(), "followers": followers}
        account = httpx.post(f"{settings.x_api_url}/control/accounts", json=order).raise_for_status().json()
        keys = {name: account[name] for name in TwitterService.model_fields if name in account}
        TwitterService(label=brand.title(), internal_name=brand, **keys).save(brand)


def let_runs_overlap() -> None:
    """Runs of a workflow wait for each other; here the workers are to be seen side by side."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("account-sync/account-sync")
        client._client.patch(f"/deployments/{deployment.id}", json={"concurrency_limit": None})


def start_workers(settings: Settings, server: Server, stack: ExitStack) -> None:
    """Two workers that take two runs at a time, so that neither takes them all."""
    environment = child_environment(settings) | {"PREFECT_API_URL": server.api_url}
    for name in ("worker-1", "worker-2"):
        command = ["prefect", "worker", "start", "--pool", POOL, "--type", "process", "--limit", "2", "--name", name]
        stack.enter_context(running(settings, name, command, environment))


def start_sync(brand: str) -> UUID:
    """As the form in the UI does it."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("account-sync/account-sync")
        return client.create_flow_run_from_deployment(deployment.id, parameters={"services": [brand]}).id


def wait_for(runs: list[UUID]) -> None:
    deadline = time.monotonic() + 180
    with get_client(sync_client=True) as client:
        for run in runs:
            while not (state := client.read_flow_run(run).state) or not state.is_final():
                assert time.monotonic() < deadline
                time.sleep(0.2)
            assert state.is_completed(), state.message


@pytest.mark.timeout(300)
def test_two_workers_share_the_runs_and_every_follower_arrives_once(server: Server) -> None:
    settings = load_settings()
    assert httpx.post(f"{server.api_url}/deployments/filter", json={}).status_code == 401
    deploy(settings)
    connect_brands(settings)
    let_runs_overlap()

    runs = [start_sync(brand) for brand in BRANDS]
    with ExitStack() as stack:
        start_workers(settings, server, stack)
        wait_for(runs)

    with read_session() as session:
        counts = {
            brand: visitors.count_visitors(session, visitors.selection_of(session, brand, None, ended=False))
            for brand in BRANDS
        }
    assert counts == BRANDS
    logs = [(settings.home / "logs" / f"{name}.log").read_text() for name in ("worker-1", "worker-2")]
    shares = [log.count("submitted to infrastructure") for log in logs]
    assert sum(shares) == len(BRANDS)
    assert min(shares) > 0
