"""One process at a time: a claim that the operating system or the database gives back when its holder dies."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from campaign.errors import AlreadyRunning
from campaign.store.engine import engine, said_plainly

#: The first number of the advisory locks; the second is the service.
_LOCKS = 0x63616D70


@contextmanager
def claim(service_id: int, name: str) -> Iterator[None]:
    """Hold a service's followers list for this process; raises AlreadyRunning when another one holds it."""
    held = _claim_on_sqlite(service_id) if engine().dialect.name == "sqlite" else _claim_on_postgresql(service_id)
    with held as is_mine:
        if not is_mine:
            raise AlreadyRunning(
                f"{name} is being synchronised by another run; wait for it or stop it, then try again."
            )
        yield


@contextmanager
def _claim_on_sqlite(service_id: int) -> Iterator[bool]:
    lock = FileLock(f"{engine().url.database}.service-{service_id}.lock")
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
def _claim_on_postgresql(service_id: int) -> Iterator[bool]:
    # Autocommit: the lock belongs to the session, and a transaction kept open would hold back vacuum for hours.
    with said_plainly():
        opened = engine().connect().execution_options(isolation_level="AUTOCOMMIT")
    with opened as connection:
        given = {"locks": _LOCKS, "service_id": service_id}
        is_mine = connection.scalar(text("SELECT pg_try_advisory_lock(:locks, CAST(:service_id AS int))"), given)
        try:
            yield bool(is_mine)
        finally:
            # A connection that broke has given the lock back already, and what broke it is told by somebody else.
            with suppress(DBAPIError):
                connection.execute(text("SELECT pg_advisory_unlock(:locks, CAST(:service_id AS int))"), given)
