"""How long `campaign up` takes on an empty home, beside a bare Prefect server."""

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.measuring import say
from benchmarks.table import Line
from campaign.settings import Settings
from deployments.processes import make_home, prefect_environment
from deployments.server import free_port, is_healthy

ROUNDS = 5
#: The last line of `campaign up`: the server is healthy, the workflows are deployed, the worker is online.
READY = "The UI is at"


def measure() -> list[Line]:
    """Its lines of the table; the two take turns, each on a new home."""
    bare, up = [], []
    for turn in range(ROUNDS):
        bare.append(_start_bare_server())
        up.append(_start_campaign())
        say(f"round {turn + 1}: bare Prefect server {bare[-1]:.1f} s, campaign up {up[-1]:.1f} s")
    ratio = statistics.median(up) / statistics.median(bare)
    return [Line("seconds of campaign up on an empty home, against a bare Prefect server", ratio, most=1.5)]


def _start_bare_server() -> float:
    port = free_port()
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with _empty_home() as settings, httpx.Client() as client:
        began = time.monotonic()
        with _process(command, prefect_environment(settings)) as process:
            while not is_healthy(f"http://127.0.0.1:{port}/api", client):
                _check_alive(process)
                time.sleep(0.05)
            return time.monotonic() - began


def _start_campaign() -> float:
    command = ["campaign.cli", "up", "--port", str(free_port())]
    with _empty_home() as settings:
        variables = {
            "CAMPAIGN_HOME": str(settings.home),
            "CAMPAIGN_WEB_PORT": str(free_port()),
            "CAMPAIGN_X_API_URL": "http://127.0.0.1:9",  # it is not used: no service is connected
        }
        began = time.monotonic()
        with _process(command, variables) as process:
            assert process.stderr
            while READY not in process.stderr.readline():
                _check_alive(process)
            return time.monotonic() - began


@contextmanager
def _empty_home() -> Iterator[Settings]:
    with TemporaryDirectory(prefix="campaign-bench-", ignore_cleanup_errors=True) as folder:
        settings = Settings(home=Path(folder))
        make_home(settings)
        yield settings


@contextmanager
def _process(command: Sequence[str], variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a module with these settings and no others; interrupted at the end, as Ctrl-C does."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CAMPAIGN_", "PREFECT_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=inherited | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def _check_alive(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        sys.exit(f"{process.args!r} ended with exit status {process.returncode}.")
