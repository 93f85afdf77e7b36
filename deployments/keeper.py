"""Runs a module and ends it, with everything it started, as soon as its parent is gone.

    python -m deployments.keeper PARENT LOG once|always MODULE ARGUMENTS...

A flow run has a session of its own: neither the terminal's signals nor its worker's end reach it. So each child gets
this small process above it, which inherits (on Linux) the processes that the child leaves behind. Up to four of them
run, so it imports neither Prefect nor the settings.
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
from typing import IO

import psutil

#: How long the processes may take to end.
GRACE_SECONDS = 6
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main() -> int:
    """Keeps a module running, once or always, until the parent ends or asks for the end."""
    parent, log, how_often, *command = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    # Not SIG_IGN, which the child would inherit; the parent decides what an interrupt means.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    _set_on_linux(_PR_SET_CHILD_SUBREAPER, 1)
    _end_with_parent()
    if os.getppid() != int(parent):  # it ended before the line above
        return 0
    try:
        with Path(log).open("ab") as file:
            while True:
                status = _run([sys.executable, "-m", *command], file)
                if how_often == "once":
                    return status
                sys.stderr.write(f"{Path(log).stem} ended (exit status {status}) and is started again; see {log}.\n")
                time.sleep(1)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end_everything()


def _run(command: Sequence[str], log: IO[bytes]) -> int:
    # There is one thread here, which makes preexec_fn safe.
    child = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=_end_with_parent)  # noqa: PLW1509, S603
    while True:
        ended, status = os.wait()  # any process: also one that a child left behind
        if ended == child.pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return child.returncode


def _end_with_parent() -> None:
    _set_on_linux(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _set_on_linux(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _end_everything() -> None:
    # Grandchildren end first: a run can still report its end through a living worker and server.
    for grandchildren_only in (True, False):
        for process in _descendants(grandchildren_only=grandchildren_only):
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS / 2
        while _reap() and time.monotonic() < deadline and _descendants(grandchildren_only=grandchildren_only):
            time.sleep(0.05)
    while _reap():
        for process in _descendants():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.05)


def _reap() -> bool:
    """Collects the exit statuses of ended children; tests whether a child is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _descendants(*, grandchildren_only: bool = False) -> list[psutil.Process]:
    children = psutil.Process().children() if grandchildren_only else []
    living = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if process not in children and process.status() != psutil.STATUS_ZOMBIE:
                living.append(process)
    return living


if __name__ == "__main__":
    sys.exit(main())
