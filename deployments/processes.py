"""Processes that end when this one does, whatever ends it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from campaign.settings import Settings
from deployments.keeper import GRACE_SECONDS


@dataclass(frozen=True, slots=True)
class Process:
    """A module that runs beside us, and where it writes what it has to say."""

    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def has_ended(self) -> bool:
        """Whether it ended by itself."""
        return self.popen.poll() is not None

    def last_words(self) -> str:
        """The last line it wrote, or what is known instead."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"


@contextmanager
def running(
    settings: Settings, name: str, command: Sequence[str], environment: Mapping[str, str], *, restarted: bool = False
) -> Iterator[Process]:
    """Run `python -m COMMAND` for as long as the block; call it in the main thread, whose end would end it too.

    What it starts ends with it; it hears none of the terminal's signals, so that the order of ending is ours.
    """
    log = _fresh_log(settings, name)
    keeper = [sys.executable, "-m", "deployments.keeper", str(os.getpid()), str(log)]
    popen = subprocess.Popen(  # noqa: S603
        [*keeper, "always" if restarted else "once", *command],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield Process(popen, log)
    finally:
        popen.terminate()
        try:
            popen.wait(GRACE_SECONDS + 2)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()


def _fresh_log(settings: Settings, name: str) -> Path:
    log = settings.home / "logs" / f"{name}.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    log.touch(mode=0o600)
    return log
