"""What a command started ends with it, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from campaign.settings import Settings
from deployments.processes import child_environment, make_home, running

# A child that starts a session of its own, as a worker does with a flow run, and notes down both.
_CHILD = """
import pathlib, subprocess, sys, time
place = pathlib.Path(__file__).with_name("pids")
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
run = subprocess.Popen([sys.executable, "-c", stubborn if "stubborn" in sys.argv else "import time; time.sleep(60)"],
                       start_new_session=True)
import os
with place.open("a") as file:
    print(os.getpid(), run.pid, file=file)
print("one line", flush=True)
time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "restless.py").write_text(_CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    settings = Settings(home=tmp_path)
    make_home(settings)
    return settings


def pids_of(settings: Settings, starts: int = 1) -> list[int]:
    file = settings.home / "pids"
    deadline = time.monotonic() + 10
    while not file.exists() or len(file.read_text().splitlines()) < starts:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int(pid) for line in file.read_text().splitlines() for pid in line.split()]


def are_gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.02)
    return False


def test_a_block_ends_what_it_runs_and_what_that_started(settings: Settings) -> None:
    with running(settings, "restless", ["restless"], child_environment(settings)) as process:
        pids = pids_of(settings)
        assert not process.has_ended
    assert are_gone(pids)
    assert process.last_line() == "one line"


def test_a_process_that_ignores_the_signal_is_killed(settings: Settings) -> None:
    with running(settings, "restless", ["restless", "stubborn"], child_environment(settings)):
        pids = pids_of(settings)
    assert are_gone(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the end of a parent")
def test_kill_minus_nine_of_the_parent_leaves_nothing_behind(settings: Settings) -> None:
    parent = (
        "from campaign.settings import Settings; from deployments.processes import running; import os, time\n"
        f"with running(Settings(home={str(settings.home)!r}), 'restless', ['restless'], os.environ): time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent]) as process:
        pids = pids_of(settings)
        process.kill()
    assert are_gone(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux the keeper inherits what is left behind")
def test_a_child_that_dies_is_started_again_and_what_it_left_behind_goes_on(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with running(settings, "restless", ["restless"], child_environment(settings), restarted=True):
        child, run = pids_of(settings)
        os.kill(child, signal.SIGKILL)
        pids = pids_of(settings, starts=2)
        assert Path(f"/proc/{run}").exists()
    assert are_gone(pids)
    assert "restless ended (exit status -9) and is started again" in capfd.readouterr().err


def test_the_log_of_the_last_start_is_kept_beside_that_of_this_one(settings: Settings) -> None:
    for _ in range(2):
        with running(settings, "restless", ["restless"], child_environment(settings)) as process:
            while "one line" not in process.last_line():
                time.sleep(0.02)
    assert process.log.read_text() == process.log.with_suffix(".log.1").read_text() == "one line\n"
