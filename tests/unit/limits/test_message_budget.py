from collections.abc import Sequence
from datetime import datetime, timedelta

import pendulum
import pytest

from campaign.limits.quiet_hours import QuietHours, parse_quiet_hours
from campaign.limits.rate_limits import LENGTHS, UNLIMITED, Allowance, Attempts, allowance
from campaign.x.types import Window
from models import WindowName
from tests.factories import NOW, window

A_MINUTE = timedelta(minutes=1)
A_DAY = timedelta(hours=24)
V2 = {WindowName.QUARTER_HOUR: 15, WindowName.USER_DAY: 1_440, WindowName.APP_DAY: 1_440}
NIGHT = parse_quiet_hours("22:00-08:00", "Europe/Brussels")


def allowed(
    *windows: Window,
    own: Sequence[datetime] = (),
    app: Sequence[datetime] = (),
    daily_limit: int = 0,
    quiet: QuietHours | None = None,
    now: datetime = NOW,
) -> Allowance:
    return allowance(windows, V2, Attempts(own, app), daily_limit=daily_limit, quiet=quiet, now=now)


def test_before_any_answer_the_documented_limits_hold() -> None:
    assert allowed() == Allowance(15)


def test_where_no_person_names_a_limit_there_is_none() -> None:
    assert allowance([], {}, Attempts(), daily_limit=0, quiet=None, now=NOW) == Allowance(UNLIMITED)


def test_what_was_tried_counts_until_it_is_a_quarter_of_an_hour_ago() -> None:
    own = [NOW - number * A_MINUTE for number in range(20)]
    assert allowed(own=own[10:]) == Allowance(10)
    assert allowed(own=own) == Allowance(
        0, NOW + A_MINUTE, "X allows 15 messages of an account in 15 minutes, and they are used up for now."
    )


def test_the_day_of_an_account_is_full_until_its_first_message_is_a_day_old() -> None:
    own = [NOW - timedelta(hours=23) + number * timedelta(seconds=50) for number in range(1_440)]
    until = allowed(own=own)
    assert (until.messages, until.until) == (0, own[0] + A_DAY)
    assert "1,440 messages of an account in 24 hours" in until.why


def test_what_other_services_of_the_app_sent_counts_for_its_day() -> None:
    app = [NOW - timedelta(hours=2)] * 1_440
    until = allowed(app=app)
    assert (until.messages, until.until) == (0, NOW + timedelta(hours=22))
    assert "share a developer app" in until.why


def test_limits_of_an_answer_precede_the_documented_ones() -> None:
    assert allowed(window(limit=99, remaining=80, reset_at=NOW + A_MINUTE), own=[NOW] * 15) == Allowance(80)
    shut = allowed(window(remaining=0, reset_at=NOW + A_MINUTE))
    assert (shut.messages, shut.until) == (0, NOW + A_MINUTE)


def test_a_window_that_was_reset_is_full_again_less_what_was_tried_since() -> None:
    over = window(limit=99, remaining=0, reset_at=NOW - A_MINUTE)
    assert allowed(over, own=[NOW - 2 * A_MINUTE] * 50) == Allowance(99)
    assert allowed(over, own=[NOW] * 50) == Allowance(49)


def test_windows_of_an_app_that_several_services_know_all_count() -> None:
    day = [window(name=WindowName.APP_DAY, remaining=left, reset_at=NOW + A_MINUTE) for left in (9, 4)]
    assert allowed(*day) == Allowance(4)


def test_the_service_may_allow_itself_less_than_x_does() -> None:
    assert allowed(daily_limit=7, own=[NOW - timedelta(hours=3)] * 5) == Allowance(2)
    assert allowed(daily_limit=5, own=[NOW - timedelta(hours=3)] * 5) == Allowance(
        0,
        NOW + timedelta(hours=21),
        "The service's own limit of 5 messages in 24 hours is reached.",
    )


def test_a_limit_that_was_lowered_opens_when_few_enough_are_left_in_the_day() -> None:
    own = [NOW - timedelta(hours=hour) for hour in (1, 2, 3, 4)]
    assert allowed(daily_limit=2, own=own).until == NOW + timedelta(hours=22)


def test_of_several_that_are_shut_the_latest_is_reported() -> None:
    quarter = window(remaining=0, reset_at=NOW + A_MINUTE)
    day = window(name=WindowName.USER_DAY, limit=1_440, remaining=0, reset_at=NOW + 60 * A_MINUTE)
    shut = allowed(quarter, day)
    assert shut.until == NOW + 60 * A_MINUTE
    assert "in 24 hours" in shut.why


def test_in_quiet_hours_nothing_goes_out_until_they_end() -> None:
    late = NOW.replace(hour=23)
    assert allowed(quiet=NIGHT, now=late) == Allowance(
        0,
        NOW.replace(day=27, hour=7, minute=0),
        "The service sends no messages from 22:00 to 08:00 (Europe/Brussels), its quiet hours.",
    )
    assert allowed(quiet=NIGHT) == Allowance(15)


def test_a_window_that_opens_in_quiet_hours_waits_for_their_end() -> None:
    evening = NOW.replace(hour=20, minute=55)
    shut = allowed(window(remaining=0, reset_at=evening + 15 * A_MINUTE), quiet=NIGHT, now=evening)
    assert shut.until == NOW.replace(day=27, hour=7, minute=0)
    assert "quiet hours" in shut.why


def test_a_limit_of_nothing_is_looked_at_again() -> None:
    nothing = allowance([], {WindowName.QUARTER_HOUR: 0}, Attempts(), daily_limit=0, quiet=None, now=NOW)
    assert (nothing.messages, nothing.until) == (0, NOW + 15 * A_MINUTE)


@pytest.mark.parametrize("name", WindowName)
def test_every_window_has_a_length_and_a_sentence(name: WindowName) -> None:
    shut = allowed(window(name=name, limit=1_440, remaining=0, reset_at=NOW + A_MINUTE))
    assert "1,440 messages" in shut.why or "15 messages" in shut.why
    assert LENGTHS[name]


def test_a_clock_of_pendulums_is_as_good_as_any_other() -> None:
    now = pendulum.instance(NOW)
    own = [now.subtract(minutes=number) for number in range(20)]
    assert allowed(own=own, now=now).until == NOW + A_MINUTE
    assert allowed(window(remaining=0, reset_at=now.add(minutes=5)), now=now).until == NOW + 5 * A_MINUTE
