"""Runs a module and ends it, with everything it started, as soon as the command that asked for it is gone.

    python -m deployments.keeper PARENT LOG once|always MODULE ARGUMENTS...

A flow run is a session of its own: neither the terminal's signals nor its worker's end reach it. So each child gets
this small process above it, which inherits (on Linux) what the child leaves behind.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

#: How long what was asked to end may take.
GRACE_SECONDS = 6
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main() -> int:
    """Keep a module running, once or always, until the parent ends or asks for the end."""
    parent, log, how_often, *command = sys.argv[1:]
    signal.signal(signal.SIGTERM, _stop)
    # Not SIG_IGN, which the child would inherit; whoever asked for us decides what an interrupt means.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    _tell_linux(_PR_SET_CHILD_SUBREAPER, 1)
    _end_with_parent()
    if os.getppid() != int(parent):  # it ended before it could be told to us
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
        name = " ".join(command[2:4])
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
    _tell_linux(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _tell_linux(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _end_everything() -> None:
    # What the child started goes first: a run can still tell, through a living worker and server, that it was ended.
    for processes in (_grandchildren, _descendants):
        _send(signal.SIGTERM, processes())
        deadline = time.monotonic() + GRACE_SECONDS / 2
        while _reap() and processes() and time.monotonic() < deadline:
            time.sleep(0.05)
    while _reap():
        _send(signal.SIGKILL, _descendants())
        time.sleep(0.05)


def _reap() -> bool:
    """Take note of what ended; whether there is still a child."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _send(number: signal.Signals, processes: Sequence[int]) -> None:
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            continue


def _grandchildren() -> list[int]:
    parents = _parents()
    return [process for process in _descendants() if parents.get(process, os.getpid()) != os.getpid()]


def _descendants() -> list[int]:
    parents = _parents()
    found = [os.getpid()]
    for process in found:
        found.extend(child for child, parent in parents.items() if parent == process)
    return found[1:]


def _parents() -> dict[int, int]:
    """The parent of each process that runs."""
    if sys.platform == "linux":  # where slim images have no ps
        return dict(filter(None, map(_parent, Path("/proc").glob("[0-9]*"))))
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False)  # noqa: S607
    pairs = (line.split() for line in listed.stdout.splitlines())
    return {int(process): int(parent) for process, parent in pairs}


def _parent(entry: Path) -> tuple[int, int] | None:
    try:
        state, parent, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # it ended meanwhile
        return None
    return None if state == "Z" else (int(entry.name), int(parent))


if __name__ == "__main__":
    sys.exit(main())
