"""The spend cap: refused before anything is spent, stopped in the middle, never exceeded."""

from decimal import Decimal

from models import SyncMode, SyncState
from tests.simulated_x import Connect
from tests.steps.running import sync


def test_a_sync_the_cap_cannot_pay_is_refused_with_figures_and_remedies(connect: Connect) -> None:
    brand, other = connect("acme", 2_345, spend_cap=Decimal(2)), connect("other", 10)

    outcome = sync()

    line = outcome.of("acme")
    assert not outcome.is_completed
    assert outcome.message == f"acme: {line.reason}"
    assert line.state is SyncState.REFUSED
    for word in ("2,345 followers", "$2.345", "$0.001 each", "$1.99", "$2.00"):
        assert word in line.reason
    for way_out in ("raise the spend cap", "wait for the next month", "incremental mode"):
        assert way_out in line.reason
    assert brand.pages_asked() == []
    assert brand.booked() == brand.billed() == Decimal("0.01")
    assert other.table() == other.truth()


def test_the_incremental_mode_needs_money_for_one_page_only(connect: Connect) -> None:
    brand = connect("acme", 2_345, spend_cap=Decimal("1.5"))

    line = sync(mode=SyncMode.INCREMENTAL).of("acme")

    assert (line.state, line.pages) == (SyncState.STOPPED, 4)
    assert brand.billed() == brand.booked() == Decimal("1.5")


def test_a_cap_reached_in_the_middle_stops_and_a_higher_one_goes_on(connect: Connect) -> None:
    brand = connect("acme", 100, spend_cap=Decimal(2))
    sync()
    brand.lose(count=10)
    brand.gain(count=4_000)

    outcome = sync()

    line = outcome.of("acme")
    assert not outcome.is_completed
    assert "acme: This month's spend cap of $2.00 is reached; raise it" in outcome.message
    assert (line.state, line.ended) == (SyncState.STOPPED, 0)
    assert line.cost == Decimal("1.89")
    assert brand.billed() == brand.booked() == Decimal(2)
    asked = len(brand.pages_asked())
    brand.connect(spend_cap=Decimal(20))

    line = sync().of("acme")

    assert (line.state, line.new, line.ended) == (SyncState.FINISHED, 4_000, 10)
    assert brand.table() == brand.truth()
    assert len(brand.pages_asked()) - asked == 3
    assert brand.booked() == brand.billed() == Decimal("4.21")


def test_money_that_a_lost_answer_may_have_cost_counts_towards_the_cap(connect: Connect) -> None:
    brand = connect("acme", 2_500, spend_cap=Decimal("2.6"))
    brand.x.fault(brand.pages_path, "answer_lost", after=1)

    outcome = sync()

    assert outcome.is_completed
    assert brand.table() == brand.truth()
    assert brand.booked() <= Decimal("2.6")


def test_a_cap_of_nothing_does_not_even_ask_for_the_account(connect: Connect) -> None:
    brand = connect("acme", 10, spend_cap=Decimal(0))

    outcome = sync()

    assert not outcome.is_completed
    assert "acme" in outcome.message
    assert "spend cap" in outcome.message
    assert brand.x.calls() == []
