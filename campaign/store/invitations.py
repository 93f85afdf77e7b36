"""Invitations to become a contact: their personal links, and who gets none."""

from sqlalchemy import ColumnElement, exists, or_, select, text
from sqlmodel import col

from campaign.settings import load_settings
from campaign.store import permission
from campaign.store.permission import Range, Reasons
from campaign.store.signatures import sign
from models import MAIN, Agreement, AgreementState, Contact, Delivery, ExclusionReason, Message, Service, Visitor

_PURPOSE = "invitation"
_VISITOR = col(Visitor.id)


def join_link(service: str, delivery_id: int, visitor_id: int) -> str:
    """Where a person becomes a contact of a service (by internal name); empty without a public address.

    The visitor of a post is NOBODY: whoever sees it clicks the same link.
    """
    address = load_settings().public_url
    return f"{address}/join/{service}?i={sign(_PURPOSE, [delivery_id, visitor_id])}" if address else ""


def of_invitation(service: Service, delivery_id: int, within: Range | None = None) -> Reasons:
    """What holds for every message that invites to become a contact, see docs/contact-acquisition.md."""
    return permission.in_order(
        [
            (ExclusionReason.ALREADY_CONTACT, or_(_is_contact(), _has_agreed(service.id))),
            (ExclusionReason.ALREADY_INVITED, _was_invited(service.id, delivery_id, within)),
        ]
    )


def _is_contact() -> ColumnElement[bool]:
    """Whether anybody knows the person by name, also one who took the agreement back: that is an answer too."""
    by_visitor = exists().where(col(Contact.visitor_id) == _VISITOR)
    return or_(by_visitor, exists().where(col(Contact.external_id) == col(Visitor.external_id)))


def _has_agreed(service_id: int) -> ColumnElement[bool]:
    """Whether the person said yes or took it back, and X has not kept us from the profile."""
    return exists().where(
        col(Agreement.service_id) == service_id,
        col(Agreement.external_id) == col(Visitor.external_id),
        col(Agreement.state) != AgreementState.FAILED,
    )


def _was_invited(service_id: int, delivery_id: int, within: Range | None) -> ColumnElement[bool]:
    """Whether another invitation of the service reached the person, or may have."""
    invitations = select(col(Delivery.id)).where(col(Delivery.is_invitation), col(Delivery.id) != delivery_id)
    got = [
        col(Message.service_id) == service_id,
        text(permission.REACHED_MESSAGE),
        col(Message.proof_number) == MAIN,
        col(Message.delivery_id).in_(invitations),
    ]
    messages = select(col(Message.visitor_id)).with_hint(Message, "INDEXED BY ix_message_reached", "sqlite")
    if within:
        return _VISITOR.in_(messages.where(*got, *permission.in_range(col(Message.visitor_id), within)))  # type: ignore[arg-type]
    one = messages.where(*got, col(Message.visitor_id) == _VISITOR)  # type: ignore[arg-type]
    return one.correlate(Visitor).exists()
