"""Pages of followers in, visitors and subscriptions out; the sweep at the end of a full reading."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Table, func, insert, select
from sqlmodel import Session, SQLModel, col

from campaign.domain.followers import Follower
from campaign.store import erasures, reachability
from campaign.store.sql import POSTGRESQL, SQLITE, BulkStatements
from models import ORIGIN, Service, Subscription, SyncMode, SyncRun, Visitor

_NUL_IN_JSON = "\\u0000"
#: Visitors compared by one statement: a million at once would take 14 MB.
SWEPT_AT_ONCE = 250_000
_NEWEST = select(func.max(col(Visitor.id)))
_PAGES: Table = SQLModel.metadata.tables["sync_page"]


@dataclass(frozen=True)
class Difference:
    """What a page changed: people whose following begins, and known people whose profile is another now.

    `newcomers` counts those whose following began since the reading did, on this page or when it was read before.
    """

    new: int
    changed: int
    newcomers: int


@dataclass(frozen=True)
class _Written:
    """Whose rows a page needed: the visitor ids of all its people as a JSON list, how many were new or changed."""

    ids: str
    new: int
    changed: int


def save_page(
    session: Session, run: SyncRun, service: Service, people: Sequence[Follower], now: datetime
) -> Difference:
    """Write the people of a page and mark them as seen by this reading; part of the caller's transaction."""
    people = list({person.external_id: person for person in people}.values())
    people = erasures.without_erased(session, people, lambda person: person.external_id)
    write = _write_on_sqlite if _statements(session) is SQLITE else _write_on_postgresql
    written = write(session, people, {"origin": ORIGIN, "folder": service.visitor_folder, "now": now})
    mark = {"sync_run_id": run.id, "number": run.pages, "visitor_ids": written.ids}
    session.connection().execute(insert(_PAGES), mark)
    reachability.keep(session, service.id, people, written.ids, now)
    begun = _begin_subscriptions(session, service, written, len(people), now)
    newcomers = _count_begun(session, run, written.ids) if run.mode is SyncMode.INCREMENTAL else begun
    return Difference(new=begun, changed=written.changed, newcomers=newcomers)


def _count_begun(session: Session, run: SyncRun, ids: str) -> int:
    given = {"service_id": run.service_id, "ids": ids, "since": run.started_at}
    return int(session.connection().execute(_statements(session).count_begun, given).scalar_one())


def _as_json(people: Iterable[Follower]) -> str:
    """A list of lists; the one character that neither database keeps is taken out of names."""
    page = orjson.dumps([tuple(person) for person in people]).decode()
    if _NUL_IN_JSON not in page:
        return page
    cleaned = ([part.replace("\x00", "") if isinstance(part, str) else part for part in person] for person in people)
    return orjson.dumps(list(cleaned)).decode()


def _statements(session: Session) -> BulkStatements:
    return SQLITE if session.get_bind().dialect.name == "sqlite" else POSTGRESQL


def _write_on_sqlite(session: Session, people: Sequence[Follower], given: dict[str, object]) -> _Written:
    newest = session.scalar(_NEWEST) or 0
    written = session.connection().execute(SQLITE.upsert_visitors, given | {"page": _as_json(people)}).rowcount
    # One writer at a time, and ids count up: whoever is new got one of these.
    new = range(newest + 1, (session.scalar(_NEWEST) or 0) + 1)
    ids = orjson.dumps(list(new)).decode() if len(new) == len(people) else _look_up(session, people)
    return _Written(ids, len(new), written - len(new))


def _write_on_postgresql(session: Session, people: Sequence[Follower], given: dict[str, object]) -> _Written:
    # Sorted, so that two services that meet the same people lock them in the same order.
    page = _as_json(sorted(people))
    written = session.connection().execute(POSTGRESQL.upsert_visitors, given | {"page": page}).one()
    ids = (written.ids or "[]") if written.written == len(people) else _look_up(session, people)
    return _Written(ids, written.written - written.changed, written.changed)


def _look_up(session: Session, people: Sequence[Follower]) -> str:
    given = {"ids": orjson.dumps([person.external_id for person in people]).decode(), "origin": ORIGIN}
    ids: str = session.connection().execute(_statements(session).visitor_ids, given).scalar_one()
    return ids


def _begin_subscriptions(session: Session, service: Service, written: _Written, people: int, now: datetime) -> int:
    connection, statements = session.connection(), _statements(session)
    given = {"service_id": service.id, "ids": written.ids, "now": now}
    if written.new < people:  # only who was known can be back
        connection.execute(statements.keep_past, given)
    return connection.execute(statements.begin_subscriptions, given).rowcount


def end_unseen(session: Session, run: SyncRun, now: datetime) -> int:
    """End the following of everybody whom no page of this reading had; returns how many."""
    given = {"service_id": run.service_id, "sync_run_id": run.id, "now": now, "since": run.reading_since}
    statements = _statements(session)
    if statements.plan_sweep is not None:
        session.connection().execute(statements.plan_sweep)
    newest = session.scalar(_NEWEST) or 0
    ranges = ({"first": first, "beyond": first + SWEPT_AT_ONCE} for first in range(0, newest + 1, SWEPT_AT_ONCE))
    return sum(session.connection().execute(statements.end_unseen, given | each).rowcount for each in ranges)


def count_followers(session: Session, service_id: int) -> int:
    """Count who follows a service now."""
    following = select(func.count()).where(
        col(Subscription.service_id) == service_id, col(Subscription.ended_at).is_(None)
    )
    return session.scalar(following) or 0
