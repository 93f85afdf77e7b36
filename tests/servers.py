"""Prefect servers for tests, and homes in which Prefect's tables are made already."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import make_url

from campaign.settings import Settings, load_settings
from deployments.processes import adopt, make_home
from deployments.server import Server, free_port, running_server, used_by_prefect
from tests.databases import PostgresqlServer


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
            with tempfile.TemporaryDirectory(prefix="campaign-prefect-") as home, started_server(Path(home)):
                pass
        assert cls.file
        shutil.copy(cls.file, folder)


@contextmanager
def own_environment(home: Path, **more: str) -> Iterator[Settings]:
    """Settings as in a new shell that only names the home."""
    with patch.dict(os.environ):
        for name in ("PREFECT_HOME", "PREFECT_API_URL"):
            os.environ.pop(name, None)
        os.environ.update({"CAMPAIGN_HOME": str(home)} | more)
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


@contextmanager
def server_on_postgresql(home: Path, lender: PostgresqlServer) -> Iterator[Server]:
    """An empty server of a home whose tables are in a database of PostgreSQL."""
    with lender.new_database() as database:
        url = make_url(database.url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
        with started_server(home, PREFECT_SERVER_DATABASE_CONNECTION_URL=url) as server:
            yield server


@contextmanager
def started_server(home: Path, **more: str) -> Iterator[Server]:
    """An empty server of a home, which this process does not use yet."""
    is_first = _Empty.file is None and not more
    if not (is_first or more):
        make_fresh_home(home)
    with ExitStack() as stack:
        with own_environment(home, **more) as settings:
            os.environ.pop("PREFECT_SERVER_ANALYTICS_ENABLED", None)
            adopt(settings)
            server = stack.enter_context(running_server(settings, free_port()))
        if is_first:
            _Empty.keep(settings.prefect_home / "prefect.db")
        yield server


def drain() -> None:
    """Let Prefect send what it has to say: it goes to the server that it began with, for minutes after its end."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=10)
    EventsWorker.drain_all(timeout=10)


@contextmanager
def used(server: Server) -> Iterator[Server]:
    """Let Prefect in this process and its children use a server."""
    with used_by_prefect(server.address):
        drain()
        yield server
        drain()
