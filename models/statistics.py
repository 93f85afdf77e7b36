"""Counts of posts and followers, and links whose clicks are counted."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.base import Id, Moment


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
