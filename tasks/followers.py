"""The steps of reading a service's followers: open, a few pages at a time, close."""

from datetime import datetime

import pendulum
from prefect import task
from sqlmodel import Session

from campaign.domain.check import sentence_of
from campaign.domain.followers import FollowerPage
from campaign.domain.receipt import Answer
from campaign.domain.reports import SyncReport, report_of
from campaign.domain.spending import refusal_of, usd
from campaign.errors import Refused, ServiceBlocked, Unsent, XError
from campaign.store import ledgers, services, sync_runs
from campaign.store.engine import reading, writing
from campaign.x.gateway import Gateway
from models import Service, SyncMode, SyncRun, SyncState
from tasks.retrying import RETRIES, settle_failed_call
from tasks.services import gateway_of

#: One row in the UI for so many pages: more would hide the progress, fewer would cost more than they show.
PAGES_A_TASK = 10
#: A reading that X keeps sending back to its first page would cost money without an end.
MOST_RESTARTS = 3
_PAGE = "reading a page of followers"


@task(name="open reading", task_run_name="open {service.internal_name}")
def open_reading(service: Service, mode: SyncMode, flow_run_id: str) -> SyncRun:
    """Take up the last unfinished reading of a service or begin a new one, unless the month's cap is too small."""
    gateway, now = gateway_of(service), pendulum.now("UTC")
    with writing() as session:
        run = sync_runs.open_reading(session, service.id, mode, flow_run_id, now)
        row = services.get(session, service.id)
        price, left = gateway.follower_price.usd, ledgers.left(session, row, now)
        refusal = refusal_of(_expected(row, run, gateway.follower_page_size), price, left, row.spend_cap)
        if refusal:
            sync_runs.close(session, run, SyncState.STOPPED if run.pages else SyncState.REFUSED, refusal, now)
        return run


def _expected(service: Service, run: SyncRun, page_size: int) -> int:
    followers = service.followers_count or 0
    return max(0, followers - run.followers_read) if run.mode is SyncMode.FULL else min(followers, page_size)


@task(name="read pages", task_run_name="read pages of {service.internal_name}", **RETRIES)
def read_pages(service: Service, run_id: int) -> SyncRun:
    """Read the next pages of followers; each is written in one transaction that also moves the checkpoint."""
    gateway = gateway_of(service)
    for page in range(PAGES_A_TASK):
        try:
            run = _read_page(gateway, service, run_id)
        except XError as error:
            if not page or not _is_passing(error):
                raise
            return run  # there was progress: the next task begins its tries anew
        if run.state is not SyncState.RUNNING:
            break
    return run


def _is_passing(error: XError) -> bool:
    return not isinstance(error, ServiceBlocked | Refused) and getattr(error, "retry_at", None) is None


def _read_page(gateway: Gateway, service: Service, run_id: int) -> SyncRun:
    run, page_size = _prepare(gateway, service, run_id, pendulum.now("UTC"))
    if run.state is not SyncState.RUNNING:
        return run
    try:
        answer = gateway.followers(service.x_user_id or "", run.next_token, page_size)
    except XError as error:
        settle_failed_call(service.id, _PAGE, error)
        if error.reason == "page_token" and run.restarts < MOST_RESTARTS:
            return _start_over(run.id)
        raise
    return _keep(service, run, answer, pendulum.now("UTC"))


def _prepare(gateway: Gateway, service: Service, run_id: int, now: datetime) -> tuple[SyncRun, int]:
    """Set the money for a page aside; where X or the cap allows none, leave the reading waiting or stopped."""
    with writing() as session:
        run = session.get_one(SyncRun, run_id)
        if opens_at := ledgers.calls_open_at(session, service.id, gateway.follower_endpoints, now):
            _wait(session, run, opens_at, now)
            return run, 0
        page_size = ledgers.reserve(session, service.id, _PAGE, gateway.follower_price, gateway.follower_page_size, now)
        if not page_size:
            reason = (
                f"This month's spend cap of {usd(service.spend_cap)} is reached; raise it or wait for the next month."
            )
            sync_runs.close(session, run, SyncState.STOPPED, reason, now)
        return run, page_size


def _wait(session: Session, run: SyncRun, until: datetime, now: datetime) -> None:
    sync_runs.close(session, run, SyncState.WAITING, "X allows no more calls for now.", now)
    run.goes_on_at = until


def _start_over(run_id: int) -> SyncRun:
    with writing() as session:
        run = session.get_one(SyncRun, run_id)
        sync_runs.start_over(session, run)
        return run


def _keep(service: Service, run: SyncRun, answer: Answer[FollowerPage], now: datetime) -> SyncRun:
    with writing() as session:
        run = sync_runs.take(session, run.id, run.pages)
        run.cost += ledgers.settle(session, service.id, _PAGE, answer.receipts, now)
        sync_runs.record_page(session, run, service, answer.value, now)
        return run


def has_unfinished_reading(service: Service, mode: SyncMode) -> bool:
    """Whether an earlier run left something to go on with."""
    with reading() as session:
        return sync_runs.is_unfinished(session, service.id, mode)


def leave(service: Service, run_id: int, error: XError) -> None:
    """Leave a reading that X does not let go on, with its checkpoint, in the state that the error calls for."""
    with writing() as session:
        run, now = session.get_one(SyncRun, run_id), pendulum.now("UTC")
        if isinstance(error, Unsent) and error.retry_at:
            _wait(session, run, error.retry_at, now)
            return
        sync_runs.close(session, run, SyncState.FAILED, sentence_of(error), now)
        if isinstance(error, ServiceBlocked):
            services.mark_blocked(session, services.get(session, service.id), sentence_of(error))


def report_on(service: Service, run_id: int) -> SyncReport:
    """Read what came of a reading."""
    with reading() as session:
        return report_of(service, session.get_one(SyncRun, run_id), pendulum.now("UTC"))
