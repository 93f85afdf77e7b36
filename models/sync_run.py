"""One reading of a service's followers, from the first page to the last, over as many runs as it takes."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

from campaign.errors import InvalidTransition
from models.base import Id, Moment, UsDollars, stored_as_text


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
