from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.formatting import usd
from campaign.limits.spend_cap import affordable, day_of, month_of, refusal_of

MILLIONTH = Decimal("0.000001")
amounts = st.integers(0, 10**12).map(lambda micros: micros * MILLIONTH)
prices = st.integers(1, 10**7).map(lambda micros: micros * MILLIONTH)
tokyo, new_york = timezone(timedelta(hours=9)), timezone(timedelta(hours=-5))


def test_the_month_of_a_cap_begins_at_midnight_of_utc() -> None:
    assert month_of(datetime(2026, 11, 30, 23, 59, tzinfo=UTC)) == datetime(2026, 11, 1, tzinfo=UTC)
    assert month_of(datetime(2026, 12, 1, 8, 0, tzinfo=tokyo)) == datetime(2026, 11, 1, tzinfo=UTC)
    assert month_of(datetime(2026, 11, 30, 20, 0, tzinfo=new_york)) == datetime(2026, 12, 1, tzinfo=UTC)


def test_the_day_of_a_charge_begins_at_midnight_of_utc() -> None:
    assert day_of(datetime(2026, 11, 26, 8, 0, tzinfo=tokyo)) == datetime(2026, 11, 25, tzinfo=UTC)
    assert day_of(datetime(2026, 11, 26, 23, 59, tzinfo=UTC)) == datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "price", "wanted", "expected"),
    [
        ("10", "0.01", 1_000, 1_000),
        ("10", "0.01", 1_001, 1_000),
        ("0.0099", "0.01", 5, 0),
        ("0.3", "0.1", 5, 3),
        ("0", "0.01", 5, 0),
        ("-1", "0.01", 5, 0),
        ("0", "0", 5, 5),
        ("10", "0.01", 0, 0),
    ],
)
def test_as_many_as_the_money_allows_and_no_more_than_wanted(left: str, price: str, wanted: int, expected: int) -> None:
    assert affordable(Decimal(left), Decimal(price), wanted) == expected


@given(amounts, prices, st.integers(0, 10_000))
def test_the_affordable_costs_at_most_what_is_left(left: Decimal, price: Decimal, wanted: int) -> None:
    resources = affordable(left, price, wanted)
    assert 0 <= resources <= wanted
    assert price * resources <= left
    assert resources == wanted or price * (resources + 1) > left


@given(amounts, prices, st.lists(st.tuples(st.integers(0, 5_000), st.floats(0, 1))))
def test_the_cap_is_never_exceeded_whatever_the_pages_and_refunds(
    cap: Decimal, price: Decimal, pages: list[tuple[int, float]]
) -> None:
    spent = Decimal(0)
    for wanted, answered in pages:
        set_aside = affordable(cap - spent, price, wanted)
        assert spent + price * set_aside <= cap
        spent += price * int(set_aside * answered)
    assert 0 <= spent <= cap


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("12", "$12.00"),
        ("0", "$0.00"),
        ("0.1", "$0.10"),
        ("0.010", "$0.01"),
        ("0.001", "$0.001"),
        ("0.000001", "$0.000001"),
        ("12.3450", "$12.345"),
        ("1E+3", "$1000.00"),
        ("123456789012.34", "$123456789012.34"),
    ],
)
def test_an_amount_is_written_with_its_cents_and_never_rounded(amount: str, written: str) -> None:
    assert usd(Decimal(amount)) == written


@given(amounts)
def test_an_amount_as_written_is_the_amount(amount: Decimal) -> None:
    assert Decimal(usd(amount).removeprefix("$")) == amount


def test_a_reading_within_the_cap_is_not_refused() -> None:
    assert refusal_of(12_000, Decimal("0.001"), Decimal(12), Decimal(50)) is None
    assert refusal_of(0, Decimal("0.001"), Decimal(0), Decimal(0)) is None


def test_a_sync_beyond_the_cap_is_refused_with_figures_and_ways_out() -> None:
    assert refusal_of(12_001, Decimal("0.001"), Decimal(12), Decimal(50)) == (
        "Reading 12,001 followers costs about $12.001 at $0.001 each, and $12.00 of this month's cap of $50.00 is left:"
        " raise the spend cap of the service, wait for the next month, or run the incremental mode, which reads only"
        " who is new."
    )
