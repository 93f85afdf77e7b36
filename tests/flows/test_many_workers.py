"""For operators who outgrow one machine: everything on PostgreSQL, with authentication and two workers."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from uuid import UUID

import httpx
import psutil
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.events.schemas.automations import AutomationCore
from sqlalchemy import make_url

from campaign.audience import visitors
from campaign.db import engine
from campaign.db.engine import read_session
from campaign.settings import ROOT, Settings, load_settings
from campaign.simulator.server import running as simulator_running
from deployments.deploying import DEAD_RUNS, deploy
from deployments.processes import adopt, running
from deployments.server import Server, free_port, running_server, used_by_prefect
from deployments.worker import POOL
from tasks.services import TwitterService
from tests.databases import PostgresqlServer
from tests.servers import own_environment
from tests.simulated_x import SimulatedX

BRANDS = {"acme": 2_500, "bolt": 1_200, "crux": 300, "dune": 0}
PASSWORD = "admin:s3cret"


@pytest.fixture(scope="module")
def server(postgresql_server: PostgresqlServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prefect server on PostgreSQL with a password, and deployed workflows; our database is on PostgreSQL as well."""
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
        settings = stack.enter_context(own_environment(tmp_path_factory.mktemp("many") / "home", **environment))
        adopt(settings)
        engine.upgrade()
        server = stack.enter_context(running_server(settings, free_port(), ui=False))
        stack.enter_context(used_by_prefect(server.address))
        deploy(settings)
        connect_brands(settings)
        let_runs_overlap()
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


def operators_environment(settings: Settings, server: Server) -> dict[str, str]:
    """The environment of a worker by docs/operating.md: of Prefect's settings only the server and the password."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    prefects = {"PREFECT_API_URL": server.api_url, "PREFECT_API_AUTH_STRING": PASSWORD}
    return ours | prefects | {"PREFECT_HOME": str(settings.home / "operator")}


def start_workers(settings: Settings, server: Server, stack: ExitStack) -> None:
    """Two workers that take two runs at a time, so that neither takes them all."""
    for name in ("worker-1", "worker-2"):
        command = ["prefect", "worker", "start", "--pool", POOL, "--type", "process", "--limit", "2", "--name", name]
        stack.enter_context(running(settings, name, command, operators_environment(settings, server)))


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
    assert httpx.post(f"{server.api_url}/deployments/filter", json={}).status_code in {401, 403}

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


#: Longer than a heartbeat, and shorter than the run: the automation's own two minutes would make this test slow.
SILENCE = timedelta(seconds=45)


def shorten_silence() -> None:
    with get_client(sync_client=True) as client:
        [automation] = client.read_automations_by_name(DEAD_RUNS)
        fields = set(AutomationCore.model_fields) - {"owner_resource"}
        core = AutomationCore.model_validate(automation.model_dump(include=fields))
        trigger = core.trigger.model_copy(update={"within": SILENCE})
        client.update_automation(automation.id, core.model_copy(update={"trigger": trigger}))


def wait_until(run: UUID, is_reached: Callable[[State], bool], seconds: float = 120) -> State:
    deadline = time.monotonic() + seconds
    with get_client(sync_client=True) as client:
        while not ((state := client.read_flow_run(run).state) and is_reached(state)):
            assert time.monotonic() < deadline, state
            time.sleep(0.5)
        return state


def kill_run(run: UUID) -> None:
    """Kill every process of a run, as the death of its machine does."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("PREFECT__FLOW_RUN_ID") == str(run):
                process.kill()


@contextmanager
def documented_worker(settings: Settings, server: Server) -> Iterator[subprocess.Popen[bytes]]:
    """A worker by the line of docs/operating.md, which ends with its runs."""
    [line] = re.findall(r"^prefect (worker start .*)$", (ROOT / "docs/operating.md").read_text(), re.MULTILINE)
    command = [sys.executable, "-m", "prefect", *line.split()]
    worker = subprocess.Popen(command, env=operators_environment(settings, server), start_new_session=True)
    try:
        yield worker
    finally:
        worker.terminate()
        worker.wait(30)


@pytest.mark.timeout(300)
def test_a_healthy_run_of_the_documented_worker_goes_on_and_a_killed_one_is_crashed(server: Server) -> None:
    settings = load_settings()
    shorten_silence()
    x = SimulatedX(settings.x_api_url)
    for brand in ("acme", "bolt"):
        x.fault(f"/2/users/{x.command('GET', f'accounts/{brand}')['user_id']}/followers", "slow", seconds=20, times=10)
    with ExitStack() as stack:
        theirs = stack.enter_context(documented_worker(settings, server))
        healthy = start_sync("acme")
        wait_until(healthy, State.is_running)
        theirs.send_signal(signal.SIGSTOP)  # another worker takes the next run
        others = stack.enter_context(documented_worker(settings, server))
        killed = start_sync("bolt")
        wait_until(killed, State.is_running)
        theirs.send_signal(signal.SIGCONT)

        # The worker first: it would report at once that its run was killed, which nothing does on a dead machine.
        others.kill()
        others.wait()
        kill_run(killed)

        state = wait_until(killed, State.is_final)
        assert state.is_crashed()
        assert str(state.message).startswith("No heartbeat")
        state = wait_until(healthy, State.is_final)
        assert state.is_completed(), state.message
        with get_client(sync_client=True) as client:
            assert client.read_flow_run(healthy).total_run_time > SILENCE
