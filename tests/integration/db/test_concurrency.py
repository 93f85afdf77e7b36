"""Several readings at once on both databases: real threads, real processes, a real kill -9."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from functools import partial

import pytest
from sqlalchemy import text

from campaign.audience import sync
from campaign.db.engine import claim, engine, read_session, transaction
from campaign.errors import AlreadyRunning, NotPossible, WrongUsage
from campaign.limits import spend_cap
from campaign.services import store as services
from campaign.services.fields import ServiceFields
from models import Service, SyncRun, SyncState
from tests.databases import Database
from tests.factories import NOW, follower, form, page, price
from tests.readings import everybody, followers_of, known_run, open_run, past_of, read_all, saved_service, write_page

#: Enough that two transactions are in each other's way, often enough to be sure of it.
PEOPLE, TURNS = 1_000, 8

HOLDER = """
import sys
from campaign.db.engine import claim
with claim(int(sys.argv[1]), "acme"):
    print("held", flush=True)
    sys.stdin.read()
"""

WRITER_THAT_NEVER_COMMITS = """
import sys
from campaign.audience import sync as sync_runs
from campaign.db.engine import transaction
from tests.factories import NOW, page
from models import Service, SyncRun
with transaction() as session:
    run = sync_runs.take(session, session.get_one(SyncRun, int(sys.argv[1])))
    sync_runs.record_page(session, run, session.get_one(Service, run.service_id), page([7, 8, 9]), NOW)
    session.flush()
    print("written", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    return saved_service()


@contextmanager
def process(script: str, argument: int) -> Iterator[subprocess.Popen[str]]:
    """Another Python that has come as far as its first line of output."""
    command = [sys.executable, "-c", script, str(argument)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout
            assert child.stdout.readline()
            yield child
        finally:
            child.kill()


def at_once(*works: Callable[[], object]) -> list[object]:
    """Start all at the same moment in threads of their own; what each gave or raised."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        start.wait(timeout=10)
        try:
            return work()
        except Exception as error:  # noqa: BLE001
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def can_be_claimed_within(seconds: float, service: Service) -> bool:
    until = time.monotonic() + seconds
    while True:
        try:
            with claim(service.id, service.internal_name):
                return True
        except AlreadyRunning:
            if time.monotonic() > until:
                return False
            time.sleep(0.01)


def test_a_held_claim_is_refused_and_free_at_once_after_kill_9(acme: Service) -> None:
    with process(HOLDER, acme.id) as holder:
        with pytest.raises(AlreadyRunning, match=r"^acme is being synchronised by another run; .+\.$"):
            claim(acme.id, "acme").__enter__()
        holder.kill()
        holder.wait()
        assert can_be_claimed_within(2, acme)


def test_a_claim_is_refused_within_the_same_process_too(acme: Service) -> None:
    with claim(acme.id, "acme"), pytest.raises(AlreadyRunning):
        claim(acme.id, "acme").__enter__()
    assert can_be_claimed_within(0, acme)


def test_a_claim_is_given_back_when_its_work_fails(acme: Service) -> None:
    with pytest.raises(ZeroDivisionError), claim(acme.id, "acme"):
        raise ZeroDivisionError
    assert can_be_claimed_within(0, acme)


def test_two_services_are_claimed_side_by_side(acme: Service) -> None:
    other = saved_service(internal_name="other", block_id="block-other")
    with claim(acme.id, "acme"), claim(other.id, "other"):
        pass


def cut_all_other_connections() -> None:
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with engine().connect() as connection:
        connection.execute(text(f"SELECT pg_terminate_backend(pid) {others}"))


@pytest.mark.usefixtures("postgresql_database")
def test_a_claim_whose_connection_was_cut_hides_no_other_error() -> None:
    acme = saved_service()

    def lose_the_database() -> None:
        with claim(acme.id, "acme"):
            cut_all_other_connections()
            raise NotPossible("Lost the database connection.")

    with pytest.raises(NotPossible):
        lose_the_database()
    assert can_be_claimed_within(2, acme)


def test_a_process_killed_before_its_commit_leaves_nothing_of_the_page(acme: Service) -> None:
    run = write_page(acme, open_run(acme), page([1], "t1"))
    with process(WRITER_THAT_NEVER_COMMITS, run.id) as writer:
        writer.kill()
        writer.wait()
        assert (followers_of(acme), set(everybody())) == ({"1"}, {"1"})
        resumed = open_run(acme)
        assert (resumed.pages, resumed.next_token) == (1, "t1")
        assert write_page(acme, resumed, page([2])).state is SyncState.FINISHED
    assert followers_of(acme) == {"1", "2"}


def test_of_two_that_write_the_same_page_at_once_one_is_refused(acme: Service) -> None:
    run = open_run(acme)
    for number in range(5):
        work = partial(write_page, acme, run, page([number], f"t{number}"))
        answers = at_once(work, work)
        refusals = [answer for answer in answers if isinstance(answer, Exception)]
        assert [type(refusal) for refusal in refusals] == [AlreadyRunning]
        run = known_run(run)
        assert run.pages == number + 1
    assert followers_of(acme) == set("01234")


def test_two_services_may_write_the_same_people_in_opposite_order(acme: Service) -> None:
    other = saved_service(internal_name="other", block_id="block-other")
    forward = [follower(number) for number in range(PEOPLE)]
    for turn in range(TURNS):
        renamed = [person._replace(full_name=f"Name {turn}") for person in forward]
        works = [
            partial(write_page, acme, open_run(acme), page(forward)),
            partial(write_page, other, open_run(other), page(reversed(renamed))),
        ]
        ends = at_once(*works)
        assert [end.state if isinstance(end, SyncRun) else end for end in ends] == [SyncState.FINISHED] * 2
    assert len(everybody()) == PEOPLE
    assert followers_of(acme) == followers_of(other) == set(everybody())
    assert past_of(acme) == past_of(other) == []


def test_money_set_aside_at_once_never_exceeds_the_cap(database: Database) -> None:  # noqa: ARG001
    acme = saved_service(spend_cap=Decimal(10))

    def reserve(purpose: str) -> int:
        with transaction() as session:
            return spend_cap.reserve(session, acme.id, purpose, price(usd=Decimal("0.01")), 300, NOW)

    given = at_once(*(partial(reserve, f"call {number}") for number in range(6)))
    assert sorted(given, key=str) == [0, 0, 100, 300, 300, 300]
    with read_session() as session:
        assert spend_cap.spent(session, acme.id, NOW) == Decimal(10)


def test_two_runs_that_open_a_reading_at_once_leave_one_running(acme: Service) -> None:
    read_all(acme, [page([1], "t1")])
    at_once(partial(open_run, acme), partial(open_run, acme))
    with read_session() as session:
        states = [run.state for run in sync.touched_since(session, NOW, [acme.id])]
    assert states == [SyncState.RUNNING]


def test_two_who_connect_a_service_at_once_make_one(database: Database) -> None:  # noqa: ARG001
    def connect(fields: ServiceFields) -> bool:
        try:
            with transaction() as session:
                services.create(session, fields, NOW, "ann")
        except WrongUsage:
            return False
        return True

    for turn in range(TURNS):
        work = partial(connect, form(internal_name=f"new_{turn}"))
        assert sorted(map(bool, at_once(work, work))) == [False, True]
    assert len(services.connected_services().services) == TURNS
