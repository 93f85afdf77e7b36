"""Who of a page of followers takes the account's messages: those who do not are few, and the others leave no row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import TextClause, bindparam, text
from sqlmodel import Session

from campaign.domain.followers import Follower
from models import ORIGIN
from models.base import Moment

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
