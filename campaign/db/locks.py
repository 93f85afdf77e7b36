"""Claims of one process at a time, which the operating system or the database releases when the process dies."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

from filelock import FileLock, Timeout
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from campaign.db.engine import engine, translated_errors
from campaign.errors import AlreadyRunning


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
    """Claims a part of a service for this process; raises AlreadyRunning when another one has it."""
    on_sqlite = engine().dialect.name == "sqlite"
    with (_claim_on_sqlite if on_sqlite else _claim_on_postgresql)(service_id, what) as is_mine:
        if not is_mine:
            raise AlreadyRunning(
                f"{name} is being {what.value[1]} by another run; wait for it or stop it, then try again."
            )
        yield


@contextmanager
def _claim_on_sqlite(service_id: int, what: Claim) -> Iterator[bool]:
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
