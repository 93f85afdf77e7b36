"""People on X, the services that they follow, now and before, and the readings of a service's followers."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, func, text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlmodel import Field, SQLModel, col

from campaign.errors import InvalidTransition
from campaign.formatting import fold
from models.base import Id, Moment, UsDollars, stored_as_text

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


class SyncMode(StrEnum):
    """How far a sync reads."""

    FULL = "full"
    """The whole list: finds renames and who no longer follows."""
    INCREMENTAL = "incremental"
    """Only until a page has no new followers: cheap, and never ends a subscription."""


class SyncState(StrEnum):
    """The stages of a sync."""

    RUNNING = "running"
    WAITING = "waiting"
    """X allows no more calls now; continues at `goes_on_at`."""
    STOPPED = "stopped"
    """The spend cap was reached in the middle; continues when the cap allows it again."""
    INTERRUPTED = "interrupted"
    """Its process died; the next run continues from the last page."""
    FAILED = "failed"
    """X could not be reached, or the service is blocked; the next run continues from the last page."""
    REFUSED = "refused"
    """Refused before the first page: nothing was read or paid."""
    FINISHED = "finished"


_RESUMABLE = frozenset({SyncState.WAITING, SyncState.STOPPED, SyncState.INTERRUPTED, SyncState.FAILED})

NEXT: dict[SyncState, frozenset[SyncState]] = {
    SyncState.RUNNING: _RESUMABLE | {SyncState.REFUSED, SyncState.FINISHED},
    **{state: frozenset({SyncState.RUNNING}) for state in _RESUMABLE},
    SyncState.REFUSED: frozenset(),
    SyncState.FINISHED: frozenset(),
}


class SyncRun(SQLModel, table=True):
    """A reading with its checkpoint: `next_token` is the page to ask for next, None before the first."""

    __tablename__ = "sync_run"
    __table_args__ = (
        # One running reading per service, whatever the processes do.
        Index(
            "uq_sync_run_running",
            "service_id",
            unique=True,
            postgresql_where=text("state = 'running'"),
            sqlite_where=text("state = 'running'"),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    service_id: int = Field(foreign_key="service.id", sa_type=Id)
    flow_run_id: str | None = Field(default=None, max_length=36, index=True)
    """The last Prefect run that worked on it."""
    mode: SyncMode = Field(sa_type=stored_as_text(SyncMode))
    state: SyncState = Field(default=SyncState.RUNNING, sa_type=stored_as_text(SyncState))
    reason: str = Field(default="", sa_type=Text)
    started_at: datetime = Field(sa_type=Moment)
    reading_since: datetime = Field(sa_type=Moment)
    """When its first page was last requested: later than `started_at` after a restart."""
    finished_at: datetime | None = Field(default=None, sa_type=Moment)
    goes_on_at: datetime | None = Field(default=None, sa_type=Moment)

    next_token: str | None = Field(default=None, sa_type=Text)
    pages: int = 0
    left_out: int = 0
    """Records of X's that could not be read."""
    restarts: int = 0
    followers_read: int = 0
    followers: int = 0
    """Followers at the end of the reading."""
    new: int = 0
    changed: int = 0
    ended: int = 0
    cost: Decimal = Field(default=Decimal(0), sa_type=UsDollars)

    def become(self, state: SyncState) -> None:
        """Changes the state, the only way it may change; raises InvalidTransition."""
        if state not in NEXT[self.state]:
            raise InvalidTransition(f"Sync {self.id}", self.state, state)
        self.state = state


class SyncPage(SQLModel, table=True):
    """The visitors on a page of a reading; at its end subscriptions of visitors on no page are ended.

    One row a page: a column of each subscription would mean a million updates where nothing changed.
    """

    __tablename__ = "sync_page"

    sync_run_id: int = Field(primary_key=True, foreign_key="sync_run.id", sa_type=Id)
    number: int = Field(primary_key=True)
    visitor_ids: str = Field(sa_type=Text)
    """A JSON list of visitor ids, at most 5,000."""
