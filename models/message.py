"""The delivery log, one row for each thing that goes out, what an analysis decided, and what was counted afterwards."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from campaign.errors import InvalidTransition
from models.base import Id, Moment, stored_as_text

NO_VISITOR = 0
"""The visitor of a post, which goes to an account, not to a person."""
MAIN = 0
"""The proof number of the delivery itself, which is not a proof."""

REACHED = "visitor_id <> 0 and state in ('sending', 'sent', 'uncertain')"
"""The direct messages that are out or may be out; both databases use the index only for exactly this condition."""

TRIED = "visitor_id <> 0 and armed_at is not null"


class MessageState(StrEnum):
    """What is known about one message."""

    PENDING = "pending"
    SENDING = "sending"
    """Committed before the call to X: a crash from here on leaves a trace."""
    SENT = "sent"
    UNCERTAIN = "uncertain"
    """X may or may not have executed it; decided by a lookup on X, or by a person."""
    REFUSED = "refused"
    """X refused it; pending again after a correction."""
    CANCELLED = "cancelled"


NEXT: dict[MessageState, frozenset[MessageState]] = {
    # Refused without a call: X rejected its file.
    MessageState.PENDING: frozenset({MessageState.SENDING, MessageState.CANCELLED, MessageState.REFUSED}),
    MessageState.SENDING: frozenset(
        {MessageState.SENT, MessageState.PENDING, MessageState.UNCERTAIN, MessageState.REFUSED}
    ),
    MessageState.UNCERTAIN: frozenset({MessageState.SENT, MessageState.PENDING, MessageState.REFUSED}),
    MessageState.REFUSED: frozenset({MessageState.PENDING, MessageState.CANCELLED}),
    MessageState.SENT: frozenset(),
    MessageState.CANCELLED: frozenset(),
}


class Message(SQLModel, table=True):
    """One part of a post on one account, or one direct message to one person.

    Without foreign keys, see docs/decisions/0013-messages-are-written-at-the-analysis.md.
    """

    __table_args__ = (
        UniqueConstraint("delivery_id", "proof_number", "service_id", "visitor_id", "part"),
        # One X id belongs to one message of ours, whatever the lookups find.
        Index(
            "uq_message_x_id",
            "x_id",
            unique=True,
            postgresql_where=text("x_id is not null"),
            sqlite_where=text("x_id is not null"),
        ),
        Index("ix_message_service_id_state_id", "service_id", "state", "id"),
        # Counts messages per person and time from the index alone. Pending ones are left out, so that an analysis
        # writes a million rows fast.
        Index(
            "ix_message_reached",
            "service_id",
            "visitor_id",
            "proof_number",
            "armed_at",
            postgresql_where=text(REACHED),
            sqlite_where=text(REACHED),
        ),
        # Recent attempts of a service, for limits that X has not reported.
        Index(
            "ix_message_tried",
            "service_id",
            "armed_at",
            postgresql_where=text(TRIED),
            sqlite_where=text(TRIED),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    delivery_id: int = Field(sa_type=Id)
    proof_number: int = MAIN
    service_id: int = Field(sa_type=Id)
    visitor_id: int = Field(default=NO_VISITOR, sa_type=Id)
    part: int = 1
    """Place in a thread, from 1."""
    state: MessageState = Field(default=MessageState.PENDING, sa_type=stored_as_text(MessageState))
    text: str = Field(sa_type=Text)
    """As rendered for this target; that of a direct message is empty before it is armed."""
    x_id: str | None = Field(default=None, max_length=20)
    reason_code: str = Field(default="", max_length=32)
    reason: str = Field(default="", sa_type=Text)
    attempts: int = 0
    armed_at: datetime | None = Field(default=None, sa_type=Moment)
    """When the last attempt was committed, just before the call."""
    first_armed_at: datetime | None = Field(default=None, sa_type=Moment)
    """When the first attempt was committed: nothing that any attempt published is older."""
    settled_at: datetime | None = Field(default=None, sa_type=Moment)
    withdrawn_at: datetime | None = Field(default=None, sa_type=Moment)
    """When it was deleted from X."""

    def become(self, state: MessageState) -> None:
        """Changes the state, the only way it may change; raises InvalidTransition."""
        if state not in NEXT[self.state]:
            raise InvalidTransition(f"Message {self.id}", self.state, state)
        self.state = state


class UploadedFile(SQLModel, table=True):
    """A file that X keeps for a while for one account."""

    __tablename__ = "uploaded_file"

    service_id: int = Field(primary_key=True, foreign_key="service.id", sa_type=Id)
    sha256: str = Field(primary_key=True, max_length=64)
    category: str = Field(primary_key=True, max_length=16)
    """X's media category: what was uploaded for a post cannot be sent in a message."""
    alt_text: str = Field(primary_key=True, max_length=1000)
    media_id: str = Field(max_length=32)
    expires_at: datetime = Field(sa_type=Moment)


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
    """Delay after the start of the delivery."""


class ExclusionReason(StrEnum):
    """Why a person in the target gets nothing; the first reason that applies, in this order."""

    OPTED_OUT = "opted_out"
    SUPPRESSED = "suppressed"
    NOT_A_FOLLOWER = "not_a_follower"
    DOES_NOT_RECEIVE = "does_not_receive"
    """X reports that the person does not receive this account's messages."""
    NO_CONSENT = "no_consent"
    EXCLUDED_CONDITION = "excluded_condition"
    ALREADY_RECEIVED = "already_received"
    NOT_IF_RECEIVED = "not_if_received"
    ALREADY_CONTACT = "already_contact"
    """The delivery invites people to become contacts, and this person is one."""
    ALREADY_INVITED = "already_invited"
    """The delivery invites people to become contacts, and another one invited this person."""
    FREQUENCY_CAP = "frequency_cap"
    DUPLICATE = "duplicate"
    """Gets it from another service of the same delivery, or is listed twice."""
    FIELD_MISSING = "field_missing"
    """The text cannot be personalised for this person."""
    LIMIT = "limit"
    UNKNOWN = "unknown"
    """Listed, but not a visitor: only counted."""


class Exclusion(SQLModel, table=True):
    """A person in the target of a delivery who gets nothing, and why."""

    delivery_id: int = Field(primary_key=True, sa_type=Id)
    service_id: int = Field(primary_key=True, sa_type=Id)
    visitor_id: int = Field(primary_key=True, sa_type=Id)
    reason: ExclusionReason = Field(sa_type=stored_as_text(ExclusionReason))


class PostMetrics(SQLModel, table=True):
    """X's counts of a post at one moment; None where X did not report one."""

    __tablename__ = "post_metrics"
    __table_args__ = (Index("ix_post_metrics_message_id_taken_at", "message_id", "taken_at"),)

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    message_id: int = Field(sa_type=Id)
    taken_at: datetime = Field(sa_type=Moment)
    is_gone: bool = False
    """X does not show the post any more: its series ends with this row, which has no counts."""
    reposts: int | None = Field(default=None, sa_type=BigInteger)
    likes: int | None = Field(default=None, sa_type=BigInteger)
    replies: int | None = Field(default=None, sa_type=BigInteger)
    quotes: int | None = Field(default=None, sa_type=BigInteger)
    bookmarks: int | None = Field(default=None, sa_type=BigInteger)
    impressions: int | None = Field(default=None, sa_type=BigInteger)
    link_visits: int | None = Field(default=None, sa_type=BigInteger)
    """As X counts them; X reports them only to the account itself, for 30 days."""


class AudienceDay(SQLModel, table=True):
    """The followers of a service on one day (UTC), as the account sync found them."""

    __tablename__ = "audience_day"

    service_id: int = Field(primary_key=True, sa_type=Id)
    day: date = Field(primary_key=True)
    followers: int = Field(sa_type=BigInteger)
    """At the end of the day."""
    gained: int = Field(sa_type=BigInteger)
    lost: int = Field(sa_type=BigInteger)


class Link(SQLModel, table=True):
    """An address in the text of a delivery."""

    __table_args__ = (UniqueConstraint("delivery_id", "number"),)

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    delivery_id: int = Field(sa_type=Id)
    number: int
    """Its place among the links of the delivery, from 1."""
    url: str = Field(sa_type=Text)
    label: str = ""
    category: str = ""


class ShortLink(SQLModel, table=True):
    """Replaces a link in the text of one message, and so of one person or one post."""

    __tablename__ = "short_link"
    __table_args__ = (UniqueConstraint("message_id", "link_id"),)

    token: str = Field(primary_key=True, max_length=16)
    """Random letters and digits, so that one cannot be guessed from another."""
    link_id: int = Field(sa_type=Id)
    message_id: int = Field(sa_type=Id)
    expires_at: datetime = Field(sa_type=Moment)


class PastClicks(SQLModel, table=True):
    """The counts of the clicks on a link in one hour that were deleted after the time that the settings keep them."""

    __tablename__ = "past_clicks"

    link_id: int = Field(primary_key=True, sa_type=Id)
    hour: datetime = Field(primary_key=True, sa_type=Moment)
    people: int
    robots: int


class Click(SQLModel, table=True):
    """A person or a robot followed a short link. Neither an IP address nor the full agent string is stored."""

    __table_args__ = (
        Index("ix_click_link_id_clicked_at", "link_id", "clicked_at"),
        Index("ix_click_message_id", "message_id"),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    link_id: int = Field(sa_type=Id)
    message_id: int = Field(sa_type=Id)
    clicked_at: datetime = Field(sa_type=Moment)
    agent: str = Field(max_length=64)
    """The family of the browser or robot, such as Firefox or Twitterbot."""
    is_robot: bool
