"""Agreements to share a profile: invitations, the answer, and what is removed when it is taken back."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, exists, or_, text, update
from sqlalchemy import select as sa_select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from campaign.consent import permission
from campaign.consent.permission import Range, Reasons
from campaign.db.signing import sign, signed
from campaign.settings import load_settings
from campaign.x.types import Profile
from models import (
    MAIN,
    Agreement,
    AgreementState,
    Contact,
    Delivery,
    ExclusionReason,
    Message,
    ReconciledBy,
    Service,
    Visitor,
)
from models.base import Moment

_PURPOSE = "invitation"
_VISITOR = col(Visitor.id)
#: The same people, looked for by their X user ids.
_PERSON = aliased(Visitor)
_ID = col(_PERSON.id)
Found = tuple[Select[Any], Any]
"""Visitors, and the column that says which."""


def join_link(service: str, delivery_id: int, visitor_id: int) -> str:
    """Where a person becomes a contact of a service (by internal name); empty without a public address.

    The visitor of a post is NO_VISITOR: whoever sees it clicks the same link.
    """
    address = load_settings().public_url
    return f"{address}/join/{service}?i={sign(_PURPOSE, [delivery_id, visitor_id])}" if address else ""


def of_invitation(service: Service, delivery_id: int, within: Range | None = None) -> Reasons:
    """What holds for every message that invites to become a contact, see docs/contact-acquisition.md.

    Asked of a range of visitors at once, or of a few.
    """
    is_contact = or_(
        permission.is_among(*_contacts_by_visitor(), within),
        permission.is_among(*_contacts_by_external_id(), within),
        permission.is_among(*_agreed(service.id), within),
    )
    return permission.in_order(
        [
            (ExclusionReason.ALREADY_CONTACT, is_contact),
            (ExclusionReason.ALREADY_INVITED, permission.is_among(*_invited(service.id, delivery_id), within)),
        ]
    )


def _contacts_by_visitor() -> Found:
    """Whom anybody knows by name, also those who took an agreement back: that is an answer too."""
    return sa_select(col(Contact.visitor_id)), col(Contact.visitor_id)


def _contacts_by_external_id() -> Found:
    return _with(sa_select(col(Contact.external_id)).where(col(Contact.external_id).is_not(None)))


def _agreed(service_id: int) -> Found:
    """Who said yes, or took it back, and whose profile X did not keep from us."""
    rows = sa_select(col(Agreement.external_id)).where(col(Agreement.service_id) == service_id)
    return _with(rows.where(col(Agreement.state) != AgreementState.FAILED))


def _with(external_ids: Select[Any]) -> Found:
    """The visitors with these X user ids."""
    # The offset keeps it a list: joined to tables of which it knows nothing yet, PostgreSQL compares each with each.
    return sa_select(_ID).where(col(_PERSON.external_id).in_(external_ids.offset(0))), _ID


def _invited(service_id: int, delivery_id: int) -> Found:
    """Whom another invitation of the service reached, or may have."""
    invitations = sa_select(col(Delivery.id)).where(col(Delivery.is_invitation), col(Delivery.id) != delivery_id)
    rows = sa_select(col(Message.visitor_id)).with_hint(Message, "INDEXED BY ix_message_reached", "sqlite")
    reached = rows.where(
        col(Message.service_id) == service_id,
        text(permission.REACHED_MESSAGE),
        col(Message.proof_number) == MAIN,
        col(Message.delivery_id).in_(invitations),
    )
    return reached, col(Message.visitor_id)


#: What X tells of a person, by the columns of a contact; the X user id is not among it.
LEARNT = tuple(field.name for field in fields(Profile) if field.name != "external_id")


def unlearn(session: Session, external_id: str, now: datetime) -> None:
    """Remove what X had told of a person, unless another agreement of that person still runs.

    A contact that came from X keeps only the X user id. One that was known before loses that too, and keeps what it
    was known by: nobody can tell any more what else of it did not come from X.
    """
    of_person = col(Agreement.external_id) == external_id
    if session.scalar(select(exists().where(of_person, col(Agreement.state) == AgreementState.RECOVERED))):
        return
    forgotten: dict[str, Any] = dict.fromkeys(LEARNT)
    known_by = session.scalar(select(Agreement.reconciled_by).where(of_person, col(Agreement.reconciled_by).in_(_OLD)))
    if known_by:
        forgotten.pop(known_by.value)
        forgotten |= {"external_id": None, "visitor_id": None}
    session.execute(update(Contact).where(col(Contact.external_id) == external_id).values(**forgotten, updated_at=now))


_OLD = (ReconciledBy.EMAIL, ReconciledBy.USERNAME)


_OPENED = text("""
INSERT INTO invitation_opening (delivery_id, visitor_id, opened_at) VALUES (:delivery_id, :visitor_id, :opened_at)
ON CONFLICT (delivery_id, visitor_id) DO NOTHING
""").bindparams(bindparam("opened_at", type_=Moment()))


@dataclass(frozen=True, slots=True)
class Yes:
    """That a person agreed to share the profile, and to what exactly."""

    service_id: int
    external_id: str
    delivery_id: int
    """The invitation, or NO_INVITATION."""
    text: str
    """What the page said."""
    text_version: str
    scopes: str
    may_link: bool
    at: datetime


def invitation_of(link: str) -> tuple[int, int] | None:
    """Which delivery and visitor the signed part of an invitation's link names; None when it is none of ours."""
    found = signed("invitation", link)
    return (int(found[0]), int(found[1])) if isinstance(found, list) and len(found) == 2 else None  # noqa: PLR2004


def note_opening(session: Session, delivery_id: int, visitor_id: int, at: datetime) -> bool:
    """Keep that a personal link was opened; False when it had been before."""
    given = {"delivery_id": delivery_id, "visitor_id": visitor_id, "opened_at": at}
    return bool(session.connection().execute(_OPENED, given).rowcount)


def keep(session: Session, yes: Yes) -> Agreement:
    """Writes an agreement and returns it; one of the same person whose profile is not recovered yet becomes it."""
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
    """The agreements whose profile is not recovered yet, the oldest first."""
    return list(session.scalars(select(Agreement).where(_IS_WAITING).order_by(col(Agreement.id))))


def still_waiting(session: Session, agreement_ids: Collection[int]) -> set[int]:
    """Which of these are not recovered yet, nor withdrawn."""
    return set(session.scalars(select(Agreement.id).where(col(Agreement.id).in_(agreement_ids), _IS_WAITING)))


def lock(session: Session, agreement_id: int) -> Agreement | None:
    """Read an agreement whose profile is not recovered yet, so that nobody changes it meanwhile."""
    wanted = select(Agreement).where(col(Agreement.id) == agreement_id, _IS_WAITING)
    found: Agreement | None = session.scalar(wanted.with_for_update())
    return found


def withdraw(session: Session, service_id: int, external_id: str, at: datetime) -> int:
    """End all agreements of a person with a service and remove what they had brought; returns how many there were."""
    running = _of(service_id, external_id).where(col(Agreement.state) != AgreementState.WITHDRAWN)
    ended = list(session.scalars(running.with_for_update()))
    for agreement in ended:
        agreement.become(AgreementState.WITHDRAWN)
        agreement.withdrawn_at = at
        session.add(agreement)
    session.flush()
    if ended:
        unlearn(session, external_id, at)
    return len(ended)


def withdraw_of_visitor(session: Session, service_id: int, visitor_id: int, at: datetime) -> int:
    """The same for a visitor."""
    external_id: str | None = session.scalar(select(Visitor.external_id).where(col(Visitor.id) == visitor_id))
    return withdraw(session, service_id, external_id, at) if external_id else 0


_IS_WAITING = col(Agreement.state) == AgreementState.AGREED


def _of(service_id: int, external_id: str) -> SelectOfScalar[Agreement]:
    return select(Agreement).where(col(Agreement.service_id) == service_id, col(Agreement.external_id) == external_id)
