"""The bulk statements of a sync, one path per database; measured in docs/performance.md."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Table, TextClause, bindparam, func, insert, select, text
from sqlmodel import Session, SQLModel, col

from campaign.audience import erased
from campaign.db.json_rows import is_on_postgresql
from campaign.x.types import Follower
from models import ORIGIN, Service, Subscription, SyncMode, SyncRun, Visitor
from models.base import Moment

_UPSERT = """
ON CONFLICT (origin, external_id) DO UPDATE SET
    username = coalesce(excluded.username, visitor.username),
    full_name = coalesce(excluded.full_name, visitor.full_name),
    followers_count = coalesce(excluded.followers_count, visitor.followers_count),
    verified = coalesce(excluded.verified, visitor.verified),
    location = coalesce(excluded.location, visitor.location),
    updated_at = excluded.updated_at
WHERE coalesce(excluded.username, visitor.username) {differs} visitor.username
    OR coalesce(excluded.full_name, visitor.full_name) {differs} visitor.full_name
    OR coalesce(excluded.followers_count, visitor.followers_count) {differs} visitor.followers_count
    OR coalesce(excluded.verified, visitor.verified) {differs} visitor.verified
    OR coalesce(excluded.location, visitor.location) {differs} visitor.location
"""

_BEGIN_AGAIN = """
ON CONFLICT (service_id, visitor_id) DO UPDATE SET began_at = excluded.began_at, ended_at = NULL
WHERE subscription.ended_at IS NOT NULL
"""


_NOW, _SINCE = bindparam("now", type_=Moment()), bindparam("since", type_=Moment())


@dataclass(frozen=True)
class BulkStatements:
    """The statements of one database."""

    upsert_visitors: TextClause
    """Writes who is new or changed and leaves the others alone."""
    visitor_ids: TextClause
    """The visitors whose external ids are in `:ids`, as one JSON list of their ids in any order."""
    keep_past: TextClause
    """Keeps the earlier following of those who are back."""
    begin_subscriptions: TextClause
    """Its row count is the number of followings that begin."""
    end_unseen: TextClause
    """Ends the following of everybody whom no page of the reading had, except whom another one met meanwhile.

    Of the visitors from `:first` on and before `:beyond`: the ids that were seen are held in memory.
    """
    count_begun: TextClause
    """How many of the followings of `:ids` began `:since` then."""
    plan_sweep: TextClause | None = None
    """What the planner is told before `end_unseen`."""


SQLITE = BulkStatements(
    # One statement leaves the interpreter to the thread that reads the next page; a thousand would take turns with it.
    upsert_visitors=text(
        """
INSERT INTO visitor (
    external_id, username, full_name, followers_count, verified, location, origin, folder, created_at, updated_at
) SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'), :origin, :folder, :now, :now
FROM json_each(:page) WHERE true
"""
        + _UPSERT.format(differs="IS NOT")
    ).bindparams(_NOW),
    # CROSS JOIN: the planner must not scan the visitors to find them in the page.
    visitor_ids=text("""
SELECT json_group_array(visitor.id) AS ids FROM json_each(:ids) AS person CROSS JOIN visitor
WHERE visitor.origin = :origin AND visitor.external_id = person.value
"""),
    keep_past=text("""
INSERT INTO past_subscription (service_id, visitor_id, began_at, ended_at)
SELECT service_id, visitor_id, began_at, ended_at FROM subscription
WHERE service_id = :service_id AND ended_at IS NOT NULL AND visitor_id IN (SELECT value FROM json_each(:ids))
"""),
    begin_subscriptions=text(
        """
INSERT INTO subscription (service_id, visitor_id, began_at)
SELECT :service_id, value, :now FROM json_each(:ids) WHERE true
"""
        + _BEGIN_AGAIN
    ).bindparams(_NOW),
    count_begun=text("""
SELECT count(*) FROM subscription
WHERE service_id = :service_id AND began_at >= :since AND visitor_id IN (SELECT value FROM json_each(:ids))
""").bindparams(_SINCE),
    end_unseen=text("""
UPDATE subscription SET ended_at = :now
WHERE service_id = :service_id AND ended_at IS NULL AND began_at < :since
    AND visitor_id >= :first AND visitor_id < :beyond AND visitor_id NOT IN (
        SELECT seen.value FROM sync_page, json_each(sync_page.visitor_ids) AS seen
        WHERE sync_page.sync_run_id = :sync_run_id AND seen.value >= :first AND seen.value < :beyond
    )
""").bindparams(_NOW, _SINCE),
)

POSTGRESQL = BulkStatements(
    upsert_visitors=text(
        """
WITH written AS (
INSERT INTO visitor (
    external_id, username, full_name, followers_count, verified, location, origin, folder, created_at, updated_at
) SELECT person ->> 0, person ->> 1, person ->> 2, CAST(person ->> 3 AS bigint), CAST(person ->> 4 AS boolean),
    person ->> 5, :origin, :folder, :now, :now
FROM jsonb_array_elements(CAST(:page AS jsonb)) AS person
"""
        + _UPSERT.format(differs="IS DISTINCT FROM")
        + """
RETURNING id, xmax = 0 AS is_new
) SELECT CAST(json_agg(id) AS text) AS ids, count(*) AS written, count(*) FILTER (WHERE NOT is_new) AS changed
FROM written
"""
    ).bindparams(_NOW),
    # An array, not a join: the planner must not scan the visitors to find them in the page.
    visitor_ids=text("""
SELECT CAST(json_agg(id) AS text) AS ids FROM visitor WHERE origin = :origin
    AND external_id = ANY (ARRAY(SELECT json_array_elements_text(CAST(:ids AS json))))
"""),
    keep_past=text("""
INSERT INTO past_subscription (service_id, visitor_id, began_at, ended_at)
SELECT service_id, visitor_id, began_at, ended_at FROM subscription
WHERE service_id = :service_id AND ended_at IS NOT NULL
    AND visitor_id = ANY (ARRAY(SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST(:ids AS json))))
"""),
    begin_subscriptions=text(
        """
INSERT INTO subscription (service_id, visitor_id, began_at)
SELECT :service_id, CAST(value AS bigint), :now FROM json_array_elements_text(CAST(:ids AS json))
"""
        + _BEGIN_AGAIN
    ).bindparams(_NOW),
    count_begun=text("""
SELECT count(*) FROM subscription
WHERE service_id = :service_id AND began_at >= :since
    AND visitor_id = ANY (ARRAY(SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST(:ids AS json))))
""").bindparams(_SINCE),
    # A table that was not analysed lately looks empty to the planner, which would then compare each subscription with
    # each seen one; without nested loops it takes a hash join, which spills to disk.
    plan_sweep=text("SET LOCAL enable_nestloop = off"),
    end_unseen=text("""
WITH seen AS MATERIALIZED (
    SELECT CAST(value AS bigint) AS visitor_id
    FROM sync_page, json_array_elements_text(CAST(visitor_ids AS json)) WHERE sync_run_id = :sync_run_id
)
UPDATE subscription SET ended_at = :now
WHERE service_id = :service_id AND ended_at IS NULL AND began_at < :since
    AND visitor_id >= :first AND visitor_id < :beyond
    AND NOT EXISTS (SELECT FROM seen WHERE seen.visitor_id = subscription.visitor_id)
""").bindparams(_NOW, _SINCE),
)


_CLOSE = """
INSERT INTO unreachable (service_id, visitor_id, reason, at) SELECT :service_id, visitor.id, 'closed', :now
FROM {people} ON CONFLICT (service_id, visitor_id) DO NOTHING
"""
_COUNT = text("""
SELECT count(*) FROM (
    SELECT 1 FROM unreachable WHERE service_id = :service_id AND visitor_id BETWEEN :first AND :last LIMIT :enough
) AS found
""")
_OPEN_AGAIN = """
DELETE FROM unreachable WHERE service_id = :service_id AND {of_page}
    AND visitor_id NOT IN (SELECT visitor.id FROM {people})
"""


@dataclass(frozen=True)
class _Statements:
    """The statements of one database: `:people` is a JSON list of external ids, `:ids` those of a page's visitors."""

    close: TextClause
    """Keeps that `:people` do not take messages."""
    open_again: TextClause
    """Forgets it of those of the page who are not among `:people`."""


def _statements(of_page: str, people: str) -> _Statements:
    close, open_again = _CLOSE.format(people=people), _OPEN_AGAIN.format(of_page=of_page, people=people)
    return _Statements(text(close).bindparams(bindparam("now", type_=Moment())), text(open_again))


# CROSS JOIN and an array: the planner must not scan the visitors to find them in the page.
_SQLITE = _statements(
    "visitor_id IN (SELECT value FROM json_each(:ids))",
    "json_each(:people) AS person CROSS JOIN visitor"
    " WHERE visitor.origin = :origin AND visitor.external_id = person.value",
)
_POSTGRESQL = _statements(
    "visitor_id IN (SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST(:ids AS json)))",
    "visitor WHERE origin = :origin"
    " AND external_id = ANY (ARRAY(SELECT json_array_elements_text(CAST(:people AS json))))",
)


def keep(session: Session, service_id: int, people: Sequence[Follower], ids: str, now: datetime) -> None:
    """Keep which people of a page do not take the account's messages; `ids` are the visitor ids of all of them."""
    others = [person for person in people if person.receives_messages is not True]
    closed = [person.external_id for person in others if person.receives_messages is False]
    connection = session.connection()
    statements = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL
    given = {"service_id": service_id, "origin": ORIGIN}
    if closed:
        connection.execute(statements.close, given | {"people": orjson.dumps(closed).decode(), "now": now})
    if len(others) < len(people) and _are_more(session, service_id, ids, len(closed)):
        not_open = orjson.dumps([person.external_id for person in others]).decode()
        connection.execute(statements.open_again, given | {"ids": ids, "people": not_open})


def _are_more(session: Session, service_id: int, ids: str, closed: int) -> bool:
    """Whether some of the page may be open again: more rows lie between its first and last visitor than are closed.

    Ids count up in the order in which people were met, so that those of a page lie close together.
    """
    numbers: list[int] = orjson.loads(ids)
    within = {"service_id": service_id, "first": min(numbers), "last": max(numbers), "enough": closed + 1}
    return (session.connection().scalar(_COUNT, within) or 0) > closed


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
    people = erased.without_erased(session, people, lambda person: person.external_id)
    write = _write_on_sqlite if _follower_statements(session) is SQLITE else _write_on_postgresql
    written = write(session, people, {"origin": ORIGIN, "folder": service.visitor_folder, "now": now})
    mark = {"sync_run_id": run.id, "number": run.pages, "visitor_ids": written.ids}
    session.connection().execute(insert(_PAGES), mark)
    keep(session, service.id, people, written.ids, now)
    begun = _begin_subscriptions(session, service, written, len(people), now)
    newcomers = _count_begun(session, run, written.ids) if run.mode is SyncMode.INCREMENTAL else begun
    return Difference(new=begun, changed=written.changed, newcomers=newcomers)


def _count_begun(session: Session, run: SyncRun, ids: str) -> int:
    given = {"service_id": run.service_id, "ids": ids, "since": run.started_at}
    return int(session.connection().execute(_follower_statements(session).count_begun, given).scalar_one())


def _as_json(people: Iterable[Follower]) -> str:
    """A list of lists; the one character that neither database keeps is taken out of names."""
    page = orjson.dumps([tuple(person) for person in people]).decode()
    if _NUL_IN_JSON not in page:
        return page
    cleaned = ([part.replace("\x00", "") if isinstance(part, str) else part for part in person] for person in people)
    return orjson.dumps(list(cleaned)).decode()


def _follower_statements(session: Session) -> BulkStatements:
    return POSTGRESQL if is_on_postgresql(session) else SQLITE


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
    ids: str = session.connection().execute(_follower_statements(session).visitor_ids, given).scalar_one()
    return ids


def _begin_subscriptions(session: Session, service: Service, written: _Written, people: int, now: datetime) -> int:
    connection, statements = session.connection(), _follower_statements(session)
    given = {"service_id": service.id, "ids": written.ids, "now": now}
    if written.new < people:  # only who was known can be back
        connection.execute(statements.keep_past, given)
    return connection.execute(statements.begin_subscriptions, given).rowcount


def end_unseen(session: Session, run: SyncRun, now: datetime) -> int:
    """End the following of everybody whom no page of this reading had; returns how many."""
    given = {"service_id": run.service_id, "sync_run_id": run.id, "now": now, "since": run.reading_since}
    statements = _follower_statements(session)
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
