"""The database: its engine, sessions and transactions, the migrations, and long lists as one JSON parameter."""

import re
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from copy import copy
from enum import Enum
from functools import lru_cache
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    ColumnElement,
    Engine,
    SQLColumnExpression,
    Subquery,
    Text,
    any_,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    inspect,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy.engine import Connection, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.types import TypeEngine
from sqlmodel import Session

from campaign.errors import AlreadyRunning, DatabaseLost, NoRoom, WrongUsage, unwritable
from campaign.settings import load_settings, shipped

if TYPE_CHECKING:
    from alembic.config import Config

#: Seconds that a write waits for the one before it: SQLite allows one writer at a time.
BUSY_SECONDS = 60
#: PostgreSQL's code for a full disk; and bytes with which SQLite cannot begin to write.
_DISK_FULL, _LITTLE_ROOM = "53100", 1 << 17
_REVISION = re.compile(r'^(revision|down_revision) = "(\w+)"$', re.MULTILINE)


def _begin_with(dialect: Any, *, writes: bool, durable: bool) -> None:
    """Sets how a dialect of SQLite begins transactions; an event would make every statement slower."""
    # A call to X cannot be undone: its record survives a power failure, unlike a page that can be read again.
    synchronous = f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}"
    # SQLite refuses a reader that turns into a writer at once, without waiting: writers declare it at the start.
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    def do_begin(connection: Any) -> None:
        driver = connection.dbapi_connection
        driver.execute(synchronous)
        driver.execute(begin)

    dialect.do_begin = do_begin


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling would begin too late and as a reader; `_begin_with` replaces it.
    connection.isolation_level = None
    # Ids come in no order, so a page of followers touches the whole index: checkpointing after every 256 MB instead
    # of every 4 MB writes each part of it once instead of many times (almost twice as fast at a million).
    # A page of followers is one statement, whose undo log SQLite would otherwise write to a file.
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
        "PRAGMA cache_size=-8000; PRAGMA wal_autocheckpoint=65536; PRAGMA temp_store=MEMORY; PRAGMA secure_delete=ON;"
    )


def _leave_values_out(context: ExceptionContext) -> None:
    """Shortens an error of the database to its first line: PostgreSQL names values of the row in the others."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if context.sqlalchemy_exception and error and error.args:
            error.args = (str(error.args[0]).split("\n", 1)[0], *error.args[1:])


@lru_cache
def _open(address: str) -> Engine:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise WrongUsage("Invalid CAMPAIGN_DATABASE_URL. Write sqlite:///FILE or postgresql://….") from None
    # Values of rows are personal data: they must not reach an error, and with it a log or a state of Prefect.
    options: dict[str, Any] = {"pool_size": 10, "max_overflow": 20, "hide_parameters": True}
    if url.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        url = url.set(drivername="postgresql+psycopg")
        postgresql = create_engine(url, connect_args={"connect_timeout": 10}, **options)
        event.listen(postgresql, "handle_error", _leave_values_out)
        return postgresql
    if url.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise WrongUsage(
            f"CAMPAIGN_DATABASE_URL names a {url.drivername} database; use sqlite:///FILE or postgresql://…."
        )
    if not url.database or url.database == ":memory:":
        raise WrongUsage("CAMPAIGN_DATABASE_URL names no file; write sqlite:///FILE.")
    folder = Path(url.database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise unwritable(folder, error) from None
    sqlite = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **options)
    event.listen(sqlite, "connect", _configure_sqlite)
    _begin_with(sqlite.dialect, writes=False, durable=False)
    return sqlite


def engine() -> Engine:
    """Opens the database that the settings name; raises WrongUsage when its address cannot be used."""
    return _open(load_settings().database_url)


@contextmanager
def open_database(address: str) -> Iterator[Engine]:
    """Opens another database than that of the settings, such as a copy of it."""
    database = _open(address)
    try:
        yield database
    finally:
        database.dispose()


def check_reachable() -> None:
    """Asks the database once; raises WrongUsage, without the password, when it cannot be reached."""
    try:
        with engine().connect() as connection:
            connection.exec_driver_sql("SELECT 1")  # a connection of before may be dead
    except DBAPIError as error:
        if place := _full_disk_of(error):
            raise NoRoom(place) from None
        shown = engine().url.set(query={}).render_as_string(hide_password=True)
        raise WrongUsage(
            f"The database {shown} cannot be reached ({_reason(error)}); check CAMPAIGN_DATABASE_URL."
        ) from None


@contextmanager
def read_session() -> Iterator[Session]:
    """Opens a session to read with; raises NotPossible when the connection is lost."""
    with translated_errors(), Session(engine(), expire_on_commit=False) as session:
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
    """Opens a session that commits at its end, or rolls back after an error.

    `durable` is for the delivery log: on SQLite too, the commit survives a power failure.
    """
    with (
        translated_errors(),
        Session(_writer(engine(), durable=durable), expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session
    if _ANNOUNCED in session.info:
        announced = session.info[_ANNOUNCED]
        if not _listeners:
            unheard.extend(announced)
        for listener in _listeners:
            listener(announced)


class Announcement(NamedTuple):
    """Something that happened: `campaign.delivery.confirmed` to `campaign.delivery.NAME`, in one sentence."""

    name: str
    resource: str
    says: str


_ANNOUNCED = "announced"
_listeners: list[Callable[[Sequence[Announcement]], None]] = []
#: What nothing has listened to; a command passes it on at its end.
unheard: deque[Announcement] = deque(maxlen=100)


def announce(session: Session, happened: str, resource: str, says: str) -> None:
    """Announces that something happened, once the transaction is committed: `delivery.confirmed`, `service.acme`."""
    one = Announcement(f"campaign.{happened.replace('_', '-')}", f"campaign.{resource}", says)
    session.info.setdefault(_ANNOUNCED, []).append(one)


def listen(listener: Callable[[Sequence[Announcement]], None]) -> None:
    """Passes all announcements of this process on to a function, which raises no error; safe to repeat."""
    if listener not in _listeners:
        _listeners.append(listener)


def empty_write_ahead_log() -> None:
    """Moves everything into the file of a SQLite database: what was erased is then in no file any more.

    Waits for readers; PostgreSQL's own log is its operator's to expire.
    """
    if engine().dialect.name == "sqlite":
        with translated_errors(), closing(engine().raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raises DatabaseLost when the connection to the database is lost, and NoRoom for a full disk."""
    try:
        yield
    except OperationalError as error:
        if place := _full_disk_of(error):
            raise NoRoom(place) from None
        raise DatabaseLost(_reason(error)) from None


def _full_disk_of(error: DBAPIError) -> str:
    """Returns the place of a full disk that an error is about; empty for other errors."""
    if getattr(error.orig, "sqlstate", None) == _DISK_FULL:
        return "the PostgreSQL server"
    database = make_url(load_settings().database_url).database
    return database if database and _is_out_of_room(error.orig, Path(database).parent) else ""


def _is_out_of_room(error: BaseException | None, folder: Path) -> bool:
    # The lowest byte is the kind of error, the others say more.
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # SQLite names a full disk in some of its steps only.
    is_perhaps_full = kind in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
    return kind == sqlite3.SQLITE_FULL or (is_perhaps_full and disk_usage(folder).free < _LITTLE_ROOM)


@contextmanager
def room_for(file: Path) -> Iterator[None]:
    """Raises NoRoom when SQLite finds the disk of a file full, such as that of a copy."""
    try:
        yield
    except (OperationalError, sqlite3.OperationalError) as error:
        if _is_out_of_room(getattr(error, "orig", error), file.absolute().parent):
            raise NoRoom(file) from None
        raise


def _reason(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]


_MIGRATIONS = shipped("migrations", "campaign/db")


def configuration(connection: Connection | None = None) -> "Config":
    """Builds Alembic's configuration for the migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    config.attributes["connection"] = connection
    return config


@lru_cache
def _revisions() -> dict[str, str | None]:
    """Each revision with the one before it, read without importing Alembic, which costs more than most commands."""
    found: dict[str, str | None] = {}
    for file in (_MIGRATIONS / "versions").glob("*.py"):
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

    with translated_errors(), _writer(database or engine()).begin() as connection:
        command.upgrade(configuration(connection), revision)


def downgrade(database: Engine, revision: str = "base") -> None:
    """Migrates the database back to a revision."""
    from alembic import command

    with _writer(database).begin() as connection:
        command.downgrade(configuration(connection), revision)


def make_ready() -> None:
    """Migrates a SQLite database to the newest schema; raises WrongUsage where PostgreSQL has another one.

    A PostgreSQL database has other users, so migrating it is an operator's decision.
    """
    check_reachable()
    with translated_errors(), engine().connect() as connection:
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


class Claim(Enum):
    """What is claimed: the first number of its advisory locks (the second is the service), and its verb."""

    FOLLOWERS = 0x63616D70, "synchronised"
    POSTS = 0x63616D71, "posted to"
    MESSAGES = 0x63616D72, "written from"
    ANALYSIS = 0x63616D73, "analysed"
    """Of a delivery, not of a service."""
    FORMS = 0x63616D74, "taken over"
    """Of all services."""


@contextmanager
def claim(service_id: int, name: str, what: Claim = Claim.FOLLOWERS) -> Iterator[None]:
    """Claims a part of a service for this process; raises AlreadyRunning when another one has it.

    The operating system or the database releases it when the process dies.
    """
    on_sqlite = engine().dialect.name == "sqlite"
    with (_claim_on_sqlite if on_sqlite else _claim_on_postgresql)(service_id, what) as is_mine:
        if not is_mine:
            raise AlreadyRunning(
                f"{name} is being {what.value[1]} by another run; wait for it or stop it, then try again."
            )
        yield


@contextmanager
def _claim_on_sqlite(service_id: int, what: Claim) -> Iterator[bool]:
    from filelock import FileLock, Timeout

    name = "service" if what is Claim.FOLLOWERS else what.name.lower()
    lock = FileLock(f"{engine().url.database}.{name}-{service_id}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def _claim_on_postgresql(service_id: int, what: Claim) -> Iterator[bool]:
    # Autocommit: the lock belongs to the session, and a transaction kept open would hold back vacuum for hours.
    with translated_errors():
        opened = engine().connect().execution_options(isolation_level="AUTOCOMMIT")
    with opened as connection:
        parameters = {"locks": what.value[0], "service_id": service_id}
        is_mine = connection.scalar(text("SELECT pg_try_advisory_lock(:locks, CAST(:service_id AS int))"), parameters)
        try:
            yield bool(is_mine)
        finally:
            # A lost connection has released the lock already, and its error is raised by the statement that lost it.
            with suppress(DBAPIError):
                connection.execute(text("SELECT pg_advisory_unlock(:locks, CAST(:service_id AS int))"), parameters)


def among(
    session: Session, column: SQLColumnExpression[Any], values: Sequence[Any], type_: TypeEngine[Any]
) -> ColumnElement[bool]:
    """Tests whether a column is one of the values."""
    if is_on_postgresql(session):
        return column == any_(bindparam(None, list(values), type_=ARRAY(type_), unique=True))
    listed = func.json_each(literal(orjson.dumps(list(values)).decode())).table_valued("value")
    return column.in_(select(listed.c.value))


def rows_of(names: Sequence[str], *, on_postgresql: bool) -> Subquery:
    """Builds a table from the parameter of `as_rows`; the first column is an integer, the others are texts."""
    parameter = bindparam("rows", type_=Text())
    if on_postgresql:
        from sqlalchemy.dialects.postgresql import JSONB

        each = func.jsonb_array_elements(cast(parameter, JSONB))
    else:
        each = func.json_each(parameter)
    row = each.table_valued("value", name="items").c.value
    first, *others = (row.op("->>")(literal_column(str(place))) for place, _ in enumerate(names))
    texts = (cast(other, Text).label(name) for other, name in zip(others, names[1:], strict=True))
    return select(cast(first, BigInteger).label(names[0]), *texts).subquery()


def as_rows(rows: Sequence[Sequence[Any]]) -> dict[str, str]:
    """Builds the parameter of a statement with `rows_of`."""
    return {"rows": orjson.dumps(rows).decode()}


def ids_given(*, on_postgresql: bool) -> Subquery:
    """Builds a table of one column, `id`, from the parameter of `as_ids`."""
    parameter = bindparam("ids", type_=Text())
    each = func.json_array_elements_text(cast(parameter, JSON)) if on_postgresql else func.json_each(parameter)
    return select(cast(each.table_valued("value", name="items").c.value, BigInteger).label("id")).subquery()


def as_ids(ids: Sequence[int]) -> dict[str, str]:
    """Builds the parameter of a statement with `ids_given`."""
    return {"ids": orjson.dumps(ids).decode()}


def json_of(column: Any, condition: ColumnElement[bool], *, on_postgresql: bool) -> ColumnElement[str]:
    """Collects the values for which a condition holds, as one JSON list."""
    collected = func.json_agg(column) if on_postgresql else func.json_group_array(column)
    return func.coalesce(cast(collected.filter(condition), Text), "[]")


def json_list(*columns: Any, on_postgresql: bool) -> ColumnElement[Any]:
    """Returns the columns of a row as a JSON list."""
    return func.json_build_array(*columns) if on_postgresql else func.json_array(*columns)


def is_on_postgresql(session: Session) -> bool:
    """Tests whether the database of a session is PostgreSQL."""
    return session.get_bind().dialect.name == "postgresql"


def expect_many(session: Session) -> None:
    """Prepares the database for statements that read very many rows once."""
    if is_on_postgresql(session):
        # With its default of 4 MB it does not hash a long list, but scans it for each of a million rows; and compiling
        # such a statement takes longer than it saves.
        session.execute(text("SET LOCAL work_mem = '128MB'"))
        session.execute(text("SET LOCAL jit = off"))
    else:
        # Each connection has its own cache: rows that are read once are not worth 8 MB of memory in every connection.
        session.execute(text("PRAGMA cache_size=-4000"))
