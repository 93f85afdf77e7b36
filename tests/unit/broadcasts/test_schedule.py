from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.broadcasts.schedule import WaveShare, plan, split
from campaign.deliveries.draft import Waves
from campaign.deliveries.findings import WavePlan
from campaign.limits.quiet_hours import QuietHours, parse_quiet_hours
from campaign.limits.rate_limits import Allowance
from models import WindowName
from tests.broadcasting import V2, calendar, same
from tests.factories import NOW
from tests.pace import takes_less_than

A_SECOND, A_MINUTE, A_DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
NIGHT = parse_quiet_hours("22:00-08:00", "Europe/Brussels")
SMALL = {WindowName.QUARTER_HOUR: 3, WindowName.USER_DAY: 8}


def planned(
    recipients: int,
    waves: Waves | None = None,
    *,
    daily_limit: int = 0,
    quiet: QuietHours | None = None,
    first: Allowance = Allowance(15),  # noqa: B008
) -> list[WavePlan]:
    shares = split(waves or Waves(), [recipients])[0]
    return plan("acme", shares, V2, daily_limit=daily_limit, quiet=quiet, starts=NOW, first=first)


def ends(recipients: int, **changes: object) -> timedelta:
    return planned(recipients, **changes)[-1].ends_at - NOW  # type: ignore[arg-type]


def test_one_message_is_out_at_once() -> None:
    assert planned(1) == [WavePlan(service="acme", number=1, recipients=1, begins_at=NOW, ends_at=NOW)]
    assert planned(0) == []


def test_fifteen_go_out_one_after_the_other_and_the_next_waits_for_x() -> None:
    assert ends(15) == 14 * A_SECOND
    assert ends(16) == 15 * A_MINUTE
    assert ends(31) == 30 * A_MINUTE


def test_ten_thousand_are_seven_days_and_a_million_almost_two_years() -> None:
    assert A_DAY * 6.9 < ends(10_000) < A_DAY * 7
    assert A_DAY * 694 < ends(1_000_000) < A_DAY * 695


def test_what_may_go_out_now_is_less_when_others_went_out_before() -> None:
    assert ends(6, first=Allowance(5)) == 15 * A_MINUTE
    assert ends(1, first=Allowance(0, NOW + A_MINUTE, "shut")) == A_MINUTE
    assert ends(16, first=Allowance(0, NOW + A_MINUTE, "shut")) == 16 * A_MINUTE


def test_the_services_own_limit_makes_it_wait_for_the_next_day() -> None:
    assert ends(500, daily_limit=500) < A_DAY
    assert ends(501, daily_limit=500) == A_DAY
    assert ends(1_001, daily_limit=500) == 2 * A_DAY


def test_quiet_hours_are_waited_for() -> None:
    morning = datetime(2026, 11, 27, 7, tzinfo=UTC)
    assert ends(15 * 54 + 1, quiet=NIGHT) == morning - NOW
    assert planned(1, quiet=parse_quiet_hours("08:00-10:00", "Europe/Brussels"))[0].begins_at == NOW + 90 * A_MINUTE


def test_waves_begin_at_their_time_or_when_the_one_before_is_out() -> None:
    apart = planned(30, same(15))
    assert [wave.begins_at - NOW for wave in apart] == [0 * A_MINUTE, 60 * A_MINUTE]
    close = planned(60, same(30, 600))
    assert [wave.begins_at - NOW for wave in close] == [0 * A_MINUTE, 30 * A_MINUTE]
    assert close[-1].ends_at - NOW == 45 * A_MINUTE + 14 * A_SECOND


def test_a_wave_after_the_end_of_all_times_is_at_the_end_of_them() -> None:
    assert planned(2, calendar((1, 0), (1, 10**15)))[-1].ends_at.year == 9999


@pytest.mark.parametrize("daily_limit", [0, 1, 500])
@pytest.mark.parametrize("quiet", [None, NIGHT, parse_quiet_hours("00:00-23:59")])
@pytest.mark.parametrize("waves", [Waves(), same(1, 60), same(1, is_percentage=True)])
def test_a_million_is_planned_in_no_time(daily_limit: int, quiet: QuietHours | None, waves: Waves) -> None:
    shares = split(waves, [1_000_000])[0]
    work = partial(plan, "acme", shares, V2, daily_limit=daily_limit, quiet=quiet, starts=NOW, first=Allowance(15))
    assert takes_less_than(1, work)


def test_what_is_reckoned_by_whole_days_goes_on_as_what_is_exact() -> None:
    for recipients in (144_000, 144_015, 150_000):
        assert abs(ends(recipients) - recipients / 1_440 * A_DAY) < 15 * A_MINUTE
    open_day = 14 * 4 * 15
    assert abs(ends(200 * open_day, quiet=NIGHT) - 200 * A_DAY) < A_DAY


QUIET = st.sampled_from([None, NIGHT, parse_quiet_hours("09:00-08:40"), parse_quiet_hours("12:00-13:00")])
PAUSES = st.lists(st.integers(0, 100_000), min_size=1, max_size=80)


def moments_of(offsets: Sequence[int], daily_limit: int, quiet: QuietHours | None, first: int) -> list[datetime]:
    """When each of the messages goes out, each being a wave of its own."""
    waves = [WaveShare(number, 1, offset) for number, offset in enumerate(sorted(offsets), start=1)]
    plans = plan("acme", waves, SMALL, daily_limit=daily_limit, quiet=quiet, starts=NOW, first=Allowance(first))
    return [wave.begins_at for wave in plans]


@given(PAUSES, st.integers(0, 9), QUIET, st.integers(1, 9))
def test_a_plan_never_sends_more_than_x_counts_nor_in_quiet_hours(
    offsets: list[int], daily_limit: int, quiet: QuietHours | None, first: int
) -> None:
    moments = moments_of(offsets, daily_limit, quiet, first)
    assert not any(quiet and quiet.include(moment) for moment in moments)
    assert all(at >= NOW + offset * A_SECOND for at, offset in zip(moments, sorted(offsets), strict=True))
    a_day = min(SMALL[WindowName.USER_DAY], daily_limit or 99)
    for length, limit in ((15 * A_MINUTE, SMALL[WindowName.QUARTER_HOUR]), (A_DAY, a_day)):
        # X counts from a first message on, and anew from the first one after that.
        begins, counted = NOW, 0
        for at in moments:
            if at >= begins + length:
                begins, counted = at, 0
            counted += 1
            assert counted <= limit


@given(st.integers(1, 60), st.integers(0, 9), QUIET, st.integers(1, 9))
def test_a_wave_is_as_long_as_its_messages(number: int, daily_limit: int, quiet: QuietHours | None, first: int) -> None:
    moments = moments_of([0] * number, daily_limit, quiet, first)
    wave = [WaveShare(1, number, 0)]
    one = plan("acme", wave, SMALL, daily_limit=daily_limit, quiet=quiet, starts=NOW, first=Allowance(first))[0]
    assert (one.begins_at, one.ends_at) == (moments[0], moments[-1])
