"""What the analysis of a broadcast decided: in which waves it goes out, and who does not get it."""

from enum import StrEnum

from sqlmodel import Field, SQLModel

from models.base import Id, stored_as_text


class Wave(SQLModel, table=True):
    """The share of a broadcast's messages of one service that may go out from the same moment on."""

    delivery_id: int = Field(primary_key=True, sa_type=Id)
    service_id: int = Field(primary_key=True, sa_type=Id)
    number: int = Field(primary_key=True)
    """From 1."""
    first_message_id: int = Field(sa_type=Id)
    """Its messages have ids from this one on and before the next wave's."""
    recipients: int
    offset_seconds: int = 0
    """How long after the start of the delivery it begins."""


class ExclusionReason(StrEnum):
    """Why somebody in the target gets nothing; the first that fits, in this order."""

    OPTED_OUT = "opted_out"
    SUPPRESSED = "suppressed"
    NOT_A_FOLLOWER = "not_a_follower"
    DOES_NOT_RECEIVE = "does_not_receive"
    """X says, or said when it refused, that the person does not receive this account's messages."""
    NO_CONSENT = "no_consent"
    EXCLUDED_CONDITION = "excluded_condition"
    ALREADY_RECEIVED = "already_received"
    NOT_IF_RECEIVED = "not_if_received"
    ALREADY_CONTACT = "already_contact"
    """The delivery invites people to become contacts, and this one is."""
    ALREADY_INVITED = "already_invited"
    """The delivery invites people to become contacts, and another one invited this person."""
    FREQUENCY_CAP = "frequency_cap"
    DUPLICATE = "duplicate"
    """Gets it from another service of the same delivery, or stands twice in a list."""
    FIELD_MISSING = "field_missing"
    """The text cannot be personalised for this person."""
    LIMIT = "limit"
    UNKNOWN = "unknown"
    """In a list, and no visitor: counted only."""


class Exclusion(SQLModel, table=True):
    """Somebody in the target of a delivery who gets nothing, and why."""

    delivery_id: int = Field(primary_key=True, sa_type=Id)
    service_id: int = Field(primary_key=True, sa_type=Id)
    visitor_id: int = Field(primary_key=True, sa_type=Id)
    reason: ExclusionReason = Field(sa_type=stored_as_text(ExclusionReason))
