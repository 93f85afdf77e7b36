"""Agreements to share a profile: invitations, the answer, and what is removed when it is taken back."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, exists, or_, text, update
from sqlalchemy import select as sa_select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from campaign.consent import permission
from campaign.consent.permission import Range, Reasons
from campaign.db.vault import sign, signed
from campaign.settings import load_settings
from campaign.x.types import Profile
from models import (
    MAIN,
    ORIGIN,
    Agreement,
    AgreementState,
    Contact,
    Delivery,
    ExclusionReason,
    Message,
    Moment,
    ReconciledBy,
    Service,
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
