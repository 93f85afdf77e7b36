"""The `campaign` command as a process that is there at once, for tests that start, and kill, many."""

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.command import Done
from tests.forked import run_forked

#: Importing takes a command seconds: its processes are forked from one that imported everything, and did nothing else.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.forked"])


class Started:
    """A command in a process of its own, which can be killed like any."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], script: str = "") -> None:
        self._folder = TemporaryDirectory()
        self._said = [Path(self._folder.name, name) for name in ("out", "err")]
        self._process = _FORKS.Process(target=run_forked, args=(script, arguments, environment, self._said))
        self._process.start()

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def end(self, seconds: float = 60) -> Done:
        """Wait for its end, and end it then."""
        self._process.join(seconds)
        late = self.poll() is None
        self.kill()
        self._process.join()
        assert not late, f"still running after {seconds} s"
        out, err = (file.read_text() for file in self._said)
        self._folder.cleanup()
        return Done(self._process.exitcode or 0, out, err)


def fork(*arguments: str, environment: Mapping[str, str] | None = None) -> Started:
    """Start a command in the environment of this process, with changes; an empty value removes a variable."""
    changed = {name: value for name, value in {**os.environ, **(environment or {})}.items() if value}
    return Started(arguments, changed)


def fork_script(script: str, *arguments: object) -> Started:
    """Start a script of Python in the environment of this process."""
    return Started([str(argument) for argument in arguments], os.environ.copy(), script)


def forked(*arguments: str, **environment: str) -> Done:
    """Run a command to its end."""
    return fork(*arguments, environment=environment).end()
