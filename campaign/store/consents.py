"""Who agreed to be written to by a service, and who took it back."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import orjson
from sqlalchemy import TextClause, bindparam, text, update
from sqlmodel import Session, col, select

from campaign.store import erasures
from campaign.store.agreements import withdraw_of_visitor
from campaign.store.suppressions import cancel_pending, never_write_again
from models import ORIGIN, Consent, ConsentSource, ExclusionReason, SuppressionReason, Visitor
from models.base import Moment

_MEET = text("""
INSERT INTO visitor (origin, external_id, folder, created_at, updated_at)
VALUES (:origin, :external_id, :folder, :now, :now) ON CONFLICT (origin, external_id) DO NOTHING
""").bindparams(bindparam("now", type_=Moment()))

#: What was taken back is not given again by reading what once gave it a second time.
_AGREE = """
INSERT INTO consent (service_id, visitor_id, source, proof, given_at, ended_because)
SELECT :service_id, visitor_id, source, proof, given_at, '' FROM ({given}) AS given
WHERE NOT EXISTS (
    SELECT 1 FROM consent AS earlier WHERE earlier.visitor_id = given.visitor_id
        AND earlier.service_id = :service_id AND earlier.ended_at > given.given_at
)
ON CONFLICT (service_id, visitor_id) WHERE ended_at IS NULL DO NOTHING
"""
_AGREE_ON_SQLITE = text(
    _AGREE.format(
        given="""
    SELECT value ->> 0 AS visitor_id, value ->> 1 AS source, value ->> 2 AS proof, value ->> 3 AS given_at
    FROM json_each(:rows)"""
    )
)
_AGREE_ON_POSTGRESQL = text(
    _AGREE.format(
        given="""
    SELECT CAST(value ->> 0 AS bigint) AS visitor_id, value ->> 1 AS source, value ->> 2 AS proof,
        CAST(value ->> 3 AS timestamp) AT TIME ZONE 'UTC' AS given_at
    FROM jsonb_array_elements(CAST(:rows AS jsonb))"""
    )
)
#: How SQLite stores a moment, and PostgreSQL reads one.
_MOMENT = "%Y-%m-%d %H:%M:%S.%f"


class Agreement(NamedTuple):
    """That a person agreed: how, what proves it, and when."""

    visitor_id: int
    source: ConsentSource
    proof: str
    """X's id of the person's own message, or where it is written; never a text that a person sent."""
    given_at: datetime


def visitor_of(session: Session, external_id: str, folder: str, now: datetime) -> int | None:
    """The id of the visitor with this X user id, whom nobody but us need have met: only the id is known then.

    None for somebody who was erased: nothing is written down again.
    """
    known = select(Visitor.id).where(col(Visitor.origin) == ORIGIN, col(Visitor.external_id) == external_id)
    found: int | None = session.scalar(known)
    if found is not None:
        return found
    if erasures.is_erased(session, external_id):
        return None
    given = {"origin": ORIGIN, "external_id": external_id, "folder": folder, "now": now}
    session.connection().execute(_MEET, given)
    return session.exec(known).one()


def agree(
    session: Session, service_id: int, visitor_id: int, source: ConsentSource, proof: str, given_at: datetime
) -> bool:
    """Begin a consent; False when one is running, or the person took it back after `given_at`."""
    return agree_all(session, service_id, [Agreement(visitor_id, source, proof, given_at)]) == 1


def agree_all(session: Session, service_id: int, agreements: Iterable[Agreement]) -> int:
    """Begin the consents of many at once; returns how many began, see `agree`. A suppression stays what it is."""
    # Sorted, so that two that write the same people do so in the same order.
    rows = orjson.dumps([_as_row(each) for each in sorted(agreements)]).decode()
    return session.connection().execute(_agree(session), {"service_id": service_id, "rows": rows}).rowcount


def _agree(session: Session) -> TextClause:
    return _AGREE_ON_SQLITE if session.get_bind().dialect.name == "sqlite" else _AGREE_ON_POSTGRESQL


def _as_row(given: Agreement) -> tuple[int, str, str, str]:
    moment = given.given_at.astimezone(UTC).strftime(_MOMENT)
    return given.visitor_id, given.source.value, given.proof.replace("\x00", ""), moment


def opt_out(session: Session, service_id: int, visitor_id: int, proof: str, at: datetime) -> int:
    """Never write to this person again from this service; returns how many messages that were to go out do not.

    What the person had shared of the profile is removed too. Whatever the person writes afterwards, it holds until an
    operator lifts it, see `suppressions.allow_again`.
    """
    running = update(Consent).where(
        col(Consent.service_id) == service_id, col(Consent.visitor_id) == visitor_id, col(Consent.ended_at).is_(None)
    )
    session.execute(running.values(ended_at=at, ended_because=proof))
    never_write_again(session, service_id, visitor_id, SuppressionReason.OPT_OUT, proof, at)
    withdraw_of_visitor(session, service_id, visitor_id, at)
    return cancel_pending(session, [service_id], visitor_id, ExclusionReason.OPTED_OUT, at)
