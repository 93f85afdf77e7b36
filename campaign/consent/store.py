"""Consents and suppressions, recorded and looked up."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import product
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Table, TextClause, bindparam, delete, exists, text, update
from sqlmodel import Session, SQLModel, col, select

from campaign.audience import erased
from campaign.consent.agreements import withdraw_of_visitor
from campaign.db.json_rows import is_on_postgresql
from models import (
    EVERY_SERVICE,
    ORIGIN,
    OVER,
    Consent,
    ConsentSource,
    Delivery,
    DeliveryKind,
    ExclusionReason,
    MessageState,
    Service,
    Suppression,
    SuppressionReason,
    Visitor,
)
from models.base import Moment

#: The person's own word stands above an operator's.
_SUPPRESS = text("""
INSERT INTO suppression (service_id, visitor_id, reason, proof, at)
VALUES (:service_id, :visitor_id, :reason, :proof, :at)
ON CONFLICT (service_id, visitor_id) DO UPDATE SET reason = excluded.reason, proof = excluded.proof, at = excluded.at
WHERE suppression.reason <> 'opt_out' AND excluded.reason = 'opt_out'
""").bindparams(bindparam("at", type_=Moment()))
_UNREACHABLE = text("""
INSERT INTO unreachable (service_id, visitor_id, reason, at) VALUES (:service_id, :visitor_id, :reason, :at)
ON CONFLICT (service_id, visitor_id) DO UPDATE SET reason = excluded.reason, at = excluded.at
""").bindparams(bindparam("at", type_=Moment()))
_MESSAGE: Table = SQLModel.metadata.tables["message"]
_REASONS = {
    ExclusionReason.OPTED_OUT: "The person does not want to be written to by this service any more.",
    ExclusionReason.SUPPRESSED: "An operator put the person on the denylist.",
}


def suppress(session: Session, visitor_id: int, proof: str, at: datetime, service_id: int = EVERY_SERVICE) -> int:
    """Put a person on the denylist of a service or of all; returns how many messages that were to go out do not."""
    never_write_again(session, service_id, visitor_id, SuppressionReason.DENYLIST, proof, at)
    services = [service_id] if service_id != EVERY_SERVICE else list(session.exec(select(Service.id)))
    return cancel_pending(session, services, visitor_id, ExclusionReason.SUPPRESSED, at)


def never_write_again(
    session: Session, service_id: int, visitor_id: int, reason: SuppressionReason, proof: str, at: datetime
) -> None:
    """Write a suppression; one that is there stays as it is, unless an operator's becomes the person's own."""
    pair = {"service_id": service_id, "visitor_id": visitor_id}
    session.connection().execute(_SUPPRESS, pair | {"reason": reason.value, "proof": proof, "at": at})


def allow_again(session: Session, visitor_id: int, service_id: int) -> bool:
    """Lift the suppression of a person by a service, or the one by all; False when there was none."""
    there = delete(Suppression).where(
        col(Suppression.service_id) == service_id, col(Suppression.visitor_id) == visitor_id
    )
    return bool(session.connection().execute(there).rowcount)


def is_suppressed(session: Session, service_id: int, visitor_id: int) -> bool:
    """Whether a person is never written to by this service."""
    found = exists().where(
        col(Suppression.service_id).in_([service_id, EVERY_SERVICE]), col(Suppression.visitor_id) == visitor_id
    )
    return bool(session.scalar(select(found)))


def remember_unreachable(session: Session, service_id: int, visitor_id: int, reason: str, at: datetime) -> None:
    """Keep that a person does not receive this service's messages; the last reason counts."""
    given = {"service_id": service_id, "visitor_id": visitor_id, "reason": reason, "at": at}
    session.connection().execute(_UNREACHABLE, given)


def cancel_pending(
    session: Session, services: Iterable[int], visitor_id: int, why: ExclusionReason, at: datetime
) -> int:
    """Cancel what is still to go out to a person by these services; what is being sent at this moment is not."""
    places = [
        {"delivery": delivery, "proof": proof, "service": service}
        for (delivery, proof), service in product(_open_broadcasts(session), sorted(services))
    ]
    if not places:
        return 0
    pending = update(_MESSAGE).where(*_AT, _MESSAGE.c.visitor_id == visitor_id, _IS_PENDING)
    cancelled = pending.values(state=MessageState.CANCELLED, reason_code=why.value, reason=_REASONS[why], settled_at=at)
    return session.connection().execute(cancelled, places).rowcount


#: The columns of the unique index of the log, which is what finds one person in a million.
_AT: list[Any] = [
    _MESSAGE.c.delivery_id == bindparam("delivery"),
    _MESSAGE.c.proof_number == bindparam("proof"),
    _MESSAGE.c.service_id == bindparam("service"),
]
_IS_PENDING = _MESSAGE.c.state == MessageState.PENDING


def _open_broadcasts(session: Session) -> list[tuple[int, int]]:
    """The broadcasts that are not over, each with the numbers of its proofs and that of what is none."""
    wanted = select(Delivery.id, Delivery.proofs).where(
        col(Delivery.kind) == DeliveryKind.DM, col(Delivery.state).not_in(OVER)
    )
    return [
        (row, number) for row, proofs in session.exec(wanted.order_by(col(Delivery.id))) for number in range(proofs + 1)
    ]


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
    if erased.is_erased(session, external_id):
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
    return _AGREE_ON_POSTGRESQL if is_on_postgresql(session) else _AGREE_ON_SQLITE


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
