"""Weekly slots, and posts that are in each other's way."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.deliveries.planning import (
    CLOSE,
    PlannedText,
    at_local,
    collisions,
    free_slot,
    moments_of,
    read_clock,
    read_weekday,
)
from campaign.errors import WrongUsage
from models import Slot

BRUSSELS = "Europe/Brussels"
THURSDAY = datetime(2026, 11, 26, 7, 30, tzinfo=UTC)
ZONES = ["UTC", BRUSSELS, "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Australia/Lord_Howe"]
NOWS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
SLOTS = st.lists(
    st.builds(
        Slot,
        service_id=st.just(1),
        weekday=st.integers(0, 6),
        clock=st.times().map(lambda clock: f"{clock:%H:%M}"),
        timezone=st.sampled_from(ZONES),
    ),
    max_size=3,
)


def slot(weekday: int, clock: str, zone: str = BRUSSELS) -> Slot:
    return Slot(service_id=1, weekday=weekday, clock=clock, timezone=zone)


def post(name: str, minutes: int, text: str = "", *accounts: int) -> PlannedText:
    return PlannedText(name, THURSDAY + timedelta(minutes=minutes), frozenset(accounts or {1}), (text or name,))


def test_the_next_slot_that_is_free_is_taken() -> None:
    slots = [slot(3, "09:00"), slot(0, "17:30")]
    first = datetime(2026, 11, 26, 8, tzinfo=UTC)
    assert free_slot(slots, [], THURSDAY) == first
    assert free_slot(slots, [], first) == datetime(2026, 11, 30, 16, 30, tzinfo=UTC)
    assert free_slot(slots, [first + timedelta(minutes=5)], THURSDAY) == datetime(2026, 11, 30, 16, 30, tzinfo=UTC)
    assert free_slot([], [], THURSDAY) is None


def test_a_time_on_the_day_of_a_clock_change_follows_one_rule() -> None:
    missing, twice = date(2027, 3, 28), date(2026, 10, 25)
    assert at_local(missing, time(2, 30), BRUSSELS).astimezone(ZoneInfo(BRUSSELS)).time() == time(3, 30)
    assert at_local(twice, time(2, 30), BRUSSELS) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(SLOTS, NOWS, st.lists(st.timedeltas(timedelta(0), timedelta(days=30)), max_size=10))
def test_a_free_slot_is_never_past_or_taken(slots: list[Slot], now: datetime, ahead: list[timedelta]) -> None:
    taken = [now + one for one in ahead]
    found = free_slot(slots, taken, now)
    assert (found is None) == (not slots)
    if found:
        assert found > now
        assert all(abs(found - one) >= CLOSE for one in taken)
        assert found in moments_of(slots, now)


@given(SLOTS, NOWS)
def test_moments_come_in_order_and_once(slots: list[Slot], now: datetime) -> None:
    found = moments_of(slots, now)
    assert found == sorted(set(found))
    zones = {(one.weekday, one.clock, one.timezone) for one in slots}
    assert len(found) <= 53 * len(zones)


def test_posts_within_minutes_and_the_same_text_collide() -> None:
    close = collisions([post("a", 0), post("b", 5), post("c", 30), post("d", 5, "", 2)])
    assert [(one.one, one.other, one.is_close, one.has_same_text) for one in close] == [("a", "b", True, False)]
    same = collisions([post("a", 0, "Hello"), post("b", 120, " Hello "), post("c", 27 * 60, "Hello"), post("d", 9, "")])
    assert [(one.one, one.other, one.has_same_text) for one in same if one.has_same_text] == [("a", "b", True)]
    assert not collisions([post("a", 0, "Hello", 1), post("b", 0, "Hello", 2)])


def test_clocks_and_days_are_read_as_people_write_them() -> None:
    assert (read_clock(" 9:05"), read_weekday("mon"), read_weekday("Sunday")) == (time(9, 5), 0, 6)
    for text in ("", "24:00", "9.30", "09:60"):
        with pytest.raises(WrongUsage, match="09:30"):
            read_clock(text)
    for text in ("", "t", "Someday"):
        with pytest.raises(WrongUsage, match="Monday"):
            read_weekday(text)
