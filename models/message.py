"""The delivery log: one row for each thing that goes out."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from campaign.errors import InvalidTransition
from models.base import Id, Moment, stored_as_text

NO_VISITOR = 0
"""The visitor of a post: it goes to an account, not to a person."""
MAIN = 0
"""The proof number of what is no proof."""


REACHED = "visitor_id <> 0 and state in ('sending', 'sent', 'uncertain')"
"""The direct messages that are out or may be: in these words, for only then both databases use their index."""

TRIED = "visitor_id <> 0 and armed_at is not null"


class MessageState(StrEnum):
    """What is known of one thing that goes out."""

    PENDING = "pending"
    SENDING = "sending"
    """Committed before the call to X: a crash from here on leaves a trace."""
    SENT = "sent"
    UNCERTAIN = "uncertain"
    """X may or may not have done it; settled by looking on X, or by a person."""
    REFUSED = "refused"
    """X said no; pending again after a correction."""
    CANCELLED = "cancelled"


NEXT: dict[MessageState, frozenset[MessageState]] = {
    # Refused without a call: X did not take its file.
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
        # What X knows by one id is one message of ours, whatever the look-ups believe.
        Index(
            "uq_message_x_id",
            "x_id",
            unique=True,
            postgresql_where=text("x_id is not null"),
            sqlite_where=text("x_id is not null"),
        ),
        Index("ix_message_service_id_state_id", "service_id", "state", "id"),
        # Who got how many messages, and when, without a look at each; what is pending is left out, so that an analysis
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
        # What a service tried lately, for the limits that X told nothing of.
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
    """When the first attempt was: whatever any attempt published is not older."""
    settled_at: datetime | None = Field(default=None, sa_type=Moment)
    withdrawn_at: datetime | None = Field(default=None, sa_type=Moment)
    """When it was deleted from X again."""

    def become(self, state: MessageState) -> None:
        """Change the state, the only way it may change; raises InvalidTransition."""
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
