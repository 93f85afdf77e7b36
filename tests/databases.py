"""Databases for tests: which one this process uses, and the PostgreSQL server that lends them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from campaign.db.engine import engine
from campaign.settings import load_settings


@dataclass(frozen=True)
class Database:
    kind: str
    url: str

    @property
    def is_sqlite(self) -> bool:
        return self.kind == "sqlite"


@contextmanager
def in_use(database: Database, home: Path, *, stays: bool = False) -> Iterator[None]:
    """Make a database the one that the settings of this process and of its children name.

    One that stays keeps its connections for the next test: a new one costs more than most tests.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CAMPAIGN_HOME", str(home))
        environment.setenv("CAMPAIGN_DATABASE_URL", database.url)
        load_settings.cache_clear()
        try:
            yield
            if not stays:
                engine().dispose()
        finally:
            load_settings.cache_clear()


@cache
def _open(url: str) -> Engine:
    return create_engine(make_url(url).set(drivername="postgresql+psycopg"), pool_pre_ping=True)


def close_connections(database: Database) -> None:
    """Closes the connections that earlier tests left open, for what needs a database that nothing else uses."""
    if not database.is_sqlite:
        engine().dispose()
        with _open(database.url).connect() as connection:
            others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            connection.execute(text(f"SELECT pg_terminate_backend(pid, 5000) FROM ({others}) AS others"))
        _open(database.url).dispose()


@contextmanager
def unreachable(database: Database) -> Iterator[None]:
    """A database on PostgreSQL is away for a while: open connections end, and no new one is accepted."""
    url = make_url(database.url).set(drivername="postgresql+psycopg")
    admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false")
        engine().dispose()
        try:
            yield
        finally:
            connection.exec_driver_sql(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true")
    admin.dispose()


class PostgresqlServer:
    """Makes databases with names of their own, and drops them."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")
        self._admin = create_engine(
            self._url, isolation_level="AUTOCOMMIT", poolclass=NullPool, connect_args={"connect_timeout": 3}
        )

    def problem(self) -> str | None:
        """Say why there is no PostgreSQL to test with; None when there is."""
        try:
            self._admin.connect().close()
        except OperationalError as error:
            return f"no PostgreSQL at {self._url}: {str(error.orig).splitlines()[0]}"
        return None

    @contextmanager
    def new_database(self) -> Iterator[Database]:
        name = f"campaign_test_{uuid4().hex}"
        self._run(f"CREATE DATABASE {name}")
        # No test cuts the power of the server.
        self._run(f"ALTER DATABASE {name} SET synchronous_commit = off")
        try:
            url = self._url.set(drivername="postgresql", database=name)
            yield Database("postgresql", url.render_as_string(hide_password=False))
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def empty(self, database: Database) -> None:
        """Delete all rows, in one request by a connection that stays: quicker than a database for each test."""
        tables = [table.name for table in reversed(SQLModel.metadata.sorted_tables)]
        with _open(database.url).begin() as connection:
            connection.exec_driver_sql("; ".join(f"DELETE FROM {name}" for name in tables))

    def _run(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))
