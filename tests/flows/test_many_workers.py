"""For operators who outgrow one machine: everything on PostgreSQL, with authentication and two workers."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import pytest
from cryptography.fernet import Fernet
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.events.schemas.automations import AutomationCore
from sqlalchemy import make_url

from campaign.audience import visitors
from campaign.db.engine import read_session
from campaign.settings import ROOT, load_settings
from campaign.simulator.server import running as simulator_running
from deployments.deploying import DEAD_RUNS
from deployments.processes import adopt
from deployments.server import Server, free_port, running_server, used_by_prefect
from deployments.worker import online_workers
from tests.command import here
from tests.databases import PostgresqlServer
from tests.servers import own_environment
from tests.simulated_x import SimulatedX

BRANDS = {"acme": 2_500, "bolt": 1_200, "crux": 10}
PASSWORD = "admin:s3cret"
WORKERS = ("worker-1", "worker-2")


def documented(settings: Mapping[str, str]) -> tuple[str, list[str]]:
    """The lines of docs/operating.md, "Several workers", with other values: the settings, then the other blocks."""
    section = (ROOT / "docs/operating.md").read_text().partition("## Several workers\n")[2].partition("\n## ")[0]
    exports, *blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    names = re.findall(r"^export (\w+)=.*$", exports, re.MULTILINE)
    assert sorted(names) == sorted(settings)
    return "".join(f"export {name}={shlex.quote(settings[name])}\n" for name in names), blocks


def shell(lines: str, home: Path) -> "subprocess.Popen[bytes]":
    """A shell on a machine of its own, in which a person types these lines."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "CAMPAIGN_"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # What is not in the documented lines: the home of that machine, the simulated X, and code that is not installed.
    environment = ours | {"PATH": path, "PYTHONPATH": str(ROOT), "CAMPAIGN_HOME": str(home)}
    environment |= {"CAMPAIGN_X_API_URL": load_settings().x_api_url}
    log = home.with_suffix(".log").open("wb")
    # Without interrupts, as where a script starts it with `&`.
    command = ["bash", "-ec", f"trap '' INT\n{lines}"]
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)


@dataclass(frozen=True)
class Machines:
    """Two machines with a worker each, by the lines of docs/operating.md, and the server that they share."""

    server: Server
    folder: Path
    workers: Mapping[str, "subprocess.Popen[bytes]"]

    def log(self, worker: str) -> str:
        return (self.folder / f"{worker}.log").read_text()

    def send(self, worker: str, number: signal.Signals) -> None:
        """Send a signal to a worker and its shell; its runs have sessions of their own."""
        os.killpg(self.workers[worker].pid, number)

    @contextmanager
    def only(self, worker: str) -> Iterator[None]:
        """Let the other worker take nothing meanwhile."""
        [other] = set(WORKERS) - {worker}
        self.send(other, signal.SIGSTOP)
        yield
        self.send(other, signal.SIGCONT)


@pytest.fixture(scope="module")
def machines(postgresql_server: PostgresqlServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """A Prefect server on PostgreSQL with a password; our database is on PostgreSQL as well."""
    folder = tmp_path_factory.mktemp("many")
    with ExitStack() as stack:
        ours = stack.enter_context(postgresql_server.new_database())
        prefects = make_url(stack.enter_context(postgresql_server.new_database()).url)
        shared = {
            "CAMPAIGN_DATABASE_URL": ours.url,
            "CAMPAIGN_ENCRYPTION_KEY": Fernet.generate_key().decode(),
            "CAMPAIGN_SIGNING_KEY": "fifty-random-characters",
            "CAMPAIGN_TIMEZONE": "Europe/Brussels",
        }
        environment = {
            **shared,
            "CAMPAIGN_X_API_URL": stack.enter_context(simulator_running()),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": prefects.set(drivername="postgresql+asyncpg").render_as_string(
                hide_password=False
            ),
            "PREFECT_SERVER_API_AUTH_STRING": PASSWORD,
            "PREFECT_API_AUTH_STRING": PASSWORD,
        }
        settings = stack.enter_context(own_environment(folder / "home", **environment))
        adopt(settings)
        server = stack.enter_context(running_server(settings, free_port(), ui=False))
        stack.enter_context(used_by_prefect(server.address))
        prefect = {"PREFECT_API_URL": server.api_url, "PREFECT_API_AUTH_STRING": PASSWORD}
        exports, [once, each] = documented(shared | prefect)
        first = shell(exports + once, folder / "first")
        assert first.wait(120) == 0, (folder / "first.log").read_text()
        workers = {name: shell(exports + each, folder / name) for name in WORKERS}
        machines = Machines(server, folder, workers)
        for name in WORKERS:
            stack.callback(_end, machines, name)
        let_runs_overlap()
        connect_brands(SimulatedX(settings.x_api_url))
        _wait(lambda: len(online_workers()) == len(WORKERS))
        yield machines


def _end(machines: Machines, worker: str) -> None:
    with suppress(ProcessLookupError):
        machines.send(worker, signal.SIGCONT)
        machines.send(worker, signal.SIGTERM)
    machines.workers[worker].wait(30)


def _wait(is_reached: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not is_reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def connect_brands(x: SimulatedX) -> None:
    for brand, followers in BRANDS.items():
        x.make(brand, followers).connect()


def let_runs_overlap() -> None:
    """Runs of a workflow wait for each other; here the workers are to be seen side by side."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("account-sync/account-sync")
        client._client.patch(f"/deployments/{deployment.id}", json={"concurrency_limit": None})


def start(workflow: str, **parameters: Any) -> UUID:
    """As the form in the UI does it."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{workflow}/{workflow}")
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters).id


def start_sync(brand: str) -> UUID:
    return start("account-sync", services=[brand])


def wait_for(*runs: UUID) -> None:
    for run in runs:
        state = wait_until(run, State.is_final, 180)
        assert state.is_completed(), state.message


def confirmed(kind: str, *options: str) -> None:
    """A delivery that a person has confirmed with commands."""
    made = here("delivery", "create", "--kind", kind, "--service", "crux", "--text", "Hello", "--json")
    name = made.document["name"]
    assert here("delivery", "analyse", name).status == 0
    assert here("delivery", "confirm", name, *options).status == 0


@pytest.mark.timeout(300)
def test_two_workers_by_the_documented_lines_run_all_five_workflows(machines: Machines) -> None:
    assert httpx.post(f"{machines.server.api_url}/deployments/filter", json={}).status_code in {401, 403}
    with machines.only("worker-1"):
        first = start_sync("acme")
        wait_until(first, lambda state: not state.is_scheduled())
    with machines.only("worker-2"):
        others = start("account-sync", services=["bolt", "crux"])
        wait_until(others, lambda state: not state.is_scheduled())
    wait_for(first, others)
    with read_session() as session:
        counts = {
            brand: visitors.count_visitors(session, visitors.selection_of(session, brand, None, ended=False))
            for brand in BRANDS
        }
    assert counts == BRANDS

    confirmed("post")
    confirmed("dm", "--accept-unconsented")
    wait_for(*map(start, ("post-publication", "dm-broadcast", "contact-acquisition", "engagement-statistics")))

    x = SimulatedX(load_settings().x_api_url)
    assert len(x.command("GET", "accounts/crux/messages")["messages"]) == BRANDS["crux"]
    assert [post["text"] for post in x.command("GET", "accounts/crux/posts")["posts"]] == ["Hello"]
    logs = [machines.log(name) for name in WORKERS]
    shares = [log.count("submitted to infrastructure") for log in logs]
    assert sum(shares) == 6
    assert min(shares) > 0
    assert all(PASSWORD not in log for log in logs)


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


@pytest.mark.timeout(300)
def test_a_healthy_run_goes_on_and_a_killed_one_is_crashed(machines: Machines) -> None:
    shorten_silence()
    x = SimulatedX(load_settings().x_api_url)
    for brand in ("acme", "bolt"):
        x.fault(f"/2/users/{x.command('GET', f'accounts/{brand}')['user_id']}/followers", "slow", seconds=20, times=10)
    with machines.only("worker-1"):
        healthy = start_sync("acme")
        wait_until(healthy, State.is_running)
    with machines.only("worker-2"):
        killed = start_sync("bolt")
        wait_until(killed, State.is_running)
    # The worker first: it would report at once that its run was killed, which nothing does on a dead machine.
    machines.send("worker-2", signal.SIGKILL)
    kill_run(killed)

    state = wait_until(killed, State.is_final)
    assert state.is_crashed()
    assert str(state.message).startswith("No heartbeat")
    wait_for(healthy)
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(healthy).total_run_time > SILENCE
