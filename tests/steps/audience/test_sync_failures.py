"""The account sync on X's bad days: what it says, what it keeps, and what it costs."""

import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from models import SyncState
from tests.readings import followings
from tests.simulated_x import PAGE, Brand, Connect, SimulatedX
from tests.steps.meanwhile import meanwhile, once_pages_are_read
from tests.steps.running import both_databases, sync

IN_PASSING = [
    "unavailable_before",
    "unavailable_after",
    "reset_before",
    "answer_lost",
    "truncated",
    "html",
    "empty",
    "broken_json",
]
ENDLESS = [
    ("same_page", "repeats a page"),
    ("same_empty_page", "repeats a page"),
    ("empty_page", "3 empty pages in a row"),
]
LOCKED = {"errors": [{"code": 326, "message": "To protect our users, this account is temporarily locked."}]}


def break_off(brand: Brand, pages: int) -> None:
    """Let X lock the account once, after so many pages."""
    brand.x.fault(brand.pages_path, "literal", after=pages, status=403, body=LOCKED)
    assert sync(brand.name).of(brand.name).state is SyncState.FAILED
    brand.x.be_well()


def test_whatever_goes_wrong_once_in_the_middle_changes_nothing(x: SimulatedX, connect: Connect) -> None:
    brands = {kind: connect(f"b_{kind[:13]}", 3_300) for kind in IN_PASSING}
    for kind, brand in brands.items():
        x.fault(brand.pages_path, kind, after=2, status=502)

    outcome = sync()

    assert outcome.is_completed
    for kind, brand in brands.items():
        assert brand.table() == brand.truth(), kind
        line = outcome.of(brand.name)
        assert (line.new, line.changed, line.ended, line.followers) == (3_300, 0, 0, 3_300)
        assert len(brand.pages_asked()) == 5, kind
        # X charges a person once a day, and one page more may be set aside for what a lost answer cost.
        assert Decimal("3.31") <= brand.booked() <= Decimal("3.31") + PAGE * Decimal("0.001"), kind


def test_a_lasting_error_keeps_the_checkpoint_for_the_next_run(x: SimulatedX, connect: Connect) -> None:
    away = {kind: connect(f"b_{kind[:13]}", 4_200) for kind in ("unavailable_before", "reset_before", "broken_json")}
    old = connect("old", 100, api_version="1.1")
    well = connect("well", 1_100)
    for kind, brand in away.items():
        x.fault(brand.pages_path, kind, after=2, times=None)
    x.fault("/1.1/account/*", "html", times=None)

    outcome = sync()

    assert not outcome.is_completed
    assert outcome.of("well").state is SyncState.FINISHED
    assert well.table() == well.truth()
    assert old.name in outcome.message
    for kind, brand in away.items():
        line = outcome.of(brand.name)
        assert f"{brand.name}: X" in outcome.message
        assert (line.state, line.pages, line.followers, line.ended) == (SyncState.FAILED, 2, 2_000, 0), kind
        assert 4 <= len(brand.pages_asked()) <= 9, kind
        assert brand.booked() >= Decimal("2.01")
    x.be_well()
    asked = {kind: len(brand.pages_asked()) for kind, brand in away.items()}

    assert sync().is_completed
    for kind, brand in away.items():
        assert brand.table() == brand.truth()
        assert len(brand.pages_asked()) - asked[kind] == 3, kind
        assert len(brand.readings()) == 1


def test_a_run_without_a_deployment_waits_until_x_allows_calls_again(x: SimulatedX, connect: Connect) -> None:
    x.limit(1, followers=2)
    brand = connect("acme", 2_800)
    began = time.monotonic()

    outcome = sync()

    assert outcome.is_completed
    assert outcome.of("acme").state is SyncState.FINISHED
    assert brand.table() == brand.truth()
    assert time.monotonic() - began < 10
    assert brand.booked() == brand.billed()


def test_a_run_that_does_not_wait_names_when_the_next_one_continues(x: SimulatedX, connect: Connect) -> None:
    x.limit(3, followers=2)
    brand, quick = connect("acme", 2_800), connect("quick", 500)

    outcome = sync(wait=False)

    line = outcome.of("acme")
    assert outcome.is_completed
    assert outcome.message.startswith("acme continues at 2")
    assert (line.state, line.pages, line.ended) == (SyncState.WAITING, 2, 0)
    assert line.goes_on_at is not None
    assert 0 < (line.goes_on_at - datetime.now(UTC)).total_seconds() <= 5
    assert quick.table() == quick.truth()
    x.limit(900)
    time.sleep(max(0, (line.goes_on_at - datetime.now(UTC)).total_seconds()))
    assert sync("acme", wait=False).of("acme").state is SyncState.FINISHED
    assert brand.table() == brand.truth()
    assert [call["status"] for call in brand.pages_asked()] == [200, 200, 200]


def test_a_429_that_no_person_announced_is_waited_for_too(x: SimulatedX, connect: Connect) -> None:
    brand = connect("acme", 2_800)
    opens = str(int(time.time()) + 600)
    headers = {"x-rate-limit-limit": "300", "x-rate-limit-remaining": "0", "x-rate-limit-reset": opens}
    x.fault(brand.pages_path, "literal", after=1, status=429, headers=headers, body={"title": "Too Many Requests"})

    line = sync(wait=False).of("acme")

    assert (line.state, line.pages, line.followers) == (SyncState.WAITING, 1, 1_000)
    assert line.goes_on_at is not None
    assert abs(line.goes_on_at.timestamp() - int(opens)) <= 2
    assert len(brand.pages_asked()) == 2
    assert brand.booked() == brand.billed()
    assert sync(wait=False).of("acme").state is SyncState.WAITING
    assert len(brand.pages_asked()) == 2


@both_databases
def test_a_list_that_changes_while_it_is_read_loses_and_doubles_no_person(x: SimulatedX, connect: Connect) -> None:
    brand = connect("acme", 6_400)
    before = brand.truth()
    x.fault(brand.pages_path, "slow", seconds=0.1, times=None)
    changes = [
        lambda: brand.gain(count=150),
        lambda: brand.lose(count=200),
        lambda: brand.rename(300),
        lambda: brand.gain(count=1_000),
        lambda: brand.lose(count=100),
    ]

    with meanwhile(once_pages_are_read(brand, *changes)):
        line = sync().of("acme")

    after, found = brand.truth(), brand.table()
    assert before.keys() != after.keys()
    assert line.state is SyncState.FINISHED
    assert before.keys() & after.keys() <= found.keys() <= before.keys() | after.keys()
    assert line.followers == len(found)
    x.be_well()
    sync()
    assert brand.table() == brand.truth()


def test_a_page_token_that_expired_between_two_runs_starts_the_reading_over(x: SimulatedX, connect: Connect) -> None:
    brand = connect("acme", 4_100)
    break_off(brand, pages=3)
    gone = brand.lose(count=50)
    x.command("POST", "tokens/expire")

    line = sync().of("acme")

    assert line.state is SyncState.FINISHED
    assert brand.table() == brand.truth()
    assert {person for person, row in followings(brand.service).items() if row.ended_at} <= set(gone)
    [run] = brand.readings()
    assert (run.restarts, run.pages) == (1, 5)
    assert [call["status"] for call in brand.pages_asked()] == [200] * 3 + [403, 400] + [200] * 5
    assert brand.booked() == brand.billed()


def test_page_tokens_that_are_never_accepted_cost_a_few_pages_at_most(x: SimulatedX, connect: Connect) -> None:
    brand = connect("acme", 2_100)
    x.fault(brand.pages_path, "slow", seconds=0.1, times=None)

    with meanwhile(lambda: x.command("POST", "tokens/expire")):
        outcome = sync()

    assert not outcome.is_completed
    assert "start from the first page" in outcome.of("acme").reason
    assert [call["status"] for call in brand.pages_asked()] == [200, 400] * 4
    assert brand.booked() == brand.billed() == Decimal("4.01")
    assert not any(row.ended_at for row in followings(brand.service).values())


@pytest.mark.parametrize(("version", "followers"), [("2", 2_500), ("1.1", 5_500)])
@pytest.mark.parametrize(("kind", "why"), ENDLESS)
def test_a_list_that_stands_still_ends_and_ends_no_subscription(
    x: SimulatedX, connect: Connect, version: str, followers: int, kind: str, why: str
) -> None:
    brand = connect("acme", followers, api_version=version)
    assert sync().is_completed
    asked = len(brand.pages_asked())
    brand.lose(count=50)
    x.fault(brand.pages_path if version == "2" else "/1.1/followers/ids.json", kind, after=1, times=None)

    outcome = sync()

    assert not outcome.is_completed
    line = outcome.of("acme")
    assert line.state is SyncState.FAILED
    assert why in line.reason
    assert "reading ended after" in line.reason
    assert len(brand.pages_asked()) - asked <= 6
    assert not any(row.ended_at for row in followings(brand.service).values())
    x.be_well()
    assert sync().of("acme").ended == 50
    assert brand.table() == brand.truth()


@both_databases
def test_empty_pages_end_a_list_though_x_allows_one_call_at_a_time(x: SimulatedX, connect: Connect) -> None:
    brand = connect("acme", 2_100)
    x.fault(brand.pages_path, "empty_page", after=1, times=None)
    x.limit(1, followers=1)
    assert "3 empty pages in a row: reading ended after 1,000 of them" in sync().of("acme").reason
    assert len(brand.pages_asked()) == 4


@both_databases
def test_one_odd_follower_spoils_no_page(x: SimulatedX, connect: Connect) -> None:
    brand = connect("acme", 1_500)
    x.fault(brand.pages_path, "odd_record", index=7, omit=["id"])
    x.fault(brand.pages_path, "odd_record", index=2, put={"username": 5, "public_metrics": "many"}, after=1)
    line = sync().of("acme")
    assert (line.state, line.left_out) == (SyncState.FINISHED, 1)
    truth = brand.truth()
    assert len(brand.table()) == 1_499
    assert brand.table().keys() <= truth.keys()


@both_databases
def test_a_known_follower_whose_record_has_no_id_goes_on_following(x: SimulatedX, connect: Connect) -> None:
    brand = connect("acme", 30)
    assert sync().is_completed
    before = brand.table()
    gone = brand.lose(count=3)
    x.fault(brand.pages_path, "odd_record", index=7, omit=["id"])

    line = sync().of("acme")

    assert (line.state, line.left_out, line.ended) == (SyncState.FINISHED, 1, 0)
    assert "no subscription was ended" in line.reason
    assert brand.table() == before
    x.be_well()
    line = sync().of("acme")
    assert (line.left_out, line.ended, line.reason) == (0, 3, "")
    assert brand.table().keys() == before.keys() - set(gone)


def test_who_was_not_seen_stays_until_a_reading_is_complete(connect: Connect) -> None:
    brand = connect("acme", 3_100)
    sync()
    brand.lose(count=100)
    break_off(brand, pages=2)

    assert len(brand.table()) == 3_100
    sync()
    assert brand.table() == brand.truth()
    [_, run] = brand.readings()
    assert run.ended == 100
