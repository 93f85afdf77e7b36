"""The steps of reading a service's followers: open, a few pages at a time, close."""

from datetime import datetime
from decimal import Decimal

import pendulum
from prefect import task
from sqlmodel import Session

from campaign.audience import sync
from campaign.audience.sync import PageReader, SyncReport, report_of
from campaign.db.engine import reading, writing
from campaign.errors import ServiceBlocked, Unsent, XError
from campaign.formatting import usd
from campaign.limits import rate_limits, spend_cap
from campaign.limits.spend_cap import refusal_of, settle_failed_call
from campaign.services import store as services
from campaign.services.check import sentence_of
from campaign.x.gateway import Gateway
from campaign.x.types import Answer, FollowerPage
from models import Service, SyncMode, SyncRun, SyncState
from tasks.continuation import RETRIES, is_passing
from tasks.services import gateway_of

#: One row in the UI for so many pages: more would hide the progress, fewer would cost more than they show.
PAGES_A_TASK = 10
#: A reading that X keeps sending back to its first page would cost money without an end.
MOST_RESTARTS = 3
_PAGE = "reading a page of followers"


@task(name="open reading", task_run_name="open {service.internal_name}")
def open_reading(service: Service, mode: SyncMode, flow_run_id: str) -> SyncRun:
    """Take up the last unfinished reading of a service, from its last page, or begin a new one."""
    with writing() as session:
        return sync.open_reading(session, service.id, mode, flow_run_id, pendulum.now("UTC"))


@task(name="estimate cost", task_run_name="estimate cost of {service.internal_name}")
def estimate_cost(service: Service, run_id: int) -> SyncRun:
    """Compare what the reading will cost with what is left of the month's cap, before anything is spent on it."""
    gateway, now = gateway_of(service), pendulum.now("UTC")
    with writing() as session:
        run = session.get_one(SyncRun, run_id)
        expected = _expected(service, run, gateway.follower_page_size)
        left = spend_cap.left(session, service.id, now) + spend_cap.taken_over(session, service.id, _PAGE, now)
        refusal = refusal_of(expected, gateway.follower_price.usd, left, service.spend_cap)
        if refusal:
            sync.close(session, run, SyncState.STOPPED if run.pages else SyncState.REFUSED, refusal, now)
        return run


def _expected(service: Service, run: SyncRun, page_size: int) -> int:
    followers = service.followers_count or 0
    return max(0, followers - run.followers_read) if run.mode is SyncMode.FULL else min(followers, page_size)


def has_unfinished_reading(service: Service, mode: SyncMode) -> bool:
    """Whether an earlier run left something to go on with."""
    with reading() as session:
        return sync.is_unfinished(session, service.id, mode)


@task(name="read pages", task_run_name="read pages of {service.internal_name}", **RETRIES)
def read_pages(service: Service, run_id: int) -> SyncRun:
    """Read the next pages of followers; each is written in one transaction that also moves the checkpoint."""
    gateway = gateway_of(service)
    run, paid_for = _prepare(gateway, service, run_id, pendulum.now("UTC"))
    with PageReader(gateway, service.x_user_id or "") as pages:
        try:
            for page in range(PAGES_A_TASK):
                if run.state is not SyncState.RUNNING or not pages.ask(run.next_token, paid_for):
                    break
                answer, goes_on = pages.answer(), page + 1 < PAGES_A_TASK and pages.may_go_on
                if run.mode is SyncMode.FULL and goes_on:
                    pages.ask_ahead(answer, paid_for)
                paid_for = paid_for - len(answer.value.followers) if goes_on and answer.value.next_token else 0
                run = _keep(service, run, answer, paid_for)
        except XError as error:
            _add_cost(run_id, settle_failed_call(service.id, _PAGE, error))
            if error.reason == "page_token" and run.restarts < MOST_RESTARTS:
                return _start_over(run.id)
            if not page or not is_passing(error):
                raise
            # There was progress: the next task begins its tries anew.
    return run


def _prepare(gateway: Gateway, service: Service, run_id: int, now: datetime) -> tuple[SyncRun, int]:
    """Set money for the first pages aside; where X or the cap allows none, leave the reading waiting or stopped."""
    with writing() as session:
        run = session.get_one(SyncRun, run_id)
        opens_at = rate_limits.calls_open_at(session, service.id, gateway.follower_endpoints, now)
        if opens_at:
            _wait(session, run, opens_at, now)
            return run, 0
        # Money for all pages of this task, and no more than the list should need: the rest stays free for others.
        page_size = gateway.follower_page_size
        wanted = min(PAGES_A_TASK * page_size, _expected(service, run, page_size) + page_size)
        # One page is written while the next one is asked for.
        paid_for = spend_cap.reserve(
            session, service.id, _PAGE, gateway.follower_price, wanted, now, at_once=2 * page_size
        )
        if not paid_for:
            cap = usd(services.get(session, service.id).spend_cap)
            reason = f"This month's spend cap of {cap} is reached; raise it or wait for the next month."
            sync.close(session, run, SyncState.STOPPED, reason, now)
        return run, paid_for


def _keep(service: Service, run: SyncRun, answer: Answer[FollowerPage], paid_for: int) -> SyncRun:
    """Write a page; money for `paid_for` people stays aside for the pages after it."""
    now = pendulum.now("UTC")
    with writing() as session:
        run = sync.take(session, run)
        # The long statements first: meanwhile the next page is asked for, and the short ones do not wait for it.
        sync.record_page(session, run, service, answer.value, now)
        keep = paid_for if run.state is SyncState.RUNNING else 0
        run.cost += spend_cap.settle(session, service.id, _PAGE, answer.receipts, now, keep=keep)
        return run


def _add_cost(run_id: int, cost: Decimal) -> None:
    """Count what answered calls cost though the page as a whole failed: with API 1.1 a page is many calls."""
    if cost:
        with writing() as session:
            session.get_one(SyncRun, run_id).cost += cost


def _wait(session: Session, run: SyncRun, until: datetime, now: datetime) -> None:
    sync.close(session, run, SyncState.WAITING, "X allows no more calls for now.", now)
    run.goes_on_at = until


def _start_over(run_id: int) -> SyncRun:
    with writing() as session:
        run = session.get_one(SyncRun, run_id)
        sync.start_over(session, run, pendulum.now("UTC"))
        return run


def leave(service: Service, run_id: int, error: XError) -> None:
    """Leave a reading that X does not let go on, with its checkpoint, in the state that the error calls for."""
    with writing() as session:
        run, now = session.get_one(SyncRun, run_id), pendulum.now("UTC")
        if isinstance(error, Unsent) and error.retry_at:
            _wait(session, run, error.retry_at, now)
            return
        if error.reason == "cap":
            sync.close(session, run, SyncState.STOPPED if run.pages else SyncState.REFUSED, sentence_of(error), now)
            return
        sync.close(session, run, SyncState.FAILED, sentence_of(error), now)
        if isinstance(error, ServiceBlocked):
            services.mark_blocked(session, services.get(session, service.id), sentence_of(error))


def report_on(service: Service, run_id: int) -> SyncReport:
    """Read what came of a reading."""
    with reading() as session:
        return report_of(service, session.get_one(SyncRun, run_id), pendulum.now("UTC"))
