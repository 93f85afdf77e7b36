"""A delivery: one post or thread to one or several accounts, or one broadcast; with the calendar and the media library.

Slots and series are where posts come from, the media library is what their files are.
"""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from campaign.errors import InvalidTransition
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


class MediaBlob(SQLModel, table=True):
    """A picture, GIF or video that was checked; its bytes are chunks, or a file of the shared folder."""

    __tablename__ = "media_blob"

    sha256: str = Field(primary_key=True, max_length=64)
    name: str = Field(unique=True, max_length=80)
    """Small letters, digits, hyphens, and the end that fits its type; never that of another file."""
    media_type: str = Field(max_length=32)
    size: int = Field(sa_type=Id)
    """In bytes."""
    width: int
    height: int
    seconds: float
    """Of a video."""
    alt_text: str = Field(default="", sa_type=Text)
    """The description of items that have none of their own."""
    added_at: datetime = Field(sa_type=Moment)
    added_by: str


class MediaChunk(SQLModel, table=True):
    """A piece of a file, at most a megabyte: neither database hands out a video at once without holding it twice."""

    __tablename__ = "media_chunk"

    sha256: str = Field(primary_key=True, max_length=64, foreign_key="media_blob.sha256")
    number: int = Field(primary_key=True)
    content: bytes = Field(sa_type=LargeBinary)


class DeliveryKind(StrEnum):
    """What is sent."""

    POST = "post"
    DM = "dm"


class ApprovalMode(StrEnum):
    """Who confirms an analysed delivery."""

    MANUAL = "manual"
    """A person."""
    SEMI_AUTOMATIC = "semi_automatic"
    """Confirmed automatically when the analysis has no warning; otherwise by a person."""
    AUTOMATIC = "automatic"
    """Confirmed automatically when the analysis has no error."""


class Priority(StrEnum):
    """Which of the broadcasts of a service goes first, from the last to the first."""

    VERY_LOW = "very_low"
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    VERY_HIGH = "very_high"


class DeliveryState(StrEnum):
    """The stages of a delivery."""

    BEING_EDITED = "being_edited"
    ANALYSED = "analysed"
    """Analysed without errors, unchanged since, and waiting for its confirmation."""
    CONFIRMED = "confirmed"
    IN_PROGRESS = "in_progress"
    FINISHED = "finished"
    PAUSED = "paused"
    STOPPED = "stopped"
    """Stopped by a person: nothing more goes out."""
    FAILED = "failed"
    """A part was refused or the delivery changed after its confirmation; goes on after a correction."""
    EXPIRED = "expired"
    """Its validity ended before everything was out."""

    @property
    def words(self) -> str:
        """Returns the state as a sentence names it: in progress."""
        return self.value.replace("_", " ")


OVER = frozenset({DeliveryState.FINISHED, DeliveryState.STOPPED, DeliveryState.EXPIRED})
"""The states in which nothing goes out any more."""

NEXT: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.BEING_EDITED: frozenset({DeliveryState.ANALYSED, DeliveryState.STOPPED}),
    DeliveryState.ANALYSED: frozenset({DeliveryState.BEING_EDITED, DeliveryState.CONFIRMED, DeliveryState.STOPPED}),
    DeliveryState.CONFIRMED: frozenset(
        {DeliveryState.BEING_EDITED, DeliveryState.IN_PROGRESS, DeliveryState.PAUSED} | OVER
    ),
    DeliveryState.IN_PROGRESS: frozenset({DeliveryState.PAUSED, DeliveryState.FAILED} | OVER),
    DeliveryState.PAUSED: frozenset({DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS} | OVER),
    DeliveryState.FAILED: frozenset({DeliveryState.BEING_EDITED, DeliveryState.IN_PROGRESS} | OVER),
    **{state: frozenset() for state in OVER},
}


class Delivery(SQLModel, table=True):
    """What goes out, where and when, and whether exactly that was confirmed.

    The analysis and the confirmation each store a fingerprint of the delivery: they count only as long as the delivery
    still has the same one.
    """

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    name: str = Field(unique=True, max_length=80)
    """The internal name, generated: post-2026-11-26-launch."""
    label: str
    code: str = ""
    description: str = Field(default="", sa_type=Text)
    kind: DeliveryKind = Field(sa_type=stored_as_text(DeliveryKind))
    template: str | None = Field(default=None, max_length=80)
    """The internal name of the template it was made from."""
    proof_service_id: int | None = Field(default=None, foreign_key="service.id", sa_type=Id)
    content: str = Field(sa_type=Text)
    """JSON, see campaign.deliveries.draft.Content."""
    broadcast: str = Field(default="", sa_type=Text)
    """JSON, see campaign.deliveries.draft.Broadcast; empty for a post."""
    priority: Priority = Field(default=Priority.NORMAL, sa_type=stored_as_text(Priority))
    contact_date: datetime | None = Field(default=None, sa_type=Moment)
    """Earliest start; None is as soon as it is confirmed."""
    validity_days: int = 5
    """Days after the contact date (or the confirmation, without one) in which it may still go out."""
    approval: ApprovalMode = Field(default=ApprovalMode.MANUAL, sa_type=stored_as_text(ApprovalMode))
    tracking: bool = True
    """Whether its links are replaced by ones whose clicks are counted."""
    is_invitation: bool = False
    """Whether it invites people to become contacts: each person once, and no contact."""
    state: DeliveryState = Field(default=DeliveryState.BEING_EDITED, sa_type=stored_as_text(DeliveryState), index=True)
    reason: str = Field(default="", sa_type=Text)
    """Why it failed, is paused or went back to editing, in one sentence."""
    flow_run_id: str | None = Field(default=None, max_length=36, index=True)
    """The Prefect run that composed it; a resumed run finds its delivery by it."""
    proofs: int = 0
    """How many proofs were sent."""
    clicked: int = 0
    """In how many messages people had clicked when the clicks were deleted; 0 before that."""
    analysis: str = Field(default="", sa_type=Text)
    """JSON, see campaign.posts.analysis.Analysis; empty before the first one."""
    analysed_fingerprint: str | None = Field(default=None, max_length=64)
    analysed_at: datetime | None = Field(default=None, sa_type=Moment)
    asked_at: datetime | None = Field(default=None, sa_type=Moment)
    """Since when a suspended run waits for a person's answer."""
    confirmed_fingerprint: str | None = Field(default=None, max_length=64)
    confirmed_at: datetime | None = Field(default=None, sa_type=Moment)
    confirmed_by: str = ""
    created_at: datetime = Field(sa_type=Moment)
    started_at: datetime | None = Field(default=None, sa_type=Moment)
    finished_at: datetime | None = Field(default=None, sa_type=Moment)

    def become(self, state: DeliveryState) -> None:
        """Changes the state, the only way it may change; raises InvalidTransition."""
        if state not in NEXT[self.state]:
            raise InvalidTransition(f"Delivery {self.name}", self.state, state)
        self.state = state

    @property
    def is_over(self) -> bool:
        """Whether nothing of it can go out any more."""
        return self.state in OVER


class DeliveryTarget(SQLModel, table=True):
    """A service that a delivery goes to."""

    __tablename__ = "delivery_target"

    delivery_id: int = Field(primary_key=True, foreign_key="delivery.id", sa_type=Id)
    service_id: int = Field(primary_key=True, foreign_key="service.id", sa_type=Id)


class Approval(SQLModel, table=True):
    """A person's yes to exactly what was analysed; a delivery waits until it has as many as its services ask for."""

    delivery_id: int = Field(primary_key=True, foreign_key="delivery.id", sa_type=Id)
    fingerprint: str = Field(primary_key=True, max_length=64)
    person: str = Field(primary_key=True, max_length=64)
    """The name of the person's account at the desk."""
    at: datetime = Field(sa_type=Moment)


class DeliveryTemplate(SQLModel, table=True):
    """The settings that new deliveries start with. Built-in templates can only be duplicated."""

    __tablename__ = "delivery_template"

    name: str = Field(primary_key=True, max_length=80)
    label: str
    kind: DeliveryKind = Field(sa_type=stored_as_text(DeliveryKind))
    is_built_in: bool = False
    settings: str = Field(sa_type=Text)
    """JSON, see campaign.deliveries.draft.Draft, with or without content."""


class AuditEntry(SQLModel, table=True):
    """One change of a delivery, a service, a template, a consent or an account: who, when, what."""

    __tablename__ = "audit_entry"

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    at: datetime = Field(sa_type=Moment)
    actor: str
    """A person's name, or the run that did it."""
    delivery_id: int | None = Field(default=None, foreign_key="delivery.id", sa_type=Id, index=True)
    """None for everything that is no delivery."""
    subject: str = Field(default="", max_length=120)
    """What was changed, where that is no delivery: `service acme`, `template weekly`, `user ann`."""
    action: str = Field(max_length=32)
    detail: str = Field(default="", sa_type=Text)
    """One sentence; never a text that was sent."""
