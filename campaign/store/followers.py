"""Pages of followers in, visitors and subscriptions out; the sweep at the end of a full reading."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter

import orjson
from sqlalchemy import func, select
from sqlmodel import Session, col

from campaign.domain.followers import Follower
from campaign.store.sql import POSTGRESQL, SQLITE, BulkStatements
from models import ORIGIN, Service, Subscription, SyncMode, SyncPage, SyncRun, Visitor

_NUL = "\x00"
_NEWEST = select(func.max(col(Visitor.id)))
_by_external_id = attrgetter("external_id")
_ROW = attrgetter("external_id", "username", "full_name", "followers_count", "verified")


@dataclass(frozen=True)
class Difference:
    """What a page changed: people whose following begins, and known people whose profile is another now.

    `newcomers` counts those whose following began since the reading did, on this page or when it was read before.
    """

    new: int
    changed: int
    newcomers: int


def save_page(
    session: Session, run: SyncRun, service: Service, people: Sequence[Follower], now: datetime
) -> Difference:
    """Write the people of a page and mark them as seen by this reading; part of the caller's transaction."""
    people = _cleaned(list({person.external_id: person for person in people}.values()))
    upsert = _upsert_on_sqlite if _statements(session) is SQLITE else _upsert_on_postgresql
    visitor_ids, changed = upsert(session, people, {"origin": ORIGIN, "folder": service.visitor_folder, "now": now})
    session.add(SyncPage(sync_run_id=run.id, number=run.pages, visitor_ids=visitor_ids))
    begun = _begin_subscriptions(session, service, visitor_ids, now)
    newcomers = _count_begun(session, run, visitor_ids) if run.mode is SyncMode.INCREMENTAL else begun
    return Difference(new=begun, changed=changed, newcomers=newcomers)


def _count_begun(session: Session, run: SyncRun, ids: str) -> int:
    given = {"service_id": run.service_id, "ids": ids, "since": run.started_at}
    return int(session.connection().execute(_statements(session).count_begun, given).scalar_one())


def _cleaned(people: list[Follower]) -> list[Follower]:
    """Take the one character out of names that neither database keeps."""
    if _NUL not in "".join(f"{person.full_name}{person.username}" for person in people):
        return people
    return [
        replace(
            person,
            full_name=person.full_name and person.full_name.replace(_NUL, ""),
            username=person.username and person.username.replace(_NUL, ""),
        )
        for person in people
    ]


def _statements(session: Session) -> BulkStatements:
    return SQLITE if session.get_bind().dialect.name == "sqlite" else POSTGRESQL


def _upsert_on_sqlite(session: Session, people: Sequence[Follower], given: dict[str, object]) -> tuple[str, int]:
    """Return the visitor ids as a JSON list, and how many of them were known and have changed."""
    newest = session.scalar(_NEWEST) or 0
    page = orjson.dumps([_ROW(person) for person in people]).decode()
    written = session.connection().execute(SQLITE.upsert_visitors, given | {"page": page}).rowcount
    # One writer at a time, and ids count up: whoever is new got one of these.
    new = range(newest + 1, (session.scalar(_NEWEST) or 0) + 1)
    if len(new) == len(people):
        return orjson.dumps(list(new)).decode(), 0
    known = {"ids": _external_ids(people), "origin": ORIGIN}
    ids: str = session.connection().execute(SQLITE.visitor_ids, known).scalar_one()
    return ids, written - len(new)


def _upsert_on_postgresql(session: Session, people: Sequence[Follower], given: dict[str, object]) -> tuple[str, int]:
    """Return the visitor ids as a JSON list, and how many of them were known and have changed."""
    # Sorted, so that two services that meet the same people lock them in the same order.
    page = orjson.dumps(sorted(people, key=_by_external_id)).decode()
    written = session.connection().execute(POSTGRESQL.upsert_visitors, given | {"page": page}).one()
    if written.written == len(people):
        return written.ids or "[]", written.changed
    known = {"ids": _external_ids(people), "origin": ORIGIN}
    return session.connection().execute(POSTGRESQL.visitor_ids, known).scalar_one(), written.changed


def _external_ids(people: Sequence[Follower]) -> str:
    return orjson.dumps([person.external_id for person in people]).decode()


def _begin_subscriptions(session: Session, service: Service, ids: str, now: datetime) -> int:
    connection, statements = session.connection(), _statements(session)
    connection.execute(statements.keep_past, {"service_id": service.id, "ids": ids})
    begun = connection.execute(statements.begin_subscriptions, {"service_id": service.id, "ids": ids, "now": now})
    return begun.rowcount


def end_unseen(session: Session, run: SyncRun, now: datetime) -> int:
    """End the following of everybody whom no page of this reading had; returns how many."""
    given = {"service_id": run.service_id, "sync_run_id": run.id, "now": now, "since": run.reading_since}
    statements = _statements(session)
    if statements.plan_sweep is not None:
        session.connection().execute(statements.plan_sweep)
    return session.connection().execute(statements.end_unseen, given).rowcount


def count_followers(session: Session, service_id: int) -> int:
    """Count who follows a service now."""
    following = select(func.count()).where(
        col(Subscription.service_id) == service_id, col(Subscription.ended_at).is_(None)
    )
    return session.scalar(following) or 0
