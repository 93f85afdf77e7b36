"""The database: one engine per address, transactions, and its schema."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlmodel import Session

from campaign.errors import NotPossible, WrongUsage
from campaign.settings import ROOT, load_settings

if TYPE_CHECKING:
    from alembic.config import Config

#: How long a write waits for the one before it: SQLite takes one writer at a time.
BUSY_SECONDS = 60
#: A revision, or the one before it, in a file of `migrations/versions`.
_REVISION = re.compile(r'^(revision|down_revision) = "(\w+)"$', re.MULTILINE)


def _address(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise WrongUsage(
            "CAMPAIGN_DATABASE_URL is no database address; write sqlite:///FILE or postgresql://…"
        ) from None
    if url.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        if url.database in {None, "", ":memory:"}:
            raise WrongUsage("CAMPAIGN_DATABASE_URL names no file; write sqlite:///FILE.")
        return url
    raise WrongUsage(f"CAMPAIGN_DATABASE_URL names a {url.drivername} database; use sqlite:///FILE or postgresql://….")


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling would begin too late and as a reader; `_begin` does it.
    connection.isolation_level = None
    # Ids come in no order, so a page of followers touches the whole index: checkpointing after every 256 MB instead
    # of every 4 MB writes each part of it once instead of many times (almost twice as fast at a million).
    # A page of followers is one statement, whose undo log SQLite would otherwise write to a file.
    connection.create_function("lowered", 1, _in_small_letters, deterministic=True)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
        "PRAGMA cache_size=-20000; PRAGMA wal_autocheckpoint=65536; PRAGMA temp_store=MEMORY;"
    )


def _in_small_letters(text: object) -> str | None:
    """Does what `lower` of SQLite does for A to Z only."""
    return None if text is None else str(text).lower()


def _begin_with(dialect: Any, *, writes: bool, durable: bool) -> None:
    """Begins the transactions of a dialect of SQLite like this; as an event it would make every statement slower."""
    # A call to X cannot be taken back: what was noted of it survives a power failure, unlike a page that is read again.
    synchronous = f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}"
    # A reader that turns into a writer is refused at once, however long it would wait: writers say so at the start.
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    def do_begin(connection: Any) -> None:
        driver = connection.dbapi_connection
        driver.execute(synchronous)
        driver.execute(begin)

    dialect.do_begin = do_begin


@lru_cache
def _engine(text: str) -> Engine:
    url = _address(text)
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_size=10, max_overflow=20, connect_args={"connect_timeout": 10})
    _writable(Path(url.database or "").parent)
    engine = create_engine(url, pool_size=10, max_overflow=20, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _configure_sqlite)
    _begin_with(engine.dialect, writes=False, durable=False)
    return engine


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)  # two processes may look at once
    except OSError as error:
        raise WrongUsage(
            f"{folder} cannot be written to ({error.strerror}); set CAMPAIGN_HOME to a folder that can."
        ) from None


def engine() -> Engine:
    """Open the database that the settings name; raises WrongUsage when its address cannot be used."""
    return _engine(load_settings().database_url)


def check_reachable() -> None:
    """Connect once; raises WrongUsage, without the password, when nothing answers."""
    try:
        with engine().connect():
            pass
    except DBAPIError as error:
        shown = engine().url.set(query={}).render_as_string(hide_password=True)
        raise WrongUsage(
            f"The database {shown} cannot be reached ({_reason(error)}); check CAMPAIGN_DATABASE_URL."
        ) from None


@contextmanager
def read_session() -> Iterator[Session]:
    """Give a session to read with; raises NotPossible when the database is gone."""
    with said_plainly(), Session(engine(), expire_on_commit=False) as session:
        yield session


@lru_cache
def _writer(database: Engine, *, durable: bool = False) -> Engine:
    writer = database.execution_options()
    if writer.dialect.name == "sqlite":
        database.connect().close()  # the first connection completes the dialect
        writer.dialect = copy(database.dialect)
        _begin_with(writer.dialect, writes=True, durable=durable)
    return writer


@contextmanager
def transaction(*, durable: bool = False) -> Iterator[Session]:
    """One step, one transaction: committed at the end, rolled back when anything goes wrong.

    `durable` is for the delivery log: what is committed survives a power failure on SQLite too.
    """
    with (
        said_plainly(),
        Session(_writer(engine(), durable=durable), expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turn the loss of the database into one sentence."""
    try:
        yield
    except OperationalError as error:
        raise NotPossible(f"The database does not go on ({_reason(error)}); run again when it does.") from None


def _reason(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]


def configuration(connection: Connection | None = None) -> "Config":
    """Builds Alembic's configuration for the migrations of this repository."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    config.attributes["connection"] = connection
    return config


@lru_cache
def _revisions() -> dict[str, str | None]:
    """Each revision with the one before it, read without importing Alembic, which costs more than most commands."""
    found: dict[str, str | None] = {}
    for file in (ROOT / "migrations" / "versions").glob("*.py"):
        names = dict(_REVISION.findall(file.read_text()))
        found[names["revision"]] = names.get("down_revision")
    return found


def newest_revision() -> str:
    """Returns the revision that this code is written for."""
    [newest] = _revisions().keys() - set(_revisions().values())
    return newest


def known_revisions() -> set[str]:
    """Returns all revisions that this code knows."""
    return set(_revisions())


def current_revision(connection: Connection) -> str | None:
    """Returns the revision of the database; None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def upgrade(database: Engine | None = None, revision: str = "head") -> None:
    """Migrates the database to a revision; does nothing where it is there already."""
    from alembic import command

    with _writer(database or engine()).begin() as connection:
        command.upgrade(configuration(connection), revision)


def downgrade(database: Engine, revision: str = "base") -> None:
    """Migrates the database back to a revision."""
    from alembic import command

    with _writer(database).begin() as connection:
        command.downgrade(configuration(connection), revision)


def make_ready() -> None:
    """Make sure that the schema is the one this code knows: SQLite is migrated by itself, PostgreSQL is refused.

    A PostgreSQL database has other users, so changing its tables is an operator's decision.
    """
    check_reachable()
    with engine().connect() as connection:
        current, newest = current_revision(connection), newest_revision()
    if current == newest:
        return
    if current not in {None, *known_revisions()}:
        raise WrongUsage(
            f"The database is at revision {current}, made by a newer version of campaign; install that one."
        )
    if engine().dialect.name != "sqlite":
        raise WrongUsage(
            f"The database is at revision {current or 'none'} and this version needs {newest};"
            " run `campaign db upgrade`."
        )
    upgrade()
