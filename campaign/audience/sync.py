"""A reading of followers: its run, its pages, when it ends, and its report."""

import gc
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Self

import pendulum
from sqlalchemy import Table, delete, or_, update
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from campaign.audience.followers import count_followers, end_unseen, save_page
from campaign.errors import AlreadyRunning
from campaign.formatting import usd
from campaign.x.gateway import Gateway
from campaign.x.types import Answer, FollowerPage, opens_at
from models import Service, SyncMode, SyncPage, SyncRun, SyncState


def is_complete(mode: SyncMode, next_token: str | None, people: int, newcomers: int) -> bool:
    """Whether this page was the last one: the list ends here or, in incremental mode, nobody on the page is new.

    A page without anybody proves nothing: X leaves suspended people out.
    """
    return next_token is None or (mode is SyncMode.INCREMENTAL and people > 0 and newcomers == 0)


#: States in which the next step is a person's.
_UNHAPPY = frozenset({SyncState.REFUSED, SyncState.FAILED, SyncState.STOPPED})


@dataclass(frozen=True, slots=True)
class SyncReport:
    """One service's line: people counted, cost in US dollars, and when it goes on if it waits for X."""

    service: str
    state: SyncState
    followers: int = 0
    new: int = 0
    changed: int = 0
    ended: int = 0
    pages: int = 0
    cost: Decimal = Decimal(0)
    took: timedelta = timedelta()
    goes_on_at: datetime | None = None
    reason: str = ""

    @property
    def is_unhappy(self) -> bool:
        """Whether a person has to do something."""
        return self.state in _UNHAPPY

    def as_json(self) -> dict[str, object]:
        """The line as scripts read it."""
        return {
            "service": self.service,
            "state": self.state.value,
            "followers": self.followers,
            "new": self.new,
            "changed": self.changed,
            "ended": self.ended,
            "pages": self.pages,
            "cost_usd": f"{self.cost:.2f}" if self.cost == round(self.cost, 2) else f"{self.cost.normalize():f}",
            "took_seconds": round(self.took.total_seconds(), 1),
            "goes_on_at": self.goes_on_at.isoformat() if self.goes_on_at else None,
            "reason": self.reason or None,
        }

    def as_row(self) -> dict[str, str]:
        """The line as people read it, in a table."""
        return {
            "Service": self.service,
            "State": self.state.value,
            "Goes on at": f"{self.goes_on_at:%Y-%m-%d %H:%M:%S %Z}" if self.goes_on_at else "",
            "Reason": self.reason,
            "Followers": f"{self.followers:,}",
            "New": f"{self.new:,}",
            "Changed": f"{self.changed:,}",
            "Ended": f"{self.ended:,}",
            "Pages": f"{self.pages:,}",
            "Cost": usd(self.cost),
            "Took": f"{self.took.total_seconds():.1f} s",
        }


def report_of(service: Service, run: SyncRun, now: datetime) -> SyncReport:
    """Report on a reading."""
    return SyncReport(
        service=service.internal_name,
        state=run.state,
        followers=run.followers,
        new=run.new,
        changed=run.changed,
        ended=run.ended,
        pages=run.pages,
        cost=run.cost,
        took=(run.finished_at or now) - run.started_at,
        goes_on_at=run.goes_on_at,
        reason=run.reason,
    )


_RUNS: Table = SQLModel.metadata.tables["sync_run"]


def open_reading(session: Session, service_id: int, mode: SyncMode, flow_run_id: str, now: datetime) -> SyncRun:
    """Take up the unfinished reading of this mode, from its last page, or begin a new one.

    The caller holds the claim on the service, so whatever still counts as running has died.
    """
    last = _last(session, service_id, mode)
    for dead in session.scalars(_readings(service_id).where(col(SyncRun.state) == SyncState.RUNNING)):
        dead.become(SyncState.INTERRUPTED)
    session.flush()
    if last is None or last.state in {SyncState.FINISHED, SyncState.REFUSED}:
        last = SyncRun(service_id=service_id, mode=mode, started_at=now, reading_since=now)
        session.add(last)
    else:
        last.become(SyncState.RUNNING)
        last.reason, last.goes_on_at, last.finished_at = "", None, None
        if not last.pages:
            last.started_at = last.reading_since = now
    last.flow_run_id = flow_run_id
    session.flush()
    return last


def is_unfinished(session: Session, service_id: int, mode: SyncMode) -> bool:
    """Whether there is a reading of this mode to go on with."""
    last = _last(session, service_id, mode)
    return last is not None and last.state not in {SyncState.FINISHED, SyncState.REFUSED}


def record_page(session: Session, run: SyncRun, service: Service, page: FollowerPage, now: datetime) -> None:
    """Move the checkpoint and write the page; the last page also ends who was not seen and finishes the reading.

    Raises AlreadyRunning when another process has moved it meanwhile.
    """
    _move_checkpoint(session, run, page)
    difference = save_page(session, run, service, page.followers, now)
    run.new += difference.new
    run.changed += difference.changed
    if is_complete(run.mode, page.next_token, len(page.followers), difference.newcomers):
        _finish(session, run, now)


def _move_checkpoint(session: Session, run: SyncRun, page: FollowerPage) -> None:
    as_known = col(SyncRun.id) == run.id, col(SyncRun.pages) == run.pages, col(SyncRun.state) == SyncState.RUNNING
    moved = session.connection().execute(update(_RUNS).where(*as_known).values(pages=run.pages + 1))
    if not moved.rowcount:
        raise AlreadyRunning("Another run has taken this reading over.")
    run.next_token = page.next_token
    run.pages += 1
    run.followers_read += len(page.followers)


def _finish(session: Session, run: SyncRun, now: datetime) -> None:
    if run.mode is SyncMode.FULL:
        run.ended = end_unseen(session, run, now)
    close(session, run, SyncState.FINISHED, "", now)
    session.get_one(Service, run.service_id).followers_count = run.followers
    _forget_pages(session, run)


def close(session: Session, run: SyncRun, state: SyncState, reason: str, now: datetime) -> None:
    """Leave a reading in a state that says why it does not go on now."""
    run.become(state)
    run.reason = reason
    run.finished_at = now
    run.followers = count_followers(session, run.service_id)


def start_over(session: Session, run: SyncRun, now: datetime) -> None:
    """Read from the first page again: X no longer accepts the page token, so what was seen proves nothing."""
    _forget_pages(session, run)
    run.restarts += 1
    run.reading_since = now
    run.next_token = None
    run.pages = run.followers_read = 0


def take(session: Session, run: SyncRun) -> SyncRun:
    """Go on with a reading as this process last saw it, without reading it again; see `record_page`."""
    return session.merge(run, load=False)


def touched_since(session: Session, moment: datetime, service_ids: Sequence[int]) -> list[SyncRun]:
    """The readings of these services that are being worked on, or were left, since a moment."""
    is_recent = or_(col(SyncRun.state) == SyncState.RUNNING, col(SyncRun.finished_at) >= moment)
    return list(session.exec(select(SyncRun).where(col(SyncRun.service_id).in_(service_ids), is_recent)))


def _readings(service_id: int) -> SelectOfScalar[SyncRun]:
    return select(SyncRun).where(col(SyncRun.service_id) == service_id)


def _last(session: Session, service_id: int, mode: SyncMode) -> SyncRun | None:
    return session.scalar(
        _readings(service_id).where(col(SyncRun.mode) == mode).order_by(col(SyncRun.id).desc()).limit(1)
    )


def _forget_pages(session: Session, run: SyncRun) -> None:
    session.execute(delete(SyncPage).where(col(SyncPage.sync_run_id) == run.id))


def collect_garbage_rarely() -> None:
    """Let this process look for reference cycles a hundred times less often than Python's default.

    A page is thousands of objects without cycles; looking through all of Prefect's for each took an eighth of a sync.
    """
    gc.set_threshold(100_000, 20, 100)


class PageReader:
    """Asks X for pages of followers, one call at a time, never for more people than are paid for."""

    def __init__(self, gateway: Gateway, user_id: str) -> None:
        self._gateway, self._user_id = gateway, user_id
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._asked: Future[Answer[FollowerPage]] | None = None
        self._size = 0
        self.may_go_on = True
        """Whether X allowed another call when it last answered."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def ask(self, token: str | None, paid_for: int) -> bool:
        """Ask for a page, unless it is asked for already; returns False when none is paid for."""
        if self._asked is None and paid_for > 0:
            self._size = min(self._gateway.follower_page_size, paid_for)
            self._asked = self._pool.submit(self._gateway.followers, self._user_id, token, self._size)
        return self._asked is not None

    def answer(self) -> Answer[FollowerPage]:
        """Wait for the page that was asked for; raises XError."""
        assert self._asked is not None  # noqa: S101  the caller asks first
        asked, self._asked = self._asked, None
        answer = asked.result()
        windows = [window for receipt in answer.receipts for window in receipt.windows]
        self.may_go_on = opens_at(windows, pendulum.now("UTC")) is None
        return answer

    def ask_ahead(self, answer: Answer[FollowerPage], paid_for: int) -> None:
        """Ask for the page after this one where there is one, X allows the call, and it is paid for as well."""
        if answer.value.next_token and self.may_go_on:
            self.ask(answer.value.next_token, paid_for - self._size)
