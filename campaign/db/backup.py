"""Copies of the database, as it is at one moment while others write, and a database made from such a copy."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlmodel import Session, SQLModel

from campaign.db import engine as schema
from campaign.db.engine import BUSY_SECONDS, engine, translated_errors
from campaign.errors import NotPossible, WrongUsage

#: The copy of a SQLite database; that of PostgreSQL is one file for each table.
_SQLITE_FILE = "campaign.db"
_VERSION_TABLE = "alembic_version"
#: Rows in any of them make a database one with data; the others have rows of their own or follow from these.
_WITH_DATA = ("service", "visitor", "delivery", "contact")
#: Seconds that a restore waits for a table of PostgreSQL that another session holds.
_LOCK_SECONDS = 10


@dataclass(frozen=True)
class DatabaseCopy:
    """What a copy needs beside its rows."""

    kind: str
    """sqlite or postgresql."""
    revision: str
    tables: dict[str, list[str]] = field(default_factory=dict)
    """Of PostgreSQL, with their columns, in an order in which a row comes after the rows that it names."""
    sequences: dict[str, int] = field(default_factory=dict)


def copy_sqlite(source: Path, target: Path) -> None:
    """Copies a SQLite database as a whole over another one, while others read and write either.

    A target that is damaged so much that it is no database any more is deleted first; raises NotPossible for a source.
    """
    if target.exists() and _is_damaged(target):
        for end in ("-wal", "-shm", ""):
            Path(f"{target}{end}").unlink(missing_ok=True)
    if _is_damaged(source):
        raise NotPossible(f"{source} is damaged and not a database any more; restore it from a backup.")
    reading = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
    with closing(reading), closing(sqlite3.connect(target, timeout=BUSY_SECONDS)) as writing:
        reading.backup(writing)


def _is_damaged(file: Path) -> bool:
    with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as connection:
        try:
            connection.execute("PRAGMA schema_version")
        except sqlite3.DatabaseError as error:
            return error.sqlite_errorcode == sqlite3.SQLITE_NOTADB
    return False


def has_data() -> bool:
    """Returns whether the database has services, visitors, deliveries or contacts, or is damaged."""
    try:
        with translated_errors(), engine().connect() as connection:
            known = inspect(connection)
            return any(
                known.has_table(name) and connection.scalar(text(f"SELECT 1 FROM {name} LIMIT 1"))  # noqa: S608  our names
                for name in _WITH_DATA
            )
    except DatabaseError:
        if engine().dialect.name != "sqlite":
            raise
        return True


def dump(folder: Path) -> DatabaseCopy:
    """Copies the database into files of a folder; raises WrongUsage for a database that no migration has made."""
    if engine().dialect.name == "sqlite":
        copy_sqlite(Path(engine().url.database or ""), folder / _SQLITE_FILE)
        with schema.open_database(f"sqlite:///{folder / _SQLITE_FILE}") as copy, copy.connect() as connection:
            return DatabaseCopy("sqlite", _revision(connection))
    with translated_errors(), engine().connect() as opened:
        # Every statement sees the rows of one moment, and holds no writer up.
        connection = opened.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        revision, known = _revision(connection), inspect(connection)
        tables = {
            name: [column["name"] for column in known.get_columns(name)]
            for name, _ in known.get_sorted_table_and_fkc_names()
            # The migrations that make the tables anew write this one.
            if name and name != _VERSION_TABLE
        }
        for name, columns in tables.items():
            copying = _cursor(connection).copy(f"COPY {_with_columns(name, columns)} TO STDOUT (FORMAT binary)")
            with (folder / name).open("wb") as file, copying as rows:
                file.writelines(rows)
        query = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = current_schema()"
        sequences = {name: last for name, last in connection.execute(text(query)) if last is not None}
        return DatabaseCopy("postgresql", revision, tables, sequences)


def _with_columns(table: str, columns: Sequence[str]) -> str:
    quoted = ", ".join(f'"{column}"' for column in columns)
    return f'"{table}" ({quoted})'


def _revision(connection: Connection) -> str:
    revision = schema.current_revision(connection)
    if revision is None:
        raise WrongUsage("The database is empty, so there is nothing to back up; check CAMPAIGN_DATABASE_URL.")
    return revision


def check_fits(copy: DatabaseCopy) -> None:
    """Raises WrongUsage when the database that the settings name cannot be made from this copy."""
    kind = engine().dialect.name
    if copy.kind != kind:
        raise WrongUsage(
            f"The backup is of a {copy.kind} database and CAMPAIGN_DATABASE_URL names a {kind} one; name the same kind."
        )
    if copy.revision not in schema.known_revisions():
        raise WrongUsage(
            f"The backup is at revision {copy.revision}, made by a newer version of campaign; install that one."
        )
    engine().dispose()
    if _is_open_elsewhere() if kind == "sqlite" else _has_other_sessions():
        raise WrongUsage(
            "The database is in use by another process; stop the workers, `campaign web` and every other command, then"
            " try again."
        )


def _is_open_elsewhere() -> bool:
    """Tests whether another connection to the SQLite database is open, without which it leaves its log behind."""
    with closing(sqlite3.connect(engine().url.database or "", timeout=0)) as connection:
        try:
            connection.execute("PRAGMA journal_mode=DELETE")  # each connection sets its own again
        except sqlite3.DatabaseError as error:  # one that is damaged is not in use
            return isinstance(error, sqlite3.OperationalError)
    return False


def _has_other_sessions() -> bool:
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
    )
    with translated_errors(), engine().connect() as connection:
        return bool(connection.scalar(text(query)))


def load(folder: Path, copy: DatabaseCopy, finish: Callable[[Session], None]) -> None:
    """Replaces the database by a copy, migrated to the schema of this version.

    `finish` changes it before any other process sees it: all of it happens, or nothing.
    """
    if copy.kind == "sqlite":
        with schema.open_database(f"sqlite:///{folder / _SQLITE_FILE}") as restored:
            schema.upgrade(restored)
            with Session(restored) as session, session.begin():
                finish(session)
        copy_sqlite(folder / _SQLITE_FILE, Path(engine().url.database or ""))
        return
    try:
        with translated_errors(), engine().begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
            found = set(inspect(connection).get_table_names())
            if strange := sorted(found - {*SQLModel.metadata.tables, _VERSION_TABLE}):
                names = ", ".join(strange[:3])
                raise WrongUsage(f"The database has tables that are not of campaign ({names}); name another database.")
            if found:
                quoted = ", ".join(f'"{name}"' for name in sorted(found))
                connection.execute(text(f"DROP TABLE {quoted}"))
            command.upgrade(schema.configuration(connection), copy.revision)
            for name, columns in copy.tables.items():
                table = _with_columns(name, columns)
                # A migration may have written rows of its own.
                connection.execute(text(f"DELETE FROM {table.partition(' ')[0]}"))  # noqa: S608  the name of a table of ours
                loading = _cursor(connection).copy(f"COPY {table} FROM STDIN (FORMAT binary)")
                with (folder / name).open("rb") as rows, loading as loaded:
                    while block := rows.read(1 << 20):
                        loaded.write(block)
            for name, last in copy.sequences.items():
                connection.execute(text("SELECT setval(CAST(:name AS regclass), :last)"), {"name": name, "last": last})
            command.upgrade(schema.configuration(connection), "head")
            with Session(connection) as session:
                finish(session)
                session.flush()
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") != _LOCK_NOT_AVAILABLE:
            raise
        raise NotPossible("Another session holds a table of the database; stop it, then try again.") from None


_LOCK_NOT_AVAILABLE = "55P03"


def _cursor(connection: Connection) -> Any:
    """Returns a cursor of psycopg in the same transaction, for COPY is not a statement of SQLAlchemy."""
    return connection.connection.cursor()
