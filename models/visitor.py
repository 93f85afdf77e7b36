"""People on X, and the services that they follow, now and before."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, func, text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlmodel import Field, SQLModel, col

from campaign.formatting import fold
from models.base import Id, Moment

ORIGIN = "Twitter"
VISITOR_FOLDER = "Visitors"
"""The folder of people who are met outside of a sync."""


def _folded(name: str) -> Callable[[DefaultExecutionContext], str | None]:
    def default(context: DefaultExecutionContext) -> str | None:
        value = context.get_current_parameters().get(name)  # type: ignore[no-untyped-call]
        return fold(value) if value is not None else None

    return default


class Visitor(SQLModel, table=True):
    """A person on X, once per X user id whatever the number of services followed.

    Usernames are not unique: people rename themselves and swap handles. Counts go beyond 2^31.
    """

    __table_args__ = (UniqueConstraint("origin", "external_id"),)

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    origin: str = Field(default=ORIGIN, max_length=16)
    external_id: str = Field(max_length=20)
    username: str | None = Field(default=None, max_length=50)
    """Longer than today's 15 characters for some old accounts."""
    full_name: str | None = None
    followers_count: int | None = Field(default=None, sa_type=BigInteger)
    verified: bool | None = None
    location: str | None = None
    """Free text, as in the profile."""
    folded_name: str | None = Field(default=None, sa_column_kwargs={"default": _folded("full_name")})
    """The full name as conditions compare it: the same on both databases, and quick for a million people."""
    folded_location: str | None = Field(default=None, sa_column_kwargs={"default": _folded("location")})
    folder: str
    """The visitor folder of the service that found this person first."""
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


# For people who search by the beginning of a handle or a name: PostgreSQL compares by bytes, whatever its collation.
Index("ix_visitor_handle", func.lower(Visitor.username).label("handle"), postgresql_ops={"handle": "text_pattern_ops"})
Index("ix_visitor_folded_name", col(Visitor.folded_name), postgresql_ops={"folded_name": "text_pattern_ops"})
# For the list of followers in this order; an unknown number comes last.
Index("ix_visitor_known_followers", func.coalesce(Visitor.followers_count, -1), col(Visitor.id))


class Subscription(SQLModel, table=True):
    """This visitor follows this service since `began_at`; no longer since `ended_at`.

    Without foreign keys, see docs/decisions/0010-subscriptions-without-foreign-keys.md.
    """

    __table_args__ = (
        UniqueConstraint("service_id", "visitor_id"),
        Index(
            "ix_subscription_ended",
            "service_id",
            "ended_at",
            postgresql_where=text("ended_at is not null"),
            sqlite_where=text("ended_at is not null"),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    service_id: int = Field(sa_type=Id)
    visitor_id: int = Field(sa_type=Id)
    began_at: datetime = Field(sa_type=Moment)
    """When a sync first found it: X does not report when a person began to follow."""
    ended_at: datetime | None = Field(default=None, sa_type=Moment)


class PastSubscription(SQLModel, table=True):
    """An earlier subscription of a person who unfollowed and followed again."""

    __tablename__ = "past_subscription"

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    service_id: int = Field(foreign_key="service.id", sa_type=Id)
    visitor_id: int = Field(foreign_key="visitor.id", sa_type=Id)
    began_at: datetime = Field(sa_type=Moment)
    ended_at: datetime = Field(sa_type=Moment)


class Segment(SQLModel, table=True):
    """A condition that is saved under a name."""

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    name: str = Field(unique=True, max_length=80)
    condition: str = Field(sa_type=Text)
    """In the language of docs/conditions.md."""
    saved_by: str
    saved_at: datetime = Field(sa_type=Moment)
