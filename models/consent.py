"""Who may be written to by a service, who may not, and what proves it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

from models.base import Id, Moment, stored_as_text

EVERY_SERVICE = 0
"""The service of a suppression that holds for all of them."""


class ConsentSource(StrEnum):
    """How a person agreed to be written to."""

    WROTE_FIRST = "wrote_first"
    """The person sent the account a message: no consent to marketing, unless the service counts it as one."""
    OPT_IN_FORM = "opt_in_form"
    IMPORT = "import"
    OPERATOR = "operator"
    """An operator recorded it, with a note."""


class Consent(SQLModel, table=True):
    """A person's permission to be written to by a service, and what proves it; one running at a time."""

    __table_args__ = (
        Index(
            "uq_consent_running",
            "service_id",
            "visitor_id",
            unique=True,
            postgresql_where=text("ended_at is null"),
            sqlite_where=text("ended_at is null"),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    service_id: int = Field(sa_type=Id)
    visitor_id: int = Field(sa_type=Id, index=True)
    source: ConsentSource = Field(sa_type=stored_as_text(ConsentSource))
    proof: str = Field(sa_type=Text)
    """X's id of the person's own message, or where the consent is documented; never a text that a person sent."""
    given_at: datetime = Field(sa_type=Moment)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    ended_because: str = Field(default="", sa_type=Text)
    """X's id of the message that withdrew it, or an operator's note."""


class UnclearMessage(SQLModel, table=True):
    """The last message of a person that may be an opt-out: no consent is recorded until an operator decides."""

    __tablename__ = "unclear_message"

    service_id: int = Field(primary_key=True, sa_type=Id)
    visitor_id: int = Field(primary_key=True, sa_type=Id, index=True)
    event_id: str = Field(max_length=20)
    """X's id of the message; its text is never stored."""
    at: datetime = Field(sa_type=Moment)
    decided_at: datetime | None = Field(default=None, sa_type=Moment)


class SuppressedHandle(SQLModel, table=True):
    """A handle on the denylist that no visitor has yet: the suppression of the first person who appears with it."""

    __tablename__ = "suppressed_handle"

    service_id: int = Field(primary_key=True, sa_type=Id)
    handle: str = Field(primary_key=True, max_length=50)
    """In lower case, without the @."""
    proof: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=Moment)


class SuppressionReason(StrEnum):
    """Why a person is never written to."""

    OPT_OUT = "opt_out"
    """The person asked for it."""
    DENYLIST = "denylist"
    """An operator added it."""


class Suppression(SQLModel, table=True):
    """This person receives no messages from this service, or from any service, in any delivery."""

    service_id: int = Field(primary_key=True, sa_type=Id)
    visitor_id: int = Field(primary_key=True, sa_type=Id)
    reason: SuppressionReason = Field(sa_type=stored_as_text(SuppressionReason))
    proof: str = Field(sa_type=Text)
    """X's id of the opt-out message, or an operator's note."""
    at: datetime = Field(sa_type=Moment)


class Unreachable(SQLModel, table=True):
    """This person does not receive this service's messages, as X reported in a sync or by refusing one.

    Deleted when a sync reports that the person receives them again.
    """

    service_id: int = Field(primary_key=True, sa_type=Id)
    visitor_id: int = Field(primary_key=True, sa_type=Id)
    reason: str = Field(max_length=32)
    """`closed` when reported in a sync, else the code of the refusal: dm_closed, blocked, recipient_not_found, ..."""
    at: datetime = Field(sa_type=Moment)


class Inbox(SQLModel, table=True):
    """How far the message events of a service were read."""

    service_id: int = Field(primary_key=True, sa_type=Id)
    read_to_id: str = Field(default="", max_length=20)
    """X's id of the newest processed event: all older ones are processed too."""
    read_at: datetime = Field(sa_type=Moment)
