"""Runs a module and ends it, with everything it started, as soon as its parent is gone.

    python -m deployments.keeper PARENT LOG once|always MODULE ARGUMENTS...

A flow run is a session of its own: neither the terminal's signals nor its worker's end reach it. So each child gets
this small process above it, which inherits (on Linux) what the child leaves behind. There are up to four of it, so it
imports neither Prefect nor the settings.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

import psutil

#: How long the processes may take to end.
GRACE_SECONDS = 6
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main() -> int:
    """Keeps a module running, once or always, until the parent ends or asks for the end."""
    parent, log, how_often, *command = sys.argv[1:]
    signal.signal(signal.SIGTERM, _stop)
    # Not SIG_IGN, which the child would inherit; the parent decides what an interrupt means.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    _set_on_linux(_PR_SET_CHILD_SUBREAPER, 1)
    _end_with_parent()
    if os.getppid() != int(parent):  # it ended before the line above
        return 0
    try:
        with Path(log).open("ab") as file:
            return _keep([sys.executable, "-m", *command], file, restart=how_often == "always")
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end_everything()


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _keep(command: Sequence[str], log: IO[bytes], *, restart: bool) -> int:
    while True:
        status = _run(command, log)
        if not restart:
            return status
        name = Path(log.name).stem
        sys.stderr.write(f"{name} ended by itself (exit status {status}) and is started again; see {log.name}.\n")
        time.sleep(1)


def _run(command: Sequence[str], log: IO[bytes]) -> int:
    # There is one thread here, which makes preexec_fn safe.
    child = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=_end_with_parent)  # noqa: PLW1509, S603
    while True:
        ended, status = os.wait()  # anything: what a child left behind is reaped too
        if ended == child.pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return child.returncode


def _end_with_parent() -> None:
    _set_on_linux(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _set_on_linux(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _end_everything() -> None:
    # Grandchildren go first: a run can still report, through a living worker and server, that it was ended.
    for processes in (_grandchildren, _descendants):
        for process in processes():
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS / 2
        while _reap() and processes() and time.monotonic() < deadline:
            time.sleep(0.05)
    while _reap():
        for process in _descendants():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.05)


def _reap() -> bool:
    """Collect the exit statuses of what ended; whether there is still a child."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _grandchildren() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [process for process in _descendants() if process not in children]


def _descendants() -> list[psutil.Process]:
    return [process for process in psutil.Process().children(recursive=True) if _is_alive(process)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    sys.exit(main())
