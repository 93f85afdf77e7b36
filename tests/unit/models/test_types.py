from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import dialect as postgresql
from sqlalchemy.dialects.sqlite import dialect as sqlite

from models import Moment, UsDollars, stored_as_text

DIALECTS: list[Dialect] = [sqlite(), postgresql()]  # type: ignore[no-untyped-call]
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=zones)  # noqa: DTZ001
amounts = st.integers(-(10**15), 10**15).map(lambda micros: Decimal(micros) / 1_000_000)

pytestmark = pytest.mark.parametrize("dialect", DIALECTS, ids=["sqlite", "postgresql"])


def test_a_moment_without_a_time_zone_is_refused(dialect: Dialect) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        Moment().process_bind_param(datetime(2026, 11, 26), dialect)  # noqa: DTZ001


@given(moment=moments)
def test_a_moment_is_stored_in_utc_and_comes_back_as_the_same_moment(dialect: Dialect, moment: datetime) -> None:
    stored = Moment().process_bind_param(moment, dialect)
    assert stored is not None
    assert stored.tzinfo is UTC
    back = Moment().process_result_value(stored, dialect)
    assert back == moment
    assert back is not None
    assert back.utcoffset() == timedelta(0)


def test_a_moment_that_comes_back_without_its_time_zone_is_utc(dialect: Dialect) -> None:
    back = Moment().process_result_value(datetime(2026, 11, 26, 7, 30), dialect)  # noqa: DTZ001
    assert back == datetime(2026, 11, 26, 7, 30, tzinfo=UTC)


@given(amount=amounts)
def test_an_amount_comes_back_exactly(dialect: Dialect, amount: Decimal) -> None:
    stored = UsDollars().process_bind_param(amount, dialect)
    assert isinstance(stored, int)
    assert UsDollars().process_result_value(stored, dialect) == amount


@given(listed=st.lists(amounts))
def test_stored_amounts_sum_up_exactly(dialect: Dialect, listed: list[Decimal]) -> None:
    stored = [UsDollars().process_bind_param(amount, dialect) or 0 for amount in listed]
    assert UsDollars().process_result_value(sum(stored), dialect) == sum(listed)


def test_a_sum_that_the_database_gives_as_a_decimal_is_read_as_well(dialect: Dialect) -> None:
    assert UsDollars().process_result_value(Decimal(1_250_000), dialect) == Decimal("1.25")


@pytest.mark.parametrize("column", [Moment(), UsDollars()])
def test_nothing_stays_nothing(dialect: Dialect, column: Any) -> None:
    assert column.process_bind_param(None, dialect) is None
    assert column.process_result_value(None, dialect) is None


class Colour(StrEnum):
    RED = "rouge"


def test_a_state_is_stored_as_its_value_and_a_stranger_is_refused(dialect: Dialect) -> None:
    column: Any = stored_as_text(Colour)
    bind, read = column.bind_processor(dialect), column.result_processor(dialect, None)
    assert bind(Colour.RED) == "rouge"
    assert read("rouge") is Colour.RED
    with pytest.raises(LookupError):
        bind("vert")
    with pytest.raises(LookupError):
        read("vert")
