"""Readings of followers: opening or taking up again, one transaction per page, the end."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Table, delete, or_, update
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from campaign.domain.followers import FollowerPage
from campaign.domain.reading import is_complete
from campaign.errors import AlreadyRunning
from campaign.store.followers import count_followers, end_unseen, save_page
from models import Service, SyncMode, SyncPage, SyncRun, SyncState

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
