"""`campaign up` as an operator uses it: one command, and nothing left of it afterwards."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from deployments.server import free_port
from tests.command import here
from tests.servers import make_fresh_home

CAMPAIGN = [sys.executable, "-c", "from campaign.cli.main import main; main()"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which Prefect's tables are made already."""
    return make_fresh_home(tmp_path / "home")


def environment_of(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CAMPAIGN_", "PREFECT_"))}
    # No service listens there: a test sends nothing over the network.
    return kept | {"CAMPAIGN_HOME": str(home), "CAMPAIGN_X_API_URL": "http://127.0.0.1:9"}


def campaign(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CAMPAIGN, *arguments], env=environment_of(home), capture_output=True, text=True, check=False
    )


@contextmanager
def up(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start it; it writes to `output.txt` in the home."""
    with (home / "output.txt").open("wb") as file:
        process = subprocess.Popen([*CAMPAIGN, "up", "--port", str(port)], env=environment_of(home), stderr=file)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(process: subprocess.Popen[bytes], is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 200
    while not is_so():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def processes_of(home: Path) -> list[str]:
    wanted = f"CAMPAIGN_HOME={home}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def wait_until_gone(home: Path) -> None:
    deadline = time.monotonic() + 20
    while processes_of(home) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(home) == []


def test_it_serves_the_ui_and_ends_everything_it_started(home: Path) -> None:
    port = free_port()
    with up(home, port) as process:
        wait_until(process, lambda: "The UI is at" in (home / "output.txt").read_text())
        output = (home / "output.txt").read_text()
        assert "There is no service yet" in output
        assert f"http://127.0.0.1:{port}" in output
        assert "<html" in httpx.get(f"http://127.0.0.1:{port}/v2/").text

        found = {one["check"]: one for one in json.loads(campaign(home, "doctor", "--json").stdout)}
        assert [found[name]["ok"] for name in ("home", "database", "encryption key", "server", "worker")] == [True] * 5
        assert "campaign service create" in found["services"]["says"]
        assert "cannot be reached" in found["clock"]["says"]

        again = campaign(home, "up", "--port", str(free_port()))
        assert (again.returncode, again.stderr.count("\n")) == (2, 1)
        assert "already runs" in again.stderr

        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert "Stopped" in (home / "output.txt").read_text()
    assert not (home / "server.url").exists()
    wait_until_gone(home)


def test_killed_while_it_starts_it_leaves_nothing_behind(home: Path) -> None:
    with up(home, free_port()) as process:
        wait_until(process, lambda: any("launch server start" in one for one in processes_of(home)))
        process.kill()
        process.wait()
        wait_until_gone(home)


def test_deploying_without_a_server_is_refused_and_starts_none(home: Path) -> None:
    done = here("deploy", CAMPAIGN_HOME=str(home), PREFECT_API_URL="")

    assert (done.status, done.out) == (1, "")
    assert done.sentence.startswith("No Prefect server runs for this home; start it with `campaign up`")
    assert processes_of(home) == []


def test_a_port_in_use_is_reported_before_anything_is_started(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = campaign(home, "up", "--port", str(taken.getsockname()[1]))

    assert result.returncode == 2
    assert "cannot be used" in result.stderr
    assert not (home / "logs" / "server.log").exists()


def test_a_home_that_cannot_be_written_to_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    result = campaign(tmp_path / "file" / "home", "up")

    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "cannot be written" in result.stderr


def test_a_media_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = here("up", CAMPAIGN_HOME=str(tmp_path / "home"), CAMPAIGN_MEDIA_FOLDER=str(tmp_path / "file" / "media"))
    assert done.status == 2
    assert done.sentence.endswith("set CAMPAIGN_MEDIA_FOLDER to a folder that can.")
