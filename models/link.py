"""Links whose clicks are counted."""

from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.base import Id, Moment


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
    """What stands in a text for a link: of one message, and so of one person or one post."""

    __tablename__ = "short_link"
    __table_args__ = (UniqueConstraint("message_id", "link_id"),)

    token: str = Field(primary_key=True, max_length=16)
    """Random letters and digits: nobody guesses one from another."""
    link_id: int = Field(sa_type=Id)
    message_id: int = Field(sa_type=Id)
    expires_at: datetime = Field(sa_type=Moment)


class Click(SQLModel, table=True):
    """Somebody, or a robot, followed a short link. Neither an address nor a whole agent string is kept."""

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
