"""The bulk statements of a sync, one path per database; measured in docs/performance.md.

X leaves empty fields out: what is missing does not overwrite what is known. `:page` is a JSON list of lists, one for
each person (external id, username, full name, number of friends, checked, location), `:ids` a JSON list of ids.
"""

from dataclasses import dataclass

from sqlalchemy import TextClause, bindparam, text

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
