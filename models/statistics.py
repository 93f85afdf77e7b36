"""What came of what went out, as it was when it was looked at."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from models.base import Id, Moment


class PostMetrics(SQLModel, table=True):
    """What X counted for a post at one moment; None is what X did not tell."""

    __tablename__ = "post_metrics"
    __table_args__ = (Index("ix_post_metrics_message_id_taken_at", "message_id", "taken_at"),)

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    message_id: int = Field(sa_type=Id)
    taken_at: datetime = Field(sa_type=Moment)
    is_gone: bool = False
    """X does not show the post any more: its series ends here, and this row has no numbers."""
    reposts: int | None = Field(default=None, sa_type=BigInteger)
    likes: int | None = Field(default=None, sa_type=BigInteger)
    replies: int | None = Field(default=None, sa_type=BigInteger)
    quotes: int | None = Field(default=None, sa_type=BigInteger)
    bookmarks: int | None = Field(default=None, sa_type=BigInteger)
    impressions: int | None = Field(default=None, sa_type=BigInteger)
    link_visits: int | None = Field(default=None, sa_type=BigInteger)
    """As X counts them; only the account itself is told, for 30 days."""


class AudienceDay(SQLModel, table=True):
    """The followers of a service on one day (UTC), as the account sync found them."""

    __tablename__ = "audience_day"

    service_id: int = Field(primary_key=True, sa_type=Id)
    day: date = Field(primary_key=True)
    followers: int = Field(sa_type=BigInteger)
    """At the end of the day."""
    gained: int = Field(sa_type=BigInteger)
    lost: int = Field(sa_type=BigInteger)
