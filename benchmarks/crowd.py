"""A service with many followers of every kind: those who said stop, agreed, cannot be reached, or got enough lately."""

from collections.abc import Sequence
from datetime import timedelta

import pendulum
from sqlalchemy import bindparam, text
from sqlmodel import Session

from benchmarks.analysing import PEOPLE
from benchmarks.brand import Brand
from benchmarks.broadcast import composed
from benchmarks.connecting import connect
from campaign.db.engine import engine, transaction
from campaign.services.store import find_service
from models import Moment

# In words that both databases know; ids come in no order, as on X.
_VISITORS = """
INSERT INTO visitor (origin, external_id, username, full_name, followers_count, verified, location, folded_name,
                     folded_location, folder, created_at, updated_at)
WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < :people)
SELECT 'Twitter', CAST(1000000000 + i * 2654435761 % 4294967296 AS text), 'person_' || i,
       CASE WHEN i % 100 > 0 THEN 'Person ' || i END, i % 5000, i % 3 = 0,
       CASE i % 4 WHEN 0 THEN 'Gent, Belgium' WHEN 1 THEN 'Antwerpen' WHEN 2 THEN 'Paris' END,
       CASE WHEN i % 100 > 0 THEN 'person ' || i END,
       CASE i % 4 WHEN 0 THEN 'gent, belgium' WHEN 1 THEN 'antwerpen' WHEN 2 THEN 'paris' END, 'Visitors', :now, :now
FROM number
"""
# In the order of the visitors, as a sync writes both page by page.
_FOLLOWERS = """
INSERT INTO subscription (service_id, visitor_id, began_at) SELECT :service, id, :now FROM visitor ORDER BY id
"""
_SUPPRESSED = """
INSERT INTO suppression (service_id, visitor_id, reason, proof, at)
SELECT :service, id, 'opt_out', '1', :now FROM visitor WHERE id % 50 = 0
UNION ALL SELECT 0, id, 'denylist', 'a note', :now FROM visitor WHERE id % 97 = 1
"""
_UNREACHABLE = """
INSERT INTO unreachable (service_id, visitor_id, reason, at)
SELECT :service, id, 'closed', :now FROM visitor WHERE id % 20 = 3
"""
_CONSENTS = """
INSERT INTO consent (service_id, visitor_id, source, proof, given_at, ended_because)
SELECT :service, id, 'opt_in_form', 'a form', :now, '' FROM visitor WHERE id % 10 > 0
"""
_EARLIER = """
INSERT INTO message (delivery_id, proof_number, service_id, visitor_id, part, state, text, reason_code, reason,
                     attempts, armed_at, first_armed_at, settled_at)
SELECT :delivery, 0, :service, id, 1, 'sent', 'Hello', '', '', 1, :now, :now, :now
FROM visitor WHERE id % :every = 0
"""
_SINCE = timedelta(days=3)


def crowd(brand: Brand) -> list[float]:
    """Fill the tables; the service then writes to those who agreed, and twice a week at most."""
    connect(brand, message_policy="consented_only", frequency_cap=2)
    service_id = find_service(brand.username).id
    earlier = [composed([brand.username]) for _ in range(2)]
    with transaction() as session:
        _fill(session, service_id, earlier)
    if engine().dialect.name == "postgresql":
        with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as database:
            database.execute(text("ANALYZE"))  # the server does so by itself within a minute
    return []


def _fill(session: Session, service_id: int, earlier: Sequence[str]) -> None:
    given = {"service": service_id, "people": PEOPLE, "now": pendulum.now("UTC") - _SINCE}
    for statement in (_VISITORS, _FOLLOWERS, _SUPPRESSED, _UNREACHABLE, _CONSENTS):
        _run(session, statement, given)
    for every, name in zip((3, 5), earlier, strict=True):
        ended = "UPDATE delivery SET state = 'finished' WHERE name = :name RETURNING id"
        delivery_id = session.connection().execute(text(ended), {"name": name}).scalar_one()
        _run(session, _EARLIER, given | {"delivery": delivery_id, "every": every})


def _run(session: Session, statement: str, given: dict[str, object]) -> None:
    wanted = text(statement)
    named = {name: value for name, value in given.items() if f":{name}" in statement}
    session.connection().execute(wanted.bindparams(bindparam("now", type_=Moment())), named)
