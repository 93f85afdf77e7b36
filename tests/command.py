"""The real `campaign` command: in this process, or as one of its own where that is the subject."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from campaign.cli.main import main
from campaign.settings import load_settings

COMMAND = [sys.executable, "-c", "from campaign.cli.main import main; main()"]


@dataclass(frozen=True)
class Done:
    """What a command wrote, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """What is on standard error, when it is one line."""
        [line] = self.err.strip().splitlines()
        return line


def start(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a command in the environment of this process, with changes; an empty value removes a variable."""
    changed = {name: value for name, value in {**os.environ, **(environment or {})}.items() if value}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*COMMAND, *arguments], env=changed, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
    )


def finish(process: subprocess.Popen[str], seconds: float = 60) -> Done:
    """Wait for the end of a command."""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return Done(process.returncode, out, err)


def campaign(*arguments: str, **environment: str) -> Done:
    """Run a command to its end."""
    return finish(start(*arguments, environment=environment))


def here(*arguments: str, **environment: str) -> Done:
    """Run a command in this process, which saves the seconds that importing takes; its questions get no answer."""
    out, err, status = StringIO(), StringIO(), 0
    # A command may set what it likes in its environment: it ends with the process, or with this.
    own = patch.dict(os.environ, environment)
    with own, pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err):
        patched.setattr("sys.argv", ["campaign", *arguments])
        patched.setattr("sys.stdin", StringIO())
        if environment:
            load_settings.cache_clear()
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    if environment:
        load_settings.cache_clear()
    return Done(status, out.getvalue(), err.getvalue())


def processes_with(variable: str, value: str) -> list[int]:
    """The processes that have this in their environment (Linux), but this one."""
    wanted, found = f"{variable}={value}".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile, or is somebody else's
            continue
        if wanted in environment and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found
