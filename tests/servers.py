"""Homes with a Prefect server for tests: made once, copied for each module that wants a fresh one."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker

from campaign.settings import Settings, load_settings
from deployments.processes import adopt, make_home
from deployments.server import Server, free_port, running_server, used_by_prefect


class _Empty:
    """Prefect's tables as a first start makes them, which takes three times as long as the next start."""

    file: Path | None = None

    @classmethod
    def keep(cls, database: Path) -> None:
        """Keep a copy of a database that a server has just made."""
        cls.file = Path(tempfile.mkdtemp(prefix="campaign-prefect-"), database.name)
        with closing(sqlite3.connect(database)) as made, closing(sqlite3.connect(cls.file)) as copy:
            made.backup(copy)

    @classmethod
    def copy_to(cls, folder: Path) -> None:
        """Put one into a home; it is made now when there was none yet."""
        if cls.file is None:
            with tempfile.TemporaryDirectory(prefix="campaign-prefect-") as home, fresh_server(Path(home)):
                pass
        assert cls.file
        shutil.copy(cls.file, folder)


@contextmanager
def own_environment(home: Path, **more: str) -> Iterator[Settings]:
    """Settings as in a new shell that only names the home."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PREFECT_HOME", raising=False)
        environment.delenv("PREFECT_API_URL", raising=False)
        for name, value in ({"CAMPAIGN_HOME": str(home)} | more).items():
            environment.setenv(name, value)
        load_settings.cache_clear()
        try:
            yield load_settings()
        finally:
            load_settings.cache_clear()


def make_fresh_home(home: Path) -> Path:
    """A home in which Prefect's tables are made and empty."""
    make_home(Settings(home=home))
    _Empty.copy_to(home / "prefect")
    return home


def _drain() -> None:
    APILogWorker.drain_all(timeout=10)
    EventsWorker.drain_all(timeout=10)


@contextmanager
def fresh_server(home: Path) -> Iterator[Server]:
    """An empty server, used by Prefect in this process and its children."""
    is_first = _Empty.file is None
    if is_first:
        make_home(Settings(home=home))
    else:
        make_fresh_home(home)
    with own_environment(home) as settings, pytest.MonkeyPatch.context() as environment:
        for name in ("PREFECT_HOME", "PREFECT_SERVER_ANALYTICS_ENABLED"):
            environment.delenv(name, raising=False)
        adopt(settings)
        with running_server(settings, free_port(), ui=False) as server, used_by_prefect(server.api_url):
            if is_first:
                _Empty.keep(settings.prefect_home / "prefect.db")
            # What this process tells Prefect goes to the server it began with, until it is drained.
            _drain()
            yield server
            _drain()  # before it ends: Prefect would try for minutes afterwards
