"""Pages of followers in, visitors and subscriptions out; the sweep at the end of a full reading."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

import orjson
from sqlalchemy import func, select, text
from sqlmodel import Session, col

from campaign.domain.followers import Follower
from campaign.store.sql import POSTGRESQL, SQLITE, BulkStatements
from models import ORIGIN, Service, Subscription, SyncPage, SyncRun, Visitor
from models.base import Moment

_ROW = attrgetter("external_id", "username", "full_name", "followers_count", "verified")


@dataclass(frozen=True)
class Difference:
    """What a page changed: people whose following begins, and known people whose profile is another now."""

    new: int
    changed: int


def save_page(
    session: Session, run: SyncRun, service: Service, people: Sequence[Follower], now: datetime
) -> Difference:
    """Write the people of a page and mark them as seen by this reading; part of the caller's transaction."""
    # Sorted, so that two services that meet the same people lock them in the same order.
    people = sorted({person.external_id: person for person in people}.values(), key=lambda one: one.external_id)
    upsert = _upsert_on_sqlite if _statements(session) is SQLITE else _upsert_on_postgresql
    visitor_ids, changed = upsert(session, people, service.visitor_folder, now)
    marks = orjson.dumps(visitor_ids).decode()
    session.add(SyncPage(sync_run_id=run.id, number=run.pages, visitor_ids=marks))
    return Difference(new=_begin_subscriptions(session, service, marks, now), changed=changed)


def _statements(session: Session) -> BulkStatements:
    return SQLITE if session.get_bind().dialect.name == "sqlite" else POSTGRESQL


def _upsert_on_sqlite(
    session: Session, people: Sequence[Follower], folder: str, now: datetime
) -> tuple[list[int], int]:
    newest = session.scalar(select(func.max(Visitor.id))) or 0
    process = Moment().dialect_impl(session.get_bind().dialect).bind_processor(session.get_bind().dialect)
    moment = process(now) if process else now
    rows = [(*_ROW(person), ORIGIN, folder, moment, moment) for person in people]
    written = session.connection().exec_driver_sql(SQLITE.upsert_visitors, rows).rowcount if rows else 0
    ids = _visitor_ids(session, people)
    # One writer at a time: whoever has a higher id than all before was inserted here.
    return ids, written - sum(1 for visitor_id in ids if visitor_id > newest)


def _upsert_on_postgresql(
    session: Session, people: Sequence[Follower], folder: str, now: datetime
) -> tuple[list[int], int]:
    page = orjson.dumps(people).decode()
    given = {"page": page, "origin": ORIGIN, "folder": folder, "now": now}
    written = session.connection().execute(text(POSTGRESQL.upsert_visitors), given).all()
    ids = [row.id for row in written] if len(written) == len(people) else _visitor_ids(session, people)
    return ids, sum(1 for row in written if not row.is_new)


def _visitor_ids(session: Session, people: Sequence[Follower]) -> list[int]:
    ids = orjson.dumps([person.external_id for person in people]).decode()
    found = session.connection().execute(_statements(session).visitor_ids, {"ids": ids, "origin": ORIGIN})
    return list(found.scalars())


def _begin_subscriptions(session: Session, service: Service, ids: str, now: datetime) -> int:
    connection, statements = session.connection(), _statements(session)
    connection.execute(statements.keep_past, {"service_id": service.id, "ids": ids})
    begun = connection.execute(statements.begin_subscriptions, {"service_id": service.id, "ids": ids, "now": now})
    return begun.rowcount


def end_unseen(session: Session, run: SyncRun, now: datetime) -> int:
    """End the following of everybody whom no page of this reading had; returns how many."""
    given = {"service_id": run.service_id, "sync_run_id": run.id, "now": now}
    return session.connection().execute(_statements(session).end_unseen, given).rowcount


def count_followers(session: Session, service_id: int) -> int:
    """Count who follows a service now."""
    following = select(func.count()).where(
        col(Subscription.service_id) == service_id, col(Subscription.ended_at).is_(None)
    )
    return session.scalar(following) or 0
