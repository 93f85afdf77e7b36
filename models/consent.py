"""Who may be written to by a service, who shared a profile with it, who asked for neither; and what proves it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from campaign.errors import InvalidTransition
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


NO_INVITATION = 0
"""The delivery of an agreement without an invitation: the person found the page alone."""


class ReconciledBy(StrEnum):
    """What matched a profile to an existing contact."""

    X_USER_ID = "x_user_id"
    EMAIL = "email"
    USERNAME = "username"
    NOTHING = "nothing"
    """It became a new contact."""


class Contact(SQLModel, table=True):
    """A person known by name, through an agreement on X or from an import; unique per X user id."""

    __table_args__ = (
        Index(
            "uq_contact_external_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id is not null"),
            sqlite_where=text("external_id is not null"),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    external_id: str | None = Field(default=None, max_length=20)
    """X user id; None for an imported contact that was never linked to X."""
    visitor_id: int | None = Field(default=None, sa_type=Id, index=True)
    username: str | None = Field(default=None, max_length=50)
    full_name: str | None = None
    description: str | None = Field(default=None, sa_type=Text)
    location: str | None = None
    website: str | None = Field(default=None, sa_type=Text)
    picture_url: str | None = Field(default=None, sa_type=Text)
    verified: bool | None = None
    followers_count: int | None = Field(default=None, sa_type=BigInteger)
    posts_count: int | None = Field(default=None, sa_type=BigInteger)
    joined_x_at: datetime | None = Field(default=None, sa_type=Moment)
    """When the account on X was made."""
    language: str | None = Field(default=None, max_length=16)
    email: str | None = Field(default=None, max_length=320, index=True)
    """In lower case."""
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class AgreementState(StrEnum):
    """Where an agreement stands."""

    AGREED = "agreed"
    """The profile is not recovered yet."""
    RECOVERED = "recovered"
    FAILED = "failed"
    """X no longer let the profile be read; the person may agree again."""
    WITHDRAWN = "withdrawn"


NEXT: dict[AgreementState, frozenset[AgreementState]] = {
    AgreementState.AGREED: frozenset({AgreementState.RECOVERED, AgreementState.FAILED, AgreementState.WITHDRAWN}),
    AgreementState.RECOVERED: frozenset({AgreementState.WITHDRAWN}),
    AgreementState.FAILED: frozenset({AgreementState.WITHDRAWN}),
    AgreementState.WITHDRAWN: frozenset(),
}


class Agreement(SQLModel, table=True):
    """A person's agreement to share the profile with a service: the text shown, the time, the scopes."""

    __table_args__ = (Index("ix_agreement_service_id_external_id", "service_id", "external_id"),)

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    service_id: int = Field(sa_type=Id)
    external_id: str = Field(max_length=20)
    """X user id of the person, from X's response."""
    contact_id: int | None = Field(default=None, sa_type=Id, index=True)
    delivery_id: int = Field(default=NO_INVITATION, sa_type=Id, index=True)
    """The invitation that brought the person here."""
    state: AgreementState = Field(default=AgreementState.AGREED, sa_type=stored_as_text(AgreementState), index=True)
    text: str = Field(sa_type=Text)
    """The text of the page: what is shared, and why."""
    text_version: str = Field(max_length=64)
    scopes: str = Field(sa_type=Text)
    """As X granted them, separated by spaces; `oauth1` for a service without OAuth 2 keys."""
    may_link: bool = False
    """The separate tick: the profile may be linked to data about the person from outside X."""
    agreed_at: datetime = Field(sa_type=Moment)
    recovered_at: datetime | None = Field(default=None, sa_type=Moment)
    reconciled_by: ReconciledBy | None = Field(default=None, sa_type=stored_as_text(ReconciledBy))
    reason: str = Field(default="", sa_type=Text)
    """Why the profile could not be recovered, in one sentence."""
    withdrawn_at: datetime | None = Field(default=None, sa_type=Moment)

    def become(self, state: AgreementState) -> None:
        """Changes the state, the only way it may change; raises InvalidTransition."""
        if state not in NEXT[self.state]:
            raise InvalidTransition(f"Agreement {self.id}", self.state, state)
        self.state = state


class InvitationOpening(SQLModel, table=True):
    """The first opening of the personal link of an invitation."""

    __tablename__ = "invitation_opening"

    delivery_id: int = Field(primary_key=True, sa_type=Id)
    visitor_id: int = Field(primary_key=True, sa_type=Id)
    opened_at: datetime = Field(sa_type=Moment)


class ErasedPerson(SQLModel, table=True):
    """A person who asked to be erased: only what is needed to recognise and erase the person again."""

    __tablename__ = "erased_person"

    mark: str = Field(primary_key=True, max_length=64)
    """A keyed hash of the X user id, which cannot be reversed without the signing key."""
    erased_at: datetime = Field(sa_type=Moment)
