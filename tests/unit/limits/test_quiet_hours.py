from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import WrongUsage
from campaign.limits.quiet_hours import QuietHours, parse_quiet_hours

BRUSSELS = "Europe/Brussels"
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.sampled_from(["UTC", BRUSSELS, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo"])


def hours(text: str, timezone: str = BRUSSELS) -> QuietHours:
    quiet = parse_quiet_hours(text, timezone)
    assert quiet is not None
    return quiet


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_no_text_is_no_quiet_hours() -> None:
    assert parse_quiet_hours("") is None
    assert parse_quiet_hours("  ") is None


def test_hours_are_read_as_people_write_them() -> None:
    assert (hours("22:00-08:00").begins, hours("22:00-08:00").ends) == (time(22), time(8))
    assert hours(" 9:30 \N{EN DASH} 10:00 ") == hours("09:30-10:00")
    assert str(hours("22:00-08:00")) == "22:00 to 08:00 (Europe/Brussels)"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("22-8", "Invalid quiet hours"),
        ("22:00", "Invalid quiet hours"),
        ("night", "Invalid quiet hours"),
        ("24:00-08:00", "00:00 to 23:59"),
        ("22:60-08:00", "00:00 to 23:59"),
        ("08:00-08:00", "end when they begin"),
    ],
)
def test_invalid_hours_are_refused_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(WrongUsage, match=says):
        parse_quiet_hours(text)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", ""])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(WrongUsage, match="time zone"):
        parse_quiet_hours("22:00-08:00", zone)


def test_hours_over_midnight_include_both_sides_of_it_and_not_their_end() -> None:
    quiet = hours("22:00-08:00", "UTC")
    assert [quiet.include(at(f"2026-11-26T{clock}+00:00")) for clock in ("21:59", "22:00", "00:00", "07:59")] == [
        False,
        True,
        True,
        True,
    ]
    assert not quiet.include(at("2026-11-26T08:00+00:00"))
    assert quiet.end_after(at("2026-11-26T23:00+00:00")) == at("2026-11-27T08:00+00:00")
    assert quiet.begin_after(at("2026-11-26T08:00+00:00")) == at("2026-11-26T22:00+00:00")


def test_hours_within_a_day_end_on_the_same() -> None:
    quiet = hours("12:00-13:30")
    assert quiet.end_after(at("2026-11-26T12:00+01:00")) == at("2026-11-26T13:30+01:00")
    assert quiet.begin_after(at("2026-11-26T13:30+01:00")) == at("2026-11-27T12:00+01:00")


def test_the_night_is_an_hour_shorter_or_longer_when_the_clocks_change() -> None:
    quiet = hours("22:00-08:00")
    assert quiet.end_after(at("2026-03-28T22:00+01:00")) == at("2026-03-29T08:00+02:00")
    assert quiet.end_after(at("2026-10-24T22:00+02:00")) == at("2026-10-25T08:00+01:00")


def test_an_end_that_the_clock_jumps_over_comes_after_the_jump() -> None:
    assert hours("22:00-02:30").end_after(at("2026-03-29T01:59+01:00")) == at("2026-03-29T03:30+02:00")


def test_an_end_in_the_repeated_hour_comes_twice() -> None:
    quiet = hours("22:00-02:30")
    assert quiet.end_after(at("2026-10-25T02:00+02:00")) == at("2026-10-25T02:30+02:00")
    assert quiet.begin_after(at("2026-10-25T02:30+02:00")) == at("2026-10-25T22:00+01:00")
    assert quiet.end_after(at("2026-10-25T02:00+01:00")) == at("2026-10-25T02:30+01:00")


@given(st.times(), st.times(), ZONES, MOMENTS)
def test_the_end_is_never_quiet_and_at_most_a_day_away(begins: time, ends: time, zone: str, now: datetime) -> None:
    if begins.replace(second=0, microsecond=0) == ends.replace(second=0, microsecond=0):
        return
    quiet = hours(f"{begins:%H:%M}-{ends:%H:%M}", zone)
    end = quiet.end_after(now)
    assert now < end <= now + timedelta(hours=49)
    assert not quiet.include(end)
    assert quiet.include(quiet.begin_after(now))
