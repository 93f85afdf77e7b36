"""Invitations to become a contact: their personal links, and who gets none."""

from typing import Any

from sqlalchemy import Select, or_, select, text
from sqlalchemy.orm import aliased
from sqlmodel import col

from campaign.settings import load_settings
from campaign.store import permission
from campaign.store.permission import Range, Reasons
from campaign.store.signatures import sign
from models import MAIN, Agreement, AgreementState, Contact, Delivery, ExclusionReason, Message, Service, Visitor

_PURPOSE = "invitation"
_VISITOR = col(Visitor.id)
#: The same people, looked for by their X user ids.
_PERSON = aliased(Visitor)
_ID = col(_PERSON.id)
Found = tuple[Select[Any], Any]
"""Visitors, and the column that says which."""


def join_link(service: str, delivery_id: int, visitor_id: int) -> str:
    """Where a person becomes a contact of a service (by internal name); empty without a public address.

    The visitor of a post is NOBODY: whoever sees it clicks the same link.
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
    return select(col(Contact.visitor_id)), col(Contact.visitor_id)


def _contacts_by_external_id() -> Found:
    return _with(select(col(Contact.external_id)).where(col(Contact.external_id).is_not(None)))


def _agreed(service_id: int) -> Found:
    """Who said yes, or took it back, and whose profile X did not keep from us."""
    rows = select(col(Agreement.external_id)).where(col(Agreement.service_id) == service_id)
    return _with(rows.where(col(Agreement.state) != AgreementState.FAILED))


def _with(external_ids: Select[Any]) -> Found:
    """The visitors with these X user ids."""
    # The offset keeps it a list: joined to tables of which it knows nothing yet, PostgreSQL compares each with each.
    return select(_ID).where(col(_PERSON.external_id).in_(external_ids.offset(0))), _ID


def _invited(service_id: int, delivery_id: int) -> Found:
    """Whom another invitation of the service reached, or may have."""
    invitations = select(col(Delivery.id)).where(col(Delivery.is_invitation), col(Delivery.id) != delivery_id)
    rows = select(col(Message.visitor_id)).with_hint(Message, "INDEXED BY ix_message_reached", "sqlite")
    reached = rows.where(
        col(Message.service_id) == service_id,
        text(permission.REACHED_MESSAGE),
        col(Message.proof_number) == MAIN,
        col(Message.delivery_id).in_(invitations),
    )
    return reached, col(Message.visitor_id)
