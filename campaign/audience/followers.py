"""The bulk statements of a sync, for each database; measured in docs/performance.md."""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Table, TextClause, bindparam, func, insert, select, text
from sqlmodel import Session, SQLModel, col

from campaign.audience import visitors
from campaign.db.engine import is_on_postgresql
from campaign.formatting import fold
from campaign.x.types import Follower
from models import ORIGIN, Moment, Service, Subscription, SyncMode, SyncRun, Visitor

_UPSERT = """
ON CONFLICT (origin, external_id) DO UPDATE SET
    username = coalesce(excluded.username, visitor.username),
    full_name = coalesce(excluded.full_name, visitor.full_name),
    followers_count = coalesce(excluded.followers_count, visitor.followers_count),
    verified = coalesce(excluded.verified, visitor.verified),
    location = coalesce(excluded.location, visitor.location),
    folded_name = coalesce(excluded.folded_name, visitor.folded_name),
    folded_location = coalesce(excluded.folded_location, visitor.folded_location),
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
    """Writes the new and the changed people of `:page`."""
    visitor_ids: TextClause
    """Lists the visitors whose external ids are in `:ids`, as one JSON list of their ids in any order."""
    keep_past: TextClause
    """Copies the earlier subscriptions of the people in `:ids` who follow again."""
    begin_subscriptions: TextClause
    """Begins the subscriptions of `:ids`; its row count is the number of those that begin."""
    end_unseen: TextClause
    """Ends the subscriptions that no page of the reading had, except those that another reading began meanwhile.

    For the visitors from `:first` to before `:beyond`: the ids of the pages are held in memory.
    """
    count_begun: TextClause
    """Counts the subscriptions of `:ids` that began `:since`."""
    plan_sweep: TextClause | None = None
    """Runs before `end_unseen`."""


SQLITE = BulkStatements(
    # One statement leaves the interpreter to the thread that reads the next page; a thousand would take turns with it.
    upsert_visitors=text(
        """
INSERT INTO visitor (
    external_id, username, full_name, followers_count, verified, location, folded_name, folded_location,
    origin, folder, created_at, updated_at
) SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'), json_extract(value, '$[6]'),
    json_extract(value, '$[7]'), :origin, :folder, :now, :now
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
    external_id, username, full_name, followers_count, verified, location, folded_name, folded_location,
    origin, folder, created_at, updated_at
) SELECT person ->> 0, person ->> 1, person ->> 2, CAST(person ->> 3 AS bigint), CAST(person ->> 4 AS boolean),
    person ->> 5, person ->> 6, person ->> 7, :origin, :folder, :now, :now
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


def _reachability(of_page: str, people: str) -> tuple[TextClause, TextClause]:
    """Makes two statements: `:people` take no messages; those of the page in `:ids` who are not among them do."""
    close, open_again = _CLOSE.format(people=people), _OPEN_AGAIN.format(of_page=of_page, people=people)
    return text(close).bindparams(_NOW), text(open_again)


# CROSS JOIN and an array: the planner must not scan the visitors to find them in the page.
_ON_SQLITE = _reachability(
    "visitor_id IN (SELECT value FROM json_each(:ids))",
    "json_each(:people) AS person CROSS JOIN visitor"
    " WHERE visitor.origin = :origin AND visitor.external_id = person.value",
)
_ON_POSTGRESQL = _reachability(
    "visitor_id IN (SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST(:ids AS json)))",
    "visitor WHERE origin = :origin"
    " AND external_id = ANY (ARRAY(SELECT json_array_elements_text(CAST(:people AS json))))",
)


def _record_reachability(
    session: Session, service_id: int, people: Sequence[Follower], ids: str, now: datetime
) -> None:
    """Records which people of a page take no messages of the service; `ids` are the visitor ids of all of them."""
    not_open = [person for person in people if person.receives_messages is not True]
    closed = [person.external_id for person in not_open if person.receives_messages is False]
    connection, given = session.connection(), {"service_id": service_id, "origin": ORIGIN}
    close, open_again = _ON_POSTGRESQL if is_on_postgresql(session) else _ON_SQLITE
    if closed:
        connection.execute(close, given | {"people": orjson.dumps(closed).decode(), "now": now})
    if len(not_open) == len(people):
        return
    # Ids of visitors count up, so those of a page lie close together: only if there are more closed people between the
    # first and the last one than on the page, some of the page may be open again.
    numbers: list[int] = orjson.loads(ids)
    within = {"service_id": service_id, "first": min(numbers), "last": max(numbers), "enough": len(closed) + 1}
    if (connection.scalar(_COUNT, within) or 0) > len(closed):
        listed = orjson.dumps([person.external_id for person in not_open]).decode()
        connection.execute(open_again, given | {"ids": ids, "people": listed})


_NUL_IN_JSON = "\\u0000"
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_ID, _LONGEST_USERNAME, _TOO_MANY = 20, 50, 2**63
logger = logging.getLogger(__name__)
#: Visitors compared by one statement: a million at once would take 14 MB.
SWEPT_AT_ONCE = 250_000
_NEWEST = select(func.max(col(Visitor.id)))
_PAGES: Table = SQLModel.metadata.tables["sync_page"]


@dataclass(frozen=True)
class Difference:
    """The changes of a page: subscriptions that begin, and known people whose profile changed.

    `newcomers` counts the subscriptions that began since the reading did, on this page or when it was read before.
    """

    new: int
    changed: int
    newcomers: int
    left_out: int


@dataclass(frozen=True)
class _Written:
    """The visitor ids of all people of a page as a JSON list, and the counts of new and changed ones."""

    ids: str
    new: int
    changed: int


def save_page(
    session: Session, run: SyncRun, service: Service, people: Sequence[Follower], now: datetime
) -> Difference:
    """Writes the people of a page and marks them as seen by this reading, in the caller's transaction."""
    known = {person.external_id: _storable(person) for person in people}
    odd = [external_id for external_id in known if not 0 < len(external_id) <= _LONGEST_ID]
    for external_id in odd:
        logger.warning("Left out a follower whose id cannot be stored: %.40s.", external_id)
        del known[external_id]
    people = list(known.values())
    people = visitors.without_erased(session, people, lambda person: person.external_id)
    connection, statements = session.connection(), _statements(session)
    write = _write_on_sqlite if statements is SQLITE else _write_on_postgresql
    written = write(session, people, {"origin": ORIGIN, "folder": service.visitor_folder, "now": now})
    seen = {"sync_run_id": run.id, "number": run.pages, "visitor_ids": written.ids}
    connection.execute(insert(_PAGES), seen)
    _record_reachability(session, service.id, people, written.ids, now)
    visitors.suppress_followers(session, orjson.loads(written.ids))
    given = {"service_id": service.id, "ids": written.ids}
    if written.new < len(people):  # only a known person can follow again
        connection.execute(statements.keep_past, given)
    begun = connection.execute(statements.begin_subscriptions, given | {"now": now}).rowcount
    newcomers = begun
    if run.mode is SyncMode.INCREMENTAL:
        newcomers = connection.execute(statements.count_begun, given | {"since": run.started_at}).scalar_one()
    return Difference(new=begun, changed=written.changed, newcomers=newcomers, left_out=len(odd))


def _storable(person: Follower) -> Follower:
    """Returns a person without the fields that a database cannot store, as if X had not sent them."""
    texts = {name: getattr(person, name) for name in ("username", "full_name", "location")}
    odd: dict[str, Any] = {
        name: None for name, text in texts.items() if text and not text.isascii() and _SURROGATE.search(text)
    }
    if len(person.username or "") > _LONGEST_USERNAME:
        odd["username"] = None
    if abs(person.followers_count or 0) >= _TOO_MANY:
        odd["followers_count"] = None
    return person._replace(**odd) if odd else person


def _as_json(people: Iterable[Follower]) -> str:
    """Returns a list of lists; NUL, which neither database stores, is removed from texts."""
    folded = (
        (*person[:6], *(text and fold(text) for text in (person.full_name, person.location))) for person in people
    )
    page = orjson.dumps(rows := list(folded)).decode()
    if _NUL_IN_JSON not in page:
        return page
    cleaned = ([part.replace("\x00", "") if isinstance(part, str) else part for part in row] for row in rows)
    return orjson.dumps(list(cleaned)).decode()


def _statements(session: Session) -> BulkStatements:
    return POSTGRESQL if is_on_postgresql(session) else SQLITE


def _write_on_sqlite(session: Session, people: Sequence[Follower], given: dict[str, object]) -> _Written:
    newest = session.scalar(_NEWEST) or 0
    written = session.connection().execute(SQLITE.upsert_visitors, given | {"page": _as_json(people)}).rowcount
    # One writer at a time, and ids count up: these are the new people.
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


def end_unseen(session: Session, run: SyncRun, now: datetime) -> int:
    """Ends the subscriptions that no page of this reading had; returns their number."""
    given = {"service_id": run.service_id, "sync_run_id": run.id, "now": now, "since": run.reading_since}
    statements = _statements(session)
    if statements.plan_sweep is not None:
        session.connection().execute(statements.plan_sweep)
    newest = session.scalar(_NEWEST) or 0
    ranges = ({"first": first, "beyond": first + SWEPT_AT_ONCE} for first in range(0, newest + 1, SWEPT_AT_ONCE))
    return sum(session.connection().execute(statements.end_unseen, given | each).rowcount for each in ranges)


def count_followers(session: Session, service_id: int) -> int:
    """Counts the followers of a service."""
    following = select(func.count()).where(
        col(Subscription.service_id) == service_id, col(Subscription.ended_at).is_(None)
    )
    return session.scalar(following) or 0
