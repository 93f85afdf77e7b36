"""Consents and suppressions; agreements to share a profile: invitations, the answer, and its withdrawal."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, ColumnElement, String, Table, bindparam, delete, exists, func, or_, text, update
from sqlalchemy import select as sa_select
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from campaign.audience import visitors
from campaign.consent import permission
from campaign.consent.permission import Range, Reasons
from campaign.db.engine import among, announce, is_on_postgresql
from campaign.db.vault import sign, signed
from campaign.settings import load_settings
from campaign.x.types import Profile
from models import (
    EVERY_SERVICE,
    MAIN,
    ORIGIN,
    OVER,
    Agreement,
    AgreementState,
    Consent,
    ConsentSource,
    Contact,
    Delivery,
    DeliveryKind,
    ExclusionReason,
    Message,
    MessageState,
    Moment,
    ReconciledBy,
    Service,
    SuppressedHandle,
    Suppression,
    SuppressionReason,
    UnclearMessage,
    Visitor,
)

_PURPOSE = "invitation"


def join_link(service: str, delivery_id: int, visitor_id: int) -> str:
    """Returns the address where a person becomes a contact of a service; empty without a public address.

    The visitor of a post is NO_VISITOR: everybody who sees it clicks the same link.
    """
    address = load_settings().public_url
    return f"{address}/join/{service}?i={sign(_PURPOSE, [delivery_id, visitor_id])}" if address else ""


def leave_link(service: Service, external_id: str | None) -> str:
    """Returns the address where a person ends messages and sharing, signed if known; empty without a public address."""
    address = load_settings().public_url
    if not address:
        return ""
    if external_id is None:
        return f"{address}/leave/{service.internal_name}"
    return f"{address}/leave?p={sign('leave', [service.id, external_id])}"


def of_invitation(service: Service, delivery_id: int, within: Range | None = None) -> Reasons:
    """Returns the reasons against a message that invites to become a contact, see docs/contact-acquisition.md."""
    contact, person = col(Contact.visitor_id), aliased(Visitor)
    contacts_on_x = sa_select(col(Contact.external_id)).where(col(Contact.external_id).is_not(None))
    agreed = sa_select(col(Agreement.external_id)).where(
        col(Agreement.service_id) == service.id, col(Agreement.state) != AgreementState.FAILED
    )
    # The offset keeps it a list: joined to tables of which it knows nothing yet, PostgreSQL compares each with each.
    known_on_x = (
        sa_select(col(person.id)).where(
            col(person.origin) == ORIGIN, col(person.external_id).in_(external_ids.offset(0))
        )
        for external_ids in (contacts_on_x, agreed)
    )
    # A contact who took an agreement back has answered too.
    is_contact = or_(
        permission.is_among(sa_select(contact), contact, within),
        *(permission.is_among(rows, col(person.id), within) for rows in known_on_x),
    )
    invitations = sa_select(col(Delivery.id)).where(col(Delivery.is_invitation), col(Delivery.id) != delivery_id)
    messages = sa_select(col(Message.visitor_id)).with_hint(Message, "INDEXED BY ix_message_reached", "sqlite")
    invited = messages.where(
        col(Message.service_id) == service.id,
        text(permission.REACHED_MESSAGE),
        col(Message.proof_number) == MAIN,
        col(Message.delivery_id).in_(invitations),
    )
    return permission.in_order(
        [
            (ExclusionReason.ALREADY_CONTACT, is_contact),
            (ExclusionReason.ALREADY_INVITED, permission.is_among(invited, col(Message.visitor_id), within)),
        ]
    )


#: The columns of a contact that come from X, without the X user id.
PROFILE_COLUMNS = tuple(field.name for field in fields(Profile) if field.name != "external_id")


def remove_profile(session: Session, external_id: str, now: datetime) -> None:
    """Removes a profile recovered from X, unless another agreement of the person still runs.

    A contact that came from X keeps only the X user id. One that was known before loses that too, and keeps what it
    was known by: what else of it did not come from X cannot be separated any more.
    """
    of_person = col(Agreement.external_id) == external_id
    if session.scalar(select(exists().where(of_person, col(Agreement.state) == AgreementState.RECOVERED))):
        return
    removed: dict[str, Any] = dict.fromkeys(PROFILE_COLUMNS)
    known_before = col(Agreement.reconciled_by).in_([ReconciledBy.EMAIL, ReconciledBy.USERNAME])
    known_by = session.scalar(select(Agreement.reconciled_by).where(of_person, known_before))
    if known_by:
        removed.pop(known_by.value)
        removed |= {"external_id": None, "visitor_id": None}
    session.execute(update(Contact).where(col(Contact.external_id) == external_id).values(**removed, updated_at=now))


_OPENED = text("""
INSERT INTO invitation_opening (delivery_id, visitor_id, opened_at) VALUES (:delivery_id, :visitor_id, :opened_at)
ON CONFLICT (delivery_id, visitor_id) DO NOTHING
""").bindparams(bindparam("opened_at", type_=Moment()))


@dataclass(frozen=True, slots=True)
class Yes:
    """A person's agreement to share the profile, with its exact text."""

    service_id: int
    external_id: str
    delivery_id: int
    """The invitation, or NO_INVITATION."""
    text: str
    """The text of the page."""
    text_version: str
    scopes: str
    may_link: bool
    at: datetime


def invitation_of(link: str) -> tuple[int, int] | None:
    """Returns the ids of the delivery and the visitor in an invitation's signed link; None for a wrong signature."""
    found = signed(_PURPOSE, link)
    return (int(found[0]), int(found[1])) if isinstance(found, list) and len(found) == 2 else None  # noqa: PLR2004


def record_opening(session: Session, delivery_id: int, visitor_id: int, at: datetime) -> bool:
    """Records that a personal link was opened; False if it had been before."""
    opening = {"delivery_id": delivery_id, "visitor_id": visitor_id, "opened_at": at}
    return bool(session.connection().execute(_OPENED, opening).rowcount)


def save(session: Session, yes: Yes) -> Agreement:
    """Saves an agreement, in place of an earlier one of the person whose profile is not recovered yet."""
    known = session.scalar(_of(yes.service_id, yes.external_id).where(_IS_WAITING).with_for_update())
    row = known or Agreement(
        service_id=yes.service_id,
        external_id=yes.external_id,
        text=yes.text,
        text_version=yes.text_version,
        scopes=yes.scopes,
        agreed_at=yes.at,
    )
    row.delivery_id = yes.delivery_id or row.delivery_id
    row.text, row.text_version = yes.text, yes.text_version
    row.scopes, row.may_link, row.agreed_at = yes.scopes, yes.may_link, yes.at
    session.add(row)
    session.flush()
    return row


def waiting(session: Session) -> list[Agreement]:
    """Returns the agreements whose profile is not recovered yet, the oldest first."""
    return list(session.scalars(select(Agreement).where(_IS_WAITING).order_by(col(Agreement.id))))


def still_waiting(session: Session, agreement_ids: Collection[int]) -> set[int]:
    """Returns those of the agreements that are neither recovered nor withdrawn."""
    return set(session.scalars(select(Agreement.id).where(col(Agreement.id).in_(agreement_ids), _IS_WAITING)))


def lock(session: Session, agreement_id: int) -> Agreement | None:
    """Reads and locks an agreement whose profile is not recovered yet."""
    waiting_one = select(Agreement).where(col(Agreement.id) == agreement_id, _IS_WAITING)
    found: Agreement | None = session.scalar(waiting_one.with_for_update())
    return found


def withdraw(session: Session, service_id: int, external_id: str, at: datetime) -> int:
    """Ends all agreements of a person with a service and removes the profile; returns the number of agreements."""
    running = _of(service_id, external_id).where(col(Agreement.state) != AgreementState.WITHDRAWN)
    ended = list(session.scalars(running.with_for_update()))
    for agreement in ended:
        agreement.become(AgreementState.WITHDRAWN)
        agreement.withdrawn_at = at
        session.add(agreement)
    session.flush()
    if ended:
        remove_profile(session, external_id, at)
    return len(ended)


def withdraw_of_visitor(session: Session, service_id: int, visitor_id: int, at: datetime) -> int:
    """Ends all agreements of a visitor with a service, see `withdraw`."""
    external_id: str | None = session.scalar(select(Visitor.external_id).where(col(Visitor.id) == visitor_id))
    return withdraw(session, service_id, external_id, at) if external_id else 0


_IS_WAITING = col(Agreement.state) == AgreementState.AGREED


def _of(service_id: int, external_id: str) -> SelectOfScalar[Agreement]:
    return select(Agreement).where(col(Agreement.service_id) == service_id, col(Agreement.external_id) == external_id)


#: The person's own opt-out stands above an operator's denylist.
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
_SUPPRESS_HANDLE = text("""
INSERT INTO suppressed_handle (service_id, handle, proof, at) VALUES (:service_id, :handle, :proof, :at)
ON CONFLICT (service_id, handle) DO NOTHING
""").bindparams(bindparam("at", type_=Moment()))
_UNCLEAR = text("""
INSERT INTO unclear_message (service_id, visitor_id, event_id, at) VALUES (:service_id, :visitor_id, :event_id, :at)
ON CONFLICT (service_id, visitor_id) DO UPDATE SET event_id = excluded.event_id, at = excluded.at, decided_at = NULL
WHERE excluded.at > unclear_message.at
""").bindparams(bindparam("at", type_=Moment()))
_HANDLE = select(Service.internal_name).where(col(Service.id) == bindparam("service"))
_MESSAGE: Table = SQLModel.metadata.tables["message"]
_REASONS = {
    ExclusionReason.OPTED_OUT: "The person wants no more messages from this service.",
    ExclusionReason.SUPPRESSED: "An operator put the person on the denylist.",
}


def suppress(session: Session, visitor_id: int, proof: str, at: datetime, service_id: int = EVERY_SERVICE) -> int:
    """Adds a visitor to the denylist of a service or of all; returns the number of pending messages cancelled."""
    return suppress_all(session, {visitor_id: proof}, at, service_id)


def suppress_all(session: Session, proofs: Mapping[int, str], at: datetime, service_id: int = EVERY_SERVICE) -> int:
    """Adds visitors, each with a proof, to a denylist; returns the number of pending messages cancelled."""
    if not proofs:
        return 0
    row = {"service_id": service_id, "reason": SuppressionReason.DENYLIST.value, "at": at}
    # Sorted, so that two transactions lock the same people in the same order.
    rows = [row | {"visitor_id": visitor_id, "proof": proof} for visitor_id, proof in sorted(proofs.items())]
    session.connection().execute(_SUPPRESS, rows)
    services = [service_id] if service_id != EVERY_SERVICE else list(session.exec(select(Service.id)))
    return cancel_pending(session, services, sorted(proofs), ExclusionReason.SUPPRESSED, at)


def suppress_handles(session: Session, proofs: Mapping[str, str], at: datetime, service_id: int = EVERY_SERVICE) -> int:
    """Adds handles that no visitor has, each with a proof, to a denylist; returns the number of new ones.

    Each counts for the first person who appears with it.
    """
    if not proofs:
        return 0
    row = {"service_id": service_id, "at": at}
    rows = [row | {"handle": handle.lower(), "proof": proof} for handle, proof in sorted(proofs.items())]
    return session.connection().execute(_SUPPRESS_HANDLE, rows).rowcount


def delete_handle(session: Session, handle: str, service_id: int) -> bool:
    """Removes a handle that no visitor has from the denylist; False if it is not on it."""
    found = session.get(SuppressedHandle, (service_id, handle.lower()))
    if found:
        session.delete(found)
        session.flush()
    return found is not None


def suppress_profiles(session: Session, usernames: Mapping[str, str | None], folder: str, now: datetime) -> None:
    """Suppresses people, by X user id, who appear outside of a sync with a handle that is on the denylist."""
    by_handle = {username.lower(): external_id for external_id, username in usernames.items() if username}
    if not by_handle:
        return
    is_listed = among(session, col(SuppressedHandle.handle), list(by_handle), String())
    for found in session.scalars(select(SuppressedHandle).where(is_listed)).all():
        visitor_id = visitor_of(session, by_handle[found.handle], folder, now)
        if visitor_id is not None:
            reason = SuppressionReason.DENYLIST
            record_suppression(session, found.service_id, visitor_id, reason, found.proof, found.at)
            session.delete(found)
    session.flush()


def record_suppression(
    session: Session, service_id: int, visitor_id: int, reason: SuppressionReason, proof: str, at: datetime
) -> None:
    """Records a suppression; an earlier one stays, unless an operator's becomes the person's own."""
    pair = {"service_id": service_id, "visitor_id": visitor_id}
    session.connection().execute(_SUPPRESS, pair | {"reason": reason.value, "proof": proof, "at": at})


def lift_suppression(session: Session, visitor_id: int, service_id: int) -> bool:
    """Lifts the suppression of a person by a service, or the one by all; False if there was none."""
    there = delete(Suppression).where(
        col(Suppression.service_id) == service_id, col(Suppression.visitor_id) == visitor_id
    )
    return bool(session.connection().execute(there).rowcount)


def is_suppressed(session: Session, service_id: int, visitor_id: int) -> bool:
    """Returns whether a person gets no messages from this service."""
    found = exists().where(
        col(Suppression.service_id).in_([service_id, EVERY_SERVICE]), col(Suppression.visitor_id) == visitor_id
    )
    return bool(session.scalar(select(found)))


def record_unreachable(session: Session, service_id: int, visitor_id: int, reason: str, at: datetime) -> None:
    """Records that a person does not receive this service's messages; the last reason counts."""
    row = {"service_id": service_id, "visitor_id": visitor_id, "reason": reason, "at": at}
    session.connection().execute(_UNREACHABLE, row)


def record_unclear(session: Session, service_id: int, visitor_id: int, event_id: str, at: datetime) -> bool:
    """Records a message that may be an opt-out; False if it is known, or the person gets no messages anyway."""
    if is_suppressed(session, service_id, visitor_id):
        return False
    row = {"service_id": service_id, "visitor_id": visitor_id, "event_id": event_id, "at": at}
    is_new = bool(session.connection().execute(_UNCLEAR, row).rowcount)
    if is_new:
        _announce(
            session, service_id, "unclear", "A message that may be an opt-out waits for `campaign consent decide`:"
        )
    return is_new


def is_unclear(session: Session, service_id: int, visitor_id: int) -> bool:
    """Returns whether a message of the person waits for a decision: until then no later one is a consent."""
    return bool(session.scalar(select(exists().where(*_undecided(service_id, visitor_id)))))


def count_unclear(session: Session, service_id: int) -> int:
    """Counts the messages to a service that wait for a decision."""
    undecided = col(UnclearMessage.service_id) == service_id, col(UnclearMessage.decided_at).is_(None)
    return session.scalar(select(func.count()).select_from(UnclearMessage).where(*undecided)) or 0


def decide(session: Session, service_id: int, visitor_id: int, now: datetime) -> tuple[str, datetime] | None:
    """Marks the unclear message of a person as decided; returns its id at X and its time, None if there is none."""
    found = session.scalar(select(UnclearMessage).where(*_undecided(service_id, visitor_id)).with_for_update())
    if found is None:
        return None
    found.decided_at = now
    session.add(found)
    session.flush()
    return found.event_id, found.at


def _undecided(service_id: int, visitor_id: int) -> list[ColumnElement[bool]]:
    of_person = col(UnclearMessage.service_id) == service_id, col(UnclearMessage.visitor_id) == visitor_id
    return [*of_person, col(UnclearMessage.decided_at).is_(None)]


def cancel_pending(
    session: Session, services: Iterable[int], visitor_ids: Sequence[int], why: ExclusionReason, at: datetime
) -> int:
    """Cancels the pending messages of these services to people; one that is being sent at this moment is not."""
    broadcasts = select(Delivery.id, Delivery.proofs).where(
        col(Delivery.kind) == DeliveryKind.DM, col(Delivery.state).not_in(OVER)
    )
    places = [
        {"delivery": delivery_id, "proof": proof_number, "service": service_id}
        for delivery_id, proofs in session.exec(broadcasts.order_by(col(Delivery.id)))
        for proof_number in range(proofs + 1)
        for service_id in sorted(services)
    ]
    if not places:
        return 0
    pending = update(_MESSAGE).where(
        # The columns of the unique index of the log, which finds one person in a million.
        _MESSAGE.c.delivery_id == bindparam("delivery"),
        _MESSAGE.c.proof_number == bindparam("proof"),
        _MESSAGE.c.service_id == bindparam("service"),
        among(session, _MESSAGE.c.visitor_id, visitor_ids, BigInteger()),
        _MESSAGE.c.state == MessageState.PENDING,
    )
    cancelled = pending.values(state=MessageState.CANCELLED, reason_code=why.value, reason=_REASONS[why], settled_at=at)
    return session.connection().execute(cancelled, places).rowcount


_ADD_VISITOR = text("""
INSERT INTO visitor (origin, external_id, folder, created_at, updated_at)
VALUES (:origin, :external_id, :folder, :now, :now) ON CONFLICT (origin, external_id) DO NOTHING
""").bindparams(bindparam("now", type_=Moment()))

#: A consent that was taken back does not begin again when its evidence is read a second time.
_AGREE = """
INSERT INTO consent (service_id, visitor_id, source, proof, given_at, ended_because)
SELECT :service_id, visitor_id, source, proof, given_at, '' FROM ({given}) AS given
WHERE NOT EXISTS (
    SELECT 1 FROM consent AS earlier WHERE earlier.visitor_id = given.visitor_id
        AND earlier.service_id = :service_id AND earlier.ended_at > given.given_at
)
ON CONFLICT (service_id, visitor_id) WHERE ended_at IS NULL DO UPDATE
SET source = excluded.source, proof = excluded.proof, given_at = excluded.given_at
WHERE consent.source = 'wrote_first' AND excluded.source <> 'wrote_first'
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


class GivenConsent(NamedTuple):
    """A person's consent: its source, its proof, and when it was given."""

    visitor_id: int
    source: ConsentSource
    proof: str
    """X's id of the person's own message, or where the evidence is; never a text that a person sent."""
    given_at: datetime


def visitor_of(session: Session, external_id: str, folder: str, now: datetime) -> int | None:
    """Returns the id of the visitor with this X user id, added with only that if unknown; None for an erased person."""
    known = select(Visitor.id).where(col(Visitor.origin) == ORIGIN, col(Visitor.external_id) == external_id)
    found: int | None = session.scalar(known)
    if found is not None:
        return found
    if visitors.is_erased(session, external_id):
        return None
    row = {"origin": ORIGIN, "external_id": external_id, "folder": folder, "now": now}
    session.connection().execute(_ADD_VISITOR, row)
    return session.exec(known).one()


def visitors_of(session: Session, external_ids: Iterable[str], folder: str, now: datetime) -> dict[str, int]:
    """Returns the ids of the visitors with these X user ids as `visitor_of` does for one, without erased people."""
    given = set(external_ids)
    known = visitors.with_ids(session, given)
    new = visitors.without_erased(session, sorted(given - known.keys()), str)
    if new:
        row = {"origin": ORIGIN, "folder": folder, "now": now}
        session.connection().execute(_ADD_VISITOR, [row | {"external_id": external_id} for external_id in new])
    return known | visitors.with_ids(session, new)


def agree(
    session: Session, service_id: int, visitor_id: int, source: ConsentSource, proof: str, given_at: datetime
) -> bool:
    """Begins a consent; False if one is running, or the person took it back after `given_at`.

    A consent to marketing takes the place of a running one that is only a first message of the person.
    """
    return agree_all(session, service_id, [GivenConsent(visitor_id, source, proof, given_at)]) == 1


def agree_all(session: Session, service_id: int, agreements: Iterable[GivenConsent]) -> int:
    """Begins the consents of many at once; returns how many began, see `agree`. A suppression stays as it is."""
    newest = {one.visitor_id: one for one in sorted(agreements, key=lambda one: one.given_at)}
    # Sorted, so that two transactions lock the same people in the same order.
    rows = [
        (one.visitor_id, one.source, one.proof.replace("\x00", ""), one.given_at.astimezone(UTC).strftime(_MOMENT))
        for one in sorted(newest.values())
    ]
    statement = _AGREE_ON_POSTGRESQL if is_on_postgresql(session) else _AGREE_ON_SQLITE
    given = {"service_id": service_id, "rows": orjson.dumps(rows).decode()}
    begun = session.connection().execute(statement, given).rowcount
    if begun:
        _announce(session, service_id, "granted", f"{begun:,} agreed to messages of")
    return begun


def _announce(session: Session, service_id: int, happened: str, says: str) -> None:
    name = session.connection().scalar(_HANDLE, {"service": service_id})
    announce(session, f"consent.{happened}", f"service.{name}", f"{says} {name}.")


def opt_out(session: Session, service_id: int, visitor_id: int, proof: str, at: datetime) -> int:
    """Records an opt-out from a service; returns the number of pending messages cancelled.

    A profile that the person had shared is removed too. The opt-out holds, also if the person writes again, until an
    operator lifts it with `lift_suppression`.
    """
    running = update(Consent).where(
        col(Consent.service_id) == service_id, col(Consent.visitor_id) == visitor_id, col(Consent.ended_at).is_(None)
    )
    session.execute(running.values(ended_at=at, ended_because=proof))
    record_suppression(session, service_id, visitor_id, SuppressionReason.OPT_OUT, proof, at)
    _announce(session, service_id, "withdrawn", "A person wants no more messages of")
    decide(session, service_id, visitor_id, at)
    withdraw_of_visitor(session, service_id, visitor_id, at)
    return cancel_pending(session, [service_id], [visitor_id], ExclusionReason.OPTED_OUT, at)
