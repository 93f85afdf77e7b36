"""A reading of followers: its run, its pages, when it ends, and its report."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Self

import pendulum
from sqlalchemy import Table, delete, or_, update
from sqlmodel import Session, SQLModel, col, select

from campaign.audience.followers import count_followers, end_unseen, save_page
from campaign.db.engine import announce, claim, read_session, transaction
from campaign.errors import AlreadyRunning, NotPossible, ServiceBlocked, Unsent, WrongUsage, XError, is_passing
from campaign.formatting import dollars, usd
from campaign.limits import rate_limits, spend_cap
from campaign.limits.spend_cap import record_failed_call, refusal_of
from campaign.running import retried, run_side_by_side, wait_until
from campaign.services import store as services
from campaign.services.store import check_if_due, gateway_of
from campaign.x.gateway import Gateway
from campaign.x.http import MOST_EMPTY_PAGES, StandstillGuard
from campaign.x.types import Answer, FollowerPage, opens_at
from models import Service, SyncMode, SyncPage, SyncRun, SyncState


def is_complete(mode: SyncMode, next_token: str | None, people: int, newcomers: int) -> bool:
    """Returns whether this page is the last one: the list ends or, in incremental mode, no person on it is new.

    An empty page proves nothing: X leaves suspended people out.
    """
    return next_token is None or (mode is SyncMode.INCREMENTAL and people > 0 and newcomers == 0)


#: Followers on the first page of an incremental reading: it costs a tenth of a full page.
FIRST_PAGE = 100


def page_size(run: SyncRun, largest: int) -> int:
    """Returns the size of the next page: those of an incremental reading double while all people on them are new."""
    if run.mode is SyncMode.FULL:
        return largest
    are_all_new = run.new >= run.followers_read
    return min(largest, FIRST_PAGE << min(run.pages, _DOUBLED) if are_all_new else FIRST_PAGE)


_DOUBLED = 10
"""So often at most: a larger page than X allows by then."""
#: Followers beyond twice as many as X counts, before a list counts as endless.
_MORE_THAN_KNOWN = 10_000
#: States in which the next step is a person's.
_UNHAPPY = frozenset({SyncState.REFUSED, SyncState.FAILED, SyncState.STOPPED})


@dataclass(frozen=True, slots=True)
class SyncReport:
    """The outcome of a reading of one service's followers."""

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
    left_out: int = 0
    """People whose records could not be read."""

    @property
    def is_unhappy(self) -> bool:
        """Returns whether a person has to act."""
        return self.state in _UNHAPPY

    def as_json(self) -> dict[str, object]:
        """Returns the report for scripts."""
        return {
            "service": self.service,
            "state": self.state.value,
            "followers": self.followers,
            "new": self.new,
            "changed": self.changed,
            "ended": self.ended,
            "pages": self.pages,
            "left_out": self.left_out,
            "cost_usd": dollars(self.cost),
            "took_seconds": round(self.took.total_seconds(), 1),
            "goes_on_at": self.goes_on_at.isoformat() if self.goes_on_at else None,
            "reason": self.reason or None,
        }

    def as_row(self) -> dict[str, str]:
        """Returns the report as a row of a table."""
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
            "Left out": f"{self.left_out:,}" if self.left_out else "",
            "Cost": usd(self.cost),
            "Took": f"{self.took.total_seconds():.1f} s",
        }


def report_of(service: Service, run: SyncRun, now: datetime) -> SyncReport:
    """Reports on a reading."""
    return SyncReport(
        service=service.internal_name,
        state=run.state,
        followers=run.followers,
        new=run.new,
        changed=run.changed,
        ended=run.ended,
        pages=run.pages,
        left_out=run.left_out,
        cost=run.cost,
        took=(run.finished_at or now) - run.started_at,
        goes_on_at=run.goes_on_at,
        reason=run.reason,
    )


_RUNS: Table = SQLModel.metadata.tables["sync_run"]


def resume_reading(session: Session, service_id: int, mode: SyncMode, flow_run_id: str, now: datetime) -> SyncRun:
    """Resumes the unfinished reading of this mode from its last page, or begins a new one.

    The caller holds the claim on the service, so a reading that still counts as running has died.
    """
    last = last_run(session, service_id, mode)
    running = select(SyncRun).where(col(SyncRun.service_id) == service_id, col(SyncRun.state) == SyncState.RUNNING)
    for dead in session.scalars(running):
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
    """Returns whether a reading of this mode can be resumed."""
    last = last_run(session, service_id, mode)
    return last is not None and last.state not in {SyncState.FINISHED, SyncState.REFUSED}


def record_page(
    session: Session,
    run: SyncRun,
    service: Service,
    page: FollowerPage,
    now: datetime,
    guard: StandstillGuard | None = None,
) -> None:
    """Moves the checkpoint and writes the page; the last page also ends unseen subscriptions and the reading.

    A list that stands still fails the reading. Raises AlreadyRunning if another process has moved the checkpoint
    meanwhile.
    """
    as_known = col(SyncRun.id) == run.id, col(SyncRun.pages) == run.pages, col(SyncRun.state) == SyncState.RUNNING
    moved = session.connection().execute(update(_RUNS).where(*as_known).values(pages=run.pages + 1))
    if not moved.rowcount:
        raise AlreadyRunning("Another run has taken this reading over.")
    run.next_token = page.next_token
    run.pages += 1
    run.followers_read += len(page.followers)
    difference = save_page(session, run, service, page.followers, now)
    run.new += difference.new
    run.changed += difference.changed
    run.left_out += difference.left_out
    if is_complete(run.mode, page.next_token, len(page.followers), difference.newcomers):
        reason = ""
        if run.mode is SyncMode.FULL and run.left_out:
            # A record without an id may be any follower's: that the others were not seen proves nothing.
            reason = (
                f"Records without a readable id: {run.left_out:,}. So no subscription was ended; the next reading"
                " without such a record ends those that are over."
            )
        elif run.mode is SyncMode.FULL:
            run.ended = end_unseen(session, run, now)
        close(session, run, SyncState.FINISHED, reason, now)
        session.get_one(Service, run.service_id).followers_count = run.followers
        _delete_pages(session, run)
    elif why := (guard and guard.check(len(page.followers), page.next_token)) or _why_endless(session, run, service):
        start_over(session, run, now)
        run.restarts = 0
        close(session, run, SyncState.FAILED, f"{why} The next run begins with the first page.", now)


def _why_endless(session: Session, run: SyncRun, service: Service) -> str:
    """Returns why a reading that goes on over several tasks has to end; empty when it may go on."""
    if service.followers_count is not None and run.followers_read > 2 * service.followers_count + _MORE_THAN_KNOWN:
        return (
            "X's list of followers goes on after twice as many as the account has: reading ended after"
            f" {run.followers_read:,} of them."
        )
    of_run = select(col(SyncPage.visitor_ids) == "[]").where(col(SyncPage.sync_run_id) == run.id)
    are_empty = session.exec(of_run.order_by(col(SyncPage.number).desc()).limit(MOST_EMPTY_PAGES)).all()
    if len(are_empty) == MOST_EMPTY_PAGES and all(are_empty):
        return (
            f"X's list of followers has {MOST_EMPTY_PAGES} empty pages in a row: reading ended after"
            f" {run.followers_read:,} of them."
        )
    return ""


def close(session: Session, run: SyncRun, state: SyncState, reason: str, now: datetime) -> None:
    """Closes a reading in a state, with the reason."""
    run.become(state)
    run.reason = reason
    run.finished_at = now
    run.followers = count_followers(session, run.service_id)
    if state is SyncState.FAILED:
        name = services.get(session, run.service_id).internal_name
        announce(session, "service.sync_failed", f"service.{name}", f"The sync of {name} failed. {reason}")


def start_over(session: Session, run: SyncRun, now: datetime) -> None:
    """Starts from the first page again after X rejected the page token: the pages seen so far prove nothing."""
    _delete_pages(session, run)
    run.restarts += 1
    run.reading_since = now
    run.next_token = None
    run.pages = run.followers_read = run.left_out = 0


def take(session: Session, run: SyncRun) -> SyncRun:
    """Attaches a reading to a session as this process last saw it, without a query; see `record_page`."""
    return session.merge(run, load=False)


def touched_since(session: Session, moment: datetime, service_ids: Sequence[int]) -> list[SyncRun]:
    """Returns the readings of these services that run, or were closed since a moment."""
    is_recent = or_(col(SyncRun.state) == SyncState.RUNNING, col(SyncRun.finished_at) >= moment)
    return list(session.exec(select(SyncRun).where(col(SyncRun.service_id).in_(service_ids), is_recent)))


def last_run(session: Session, service_id: int, mode: SyncMode | None = None) -> SyncRun | None:
    """Returns the newest reading of a service, of one mode or of any."""
    readings = select(SyncRun).where(col(SyncRun.service_id) == service_id)
    if mode is not None:
        readings = readings.where(col(SyncRun.mode) == mode)
    return session.scalar(readings.order_by(col(SyncRun.id).desc()).limit(1))


def _delete_pages(session: Session, run: SyncRun) -> None:
    session.execute(delete(SyncPage).where(col(SyncPage.sync_run_id) == run.id))


class PageReader:
    """Requests pages of followers, one call at a time, never for more people than budget is reserved for."""

    def __init__(self, gateway: Gateway, user_id: str) -> None:
        self._gateway, self._user_id = gateway, user_id
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._asked: Future[Answer[FollowerPage]] | None = None
        self._size = 0
        self.may_go_on = True
        """Whether X allowed another call in its last response."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def ask(self, token: str | None, paid_for: int, size: int) -> bool:
        """Requests a page, unless that is done already; returns False without a reserved budget."""
        if self._asked is None and paid_for > 0:
            self._size = min(size, paid_for)
            self._asked = self._pool.submit(self._gateway.followers, self._user_id, token, self._size)
        return self._asked is not None

    def answer(self) -> Answer[FollowerPage]:
        """Waits for the requested page; raises XError."""
        assert self._asked is not None  # noqa: S101  the caller asks first
        asked, self._asked = self._asked, None
        answer = asked.result()
        windows = [window for receipt in answer.receipts for window in receipt.windows]
        self.may_go_on = opens_at(windows, pendulum.now("UTC")) is None
        return answer

    def ask_ahead(self, answer: Answer[FollowerPage], paid_for: int) -> None:
        """Requests the page after this one if there is one, X allows the call, and budget is reserved for it."""
        if answer.value.next_token and self.may_go_on:
            self.ask(answer.value.next_token, paid_for - self._size, self._gateway.follower_page_size)


#: One row in the UI for so many pages: more would hide the progress, fewer would cost more than they show.
PAGES_A_TASK = 10
#: A reading that starts over again and again would cost money without an end.
MOST_RESTARTS = 3
_PAGE = "reading a page of followers"


def open_reading(service: Service, mode: SyncMode, flow_run_id: str) -> SyncRun:
    """Resumes the last unfinished reading of a service from its last page, or begins a new one."""
    with transaction() as session:
        return resume_reading(session, service.id, mode, flow_run_id, pendulum.now("UTC"))


def estimate_cost(service: Service, run_id: int) -> SyncRun:
    """Compares the expected cost of a reading with the rest of the month's cap, before anything is spent on it."""
    gateway, now = gateway_of(service), pendulum.now("UTC")
    with transaction() as session:
        run = session.get_one(SyncRun, run_id)
        expected = _expected(service, run)
        left = spend_cap.left(session, service.id, now) + spend_cap.reserved_today(session, service.id, _PAGE, now)
        refusal = refusal_of(expected, gateway.follower_price.usd, left, service.spend_cap)
        if refusal:
            close(session, run, SyncState.STOPPED if run.pages else SyncState.REFUSED, refusal, now)
        return run


def _expected(service: Service, run: SyncRun) -> int:
    followers = service.followers_count or 0
    return max(0, followers - run.followers_read) if run.mode is SyncMode.FULL else min(followers, FIRST_PAGE)


def has_unfinished_reading(service: Service, mode: SyncMode) -> bool:
    """Returns whether a reading of an earlier run can be resumed."""
    with read_session() as session:
        return is_unfinished(session, service.id, mode)


def read_pages(service: Service, run_id: int) -> SyncRun:
    """Reads the next pages of followers; each is written in one transaction that also moves the checkpoint."""
    gateway = gateway_of(service)
    run, paid_for = _prepare(gateway, service, run_id, pendulum.now("UTC"))
    guard = StandstillGuard("followers", run.followers_read, run.next_token)
    with PageReader(gateway, service.x_user_id or "") as pages:
        try:
            for page in range(PAGES_A_TASK):
                size = page_size(run, gateway.follower_page_size)
                if run.mode is SyncMode.INCREMENTAL and page and paid_for < size:
                    break  # budget for a whole page is reserved first
                if run.state is not SyncState.RUNNING or not pages.ask(run.next_token, paid_for, size):
                    break
                answer, goes_on = pages.answer(), page + 1 < PAGES_A_TASK and pages.may_go_on
                if run.mode is SyncMode.FULL and goes_on:
                    pages.ask_ahead(answer, paid_for)
                read = len(answer.value.followers) + len(answer.left_out)
                paid_for = paid_for - read if goes_on and answer.value.next_token else 0
                run = _save(service, run, answer, paid_for, guard)
        except XError as error:
            cost, start_again = record_failed_call(service.id, _PAGE, error), error.reason == "page_token"
            with transaction() as session:
                # With API 1.1 a page is many calls, and those that were answered cost money.
                failed = session.get_one(SyncRun, run_id)
                failed.cost += cost
                if start_again and run.restarts < MOST_RESTARTS:
                    start_over(session, failed, pendulum.now("UTC"))
                    return failed
            if not page or not is_passing(error):
                raise
            # There was progress: the next task begins its tries anew.
    return run


def _prepare(gateway: Gateway, service: Service, run_id: int, now: datetime) -> tuple[SyncRun, int]:
    """Reserves budget for the first pages; if X or the cap allows none, the reading is left waiting or stopped."""
    with transaction() as session:
        run = session.get_one(SyncRun, run_id)
        opens_at = rate_limits.calls_open_at(session, service.id, gateway.follower_endpoints, now)
        if opens_at:
            wait_for_x(session, run, opens_at, now)
            return run, 0
        # Money for all pages of this task, and no more than the list should need: the rest stays free for others.
        largest = gateway.follower_page_size
        needed = min(PAGES_A_TASK * largest, _expected(service, run) + largest)
        # One page is written while the next one is asked for.
        paid_for = spend_cap.reserve(
            session, service.id, _PAGE, gateway.follower_price, needed, now, at_once=2 * largest
        )
        if not paid_for:
            cap = usd(services.get(session, service.id).spend_cap)
            reason = f"This month's spend cap of {cap} is reached; raise it or wait for the next month."
            close(session, run, SyncState.STOPPED, reason, now)
        return run, paid_for


def _save(
    service: Service, run: SyncRun, answer: Answer[FollowerPage], paid_for: int, guard: StandstillGuard
) -> SyncRun:
    """Writes a page; budget for `paid_for` people stays reserved for the pages after it."""
    now = pendulum.now("UTC")
    with transaction() as session:
        run = take(session, run)
        # The long statements first: meanwhile the next page is requested, and the short ones do not wait for it.
        run.left_out += len(answer.left_out)
        record_page(session, run, service, answer.value, now, guard)
        keep = paid_for if run.state is SyncState.RUNNING else 0
        run.cost += spend_cap.record_cost(session, service.id, _PAGE, answer.receipts, now, keep=keep)
        return run


def wait_for_x(
    session: Session, run: SyncRun, until: datetime, now: datetime, reason: str = "X allows no more calls for now."
) -> None:
    """Closes a reading until X allows more calls."""
    close(session, run, SyncState.WAITING, reason, now)
    run.goes_on_at = until


def leave(service: Service, run_id: int, error: XError) -> None:
    """Closes a reading after an error of X, with its checkpoint, in the state that the error calls for."""
    with transaction() as session:
        run, now = session.get_one(SyncRun, run_id), pendulum.now("UTC")
        if isinstance(error, Unsent) and error.retry_at:
            if error.reason == "rate_limited":
                wait_for_x(session, run, error.retry_at, now)
            else:
                wait_for_x(session, run, error.retry_at, now, error.sentence)
            return
        if error.reason == "cap":
            close(session, run, SyncState.STOPPED if run.pages else SyncState.REFUSED, error.sentence, now)
            return
        close(session, run, SyncState.FAILED, error.sentence, now)
        if isinstance(error, ServiceBlocked):
            services.mark_blocked(session, services.get(session, service.id), error.sentence)


def report_on(service: Service, run_id: int) -> SyncReport:
    """Reads the report of a reading."""
    with read_session() as session:
        return report_of(service, session.get_one(SyncRun, run_id), pendulum.now("UTC"))


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a reading: functions of this process, or tasks of a Prefect run."""

    check: Callable[[Service], Service]
    estimate: Callable[[Service, int], SyncRun]
    read: Callable[[Service, int], SyncRun]
    show: Callable[[Service, SyncRun], None]


DIRECT = Steps(retried(check_if_due), estimate_cost, retried(read_pages), lambda _service, _run: None)


def synchronise(service: Service, mode: SyncMode, started_by: str, steps: Steps = DIRECT) -> SyncReport:
    """Brings the followers of one service up to date, from its check to its report; returns every error in it."""
    try:
        with claim(service.id, service.internal_name):
            run = open_reading(service, mode, started_by)
            try:
                service = steps.check(service)
                run = steps.estimate(service, run.id)
                while run.state is SyncState.RUNNING:
                    run = steps.read(service, run.id)
                    steps.show(service, run)
            except XError as error:
                leave(service, run.id, error)
            return report_on(service, run.id)
    except (NotPossible, WrongUsage) as error:
        return SyncReport(service.internal_name, SyncState.FAILED, reason=str(error))


def synchronise_all(services: Sequence[Service], mode: SyncMode, started_by: str, *, wait: bool) -> list[SyncReport]:
    """Brings the followers of several services up to date, side by side; waits for X unless `wait` is off."""
    reports: dict[int, SyncReport] = {}
    waiting = list(services)
    while True:
        done = run_side_by_side(lambda service: synchronise(service, mode, started_by), waiting)
        reports |= {service.id: report for service, report in zip(waiting, done, strict=True)}
        waiting = [service for service in services if reports[service.id].state is SyncState.WAITING]
        if not waiting or not wait:
            return list(reports.values())
        wait_until(min(at for service in waiting if (at := reports[service.id].goes_on_at)))


def describe_outcome(reports: Sequence[SyncReport], problems: Sequence[str]) -> tuple[bool, str]:
    """Returns whether no person has to act, and one sentence on it; empty if there is none."""
    unhappy = [f"{report.service}: {report.reason}" for report in reports if report.is_unhappy]
    if unhappy or problems:
        return False, " ".join([*unhappy, *problems])
    later = [f"{one.service} continues at {one.goes_on_at:%Y-%m-%d %H:%M:%S %Z}" for one in reports if one.goes_on_at]
    return True, "; ".join(later) or ("" if reports else "No reading was left to resume.")
