"""What a measurement needs around it: a home, a simulator, a Prefect server, and a fresh database each time."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from benchmarks.brand import Brand
from campaign.settings import Settings
from deployments.address import Address
from deployments.deploying import load_workflows
from deployments.processes import Process, child_environment, make_home, running
from deployments.server import free_port, running_server

#: Far more calls than there are: X's own limits are not what is measured.
CALLS = 1_000_000
_ENDPOINTS = ("followers", "messages", "messages/events")
_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Result:
    """The seconds of each part of a job, and the most memory that its process held, in MB."""

    seconds: list[float]
    peak: float


@dataclass(frozen=True, slots=True)
class Stage:
    """Where jobs run."""

    settings: Settings
    address: Address

    def open_account(self, username: str, followers: int) -> Brand:
        """Make an account on the simulator; tweepy needs all fields of its followers."""
        account = {"username": username, "followers": followers, "ordinary": True}
        keys = control(self.settings.x_api_url, "POST", "/accounts", account)
        return Brand.of(keys, followers)

    def run(self, job: str, brand: Brand, database_url: str = "") -> Result:
        """Do a job in a process of its own, with a database of its own unless one is given."""
        said = self.start("benchmarks.child", job, json.dumps(asdict(brand)), database_url=database_url)
        return Result(**said)

    def start(self, module: str, *arguments: str, database_url: str) -> Any:
        """Run one of our modules to its end; what it says last, read as JSON."""
        with TemporaryDirectory(dir=self.settings.home) as folder:
            of_runs = load_workflows()[0].job_variables({}, {})["env"]
            environment = child_environment(self.settings) | self.address.environment | of_runs
            environment |= {
                "PREFECT_LOGGING_LEVEL": "WARNING",
                "CAMPAIGN_DATABASE_URL": database_url or f"sqlite:///{Path(folder, 'campaign.db')}",
            }
            command = [sys.executable, "-m", module, *arguments]
            ended = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS
            )
        if ended.returncode:
            sys.exit(f"{' '.join(arguments[:1])} failed: {ended.stderr[-2000:]}")
        return json.loads(ended.stdout.splitlines()[-1])


@contextmanager
def stage() -> Iterator[Stage]:
    """Starts everything; it ends with the block, and nothing is left."""
    with TemporaryDirectory(prefix="campaign-bench-", ignore_cleanup_errors=True) as home:
        settings = Settings(home=Path(home), x_api_url=f"http://127.0.0.1:{free_port()}")
        make_home(settings)
        with simulator(settings), running_server(settings, free_port(), ui=False) as server:
            yield Stage(settings, server.address)


@contextmanager
def simulator(settings: Settings) -> Iterator[None]:
    """Starts a simulated X at the address that the settings name, without limits."""
    command = ["campaign.simulator", "--port", settings.x_api_url.rpartition(":")[2]]
    with running(settings, "simulator", command, child_environment(settings)) as process:
        _wait_for(process)
        _lift_limits(settings.x_api_url)
        yield


def _wait_for(simulator: Process) -> None:
    while "http" not in simulator.last_line():
        if simulator.has_ended:
            sys.exit(f"The simulator did not start: {simulator.last_line()}")
        time.sleep(0.05)


def _lift_limits(url: str) -> None:
    limits = dict.fromkeys(_ENDPOINTS, CALLS)
    days = {"messages": {"user": CALLS, "app": CALLS}}
    control(url, "PUT", "/limits", {"limits": limits, "day_limits": days})


def control(url: str, method: str, path: str, body: dict[str, object]) -> dict[str, Any]:
    """Ask the simulator for something that X does not offer."""
    answer = requests.request(method, f"{url}/control{path}", json=body, timeout=60)
    answer.raise_for_status()
    said: dict[str, Any] = answer.json()
    return said
