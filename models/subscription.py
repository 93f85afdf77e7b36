"""Who follows which service, now and before."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.base import Id, Moment


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
    """When a sync first saw it: X does not say when somebody began to follow."""
    ended_at: datetime | None = Field(default=None, sa_type=Moment)


class PastSubscription(SQLModel, table=True):
    """An earlier following of somebody who left and came back."""

    __tablename__ = "past_subscription"

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    service_id: int = Field(foreign_key="service.id", sa_type=Id)
    visitor_id: int = Field(foreign_key="visitor.id", sa_type=Id)
    began_at: datetime = Field(sa_type=Moment)
    ended_at: datetime = Field(sa_type=Moment)
