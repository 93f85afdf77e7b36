"""The calendar: weekly slots of services, and series of posts."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.base import Id, Moment, stored_as_text

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Slot(SQLModel, table=True):
    """A time of the week at which a service likes to post."""

    __table_args__ = (UniqueConstraint("service_id", "weekday", "clock", "timezone"),)

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    service_id: int = Field(foreign_key="service.id", sa_type=Id)
    weekday: int
    """0 is Monday."""
    clock: str = Field(max_length=5)
    """09:30, by the clock of its time zone."""
    timezone: str = Field(max_length=64)

    def __str__(self) -> str:
        """Returns it as a person reads it: Monday 09:30 (Europe/Brussels)."""
        return f"{WEEKDAYS[self.weekday]} {self.clock} ({self.timezone})"


class Every(StrEnum):
    """How often a series repeats its post."""

    WEEK = "week"
    MONTH = "month"


class Series(SQLModel, table=True):
    """A post that is repeated at a local time. Its occurrences are deliveries of their own, made ahead of time."""

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    label: str
    draft: str = Field(sa_type=Text)
    """JSON, see campaign.deliveries.draft.Draft, without a date."""
    every: Every = Field(sa_type=stored_as_text(Every))
    starts_on: date
    clock: str = Field(max_length=5)
    """09:30, by the clock of its time zone."""
    timezone: str = Field(max_length=64)
    until: date | None = None
    """The last day on which it may have an occurrence."""
    count: int | None = None
    """How many occurrences it has; None is no limit."""
    reached: int = 0
    """Occurrences before this number were made, or were in the past when their turn came."""
    problem: str = Field(default="", sa_type=Text)
    """Why its next occurrence could not be made, in one sentence."""
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    stopped_at: datetime | None = Field(default=None, sa_type=Moment)


class SeriesOccurrence(SQLModel, table=True):
    """The delivery that is an occurrence of a series; each number once."""

    __tablename__ = "series_occurrence"

    series_id: int = Field(primary_key=True, foreign_key="series.id", sa_type=Id)
    number: int = Field(primary_key=True)
    delivery_id: int = Field(foreign_key="delivery.id", sa_type=Id, unique=True)
