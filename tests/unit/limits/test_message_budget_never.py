from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from campaign.limits.quiet_hours import QuietHours, parse_quiet_hours
from campaign.limits.rate_limits import LENGTHS, Attempts, allowance
from campaign.x.types import Window
from models import WindowName
from tests.factories import NOW

A_MINUTE = timedelta(minutes=1)
A_DAY = timedelta(hours=24)
SMALL = {WindowName.QUARTER_HOUR: 3, WindowName.USER_DAY: 8, WindowName.APP_DAY: 12}
NIGHT = parse_quiet_hours("22:00-08:00", "Europe/Brussels")
PAUSES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 20)), max_size=60)


@given(PAUSES, st.integers(0, 9), st.sampled_from([None, NIGHT]))
def test_no_window_is_ever_exceeded_and_quiet_hours_are_never_violated(
    steps: list[tuple[int, int]], daily_limit: int, quiet: QuietHours | None
) -> None:
    now, sent = NOW, list[datetime]()
    for minutes, wanted in steps:
        now += minutes * A_MINUTE
        may = allowance([], SMALL, Attempts(sent, sent), daily_limit=daily_limit, quiet=quiet, now=now)
        sent += [now] * min(wanted, may.messages)
        assert not (may.messages and quiet and quiet.include(now))
        _no_more_than(sent, SMALL[WindowName.QUARTER_HOUR], LENGTHS[WindowName.QUARTER_HOUR], now)
        _no_more_than(sent, min(SMALL[WindowName.USER_DAY], daily_limit or 99), A_DAY, now)


def _no_more_than(sent: Sequence[datetime], limit: int, length: timedelta, now: datetime) -> None:
    assert sum(moment > now - length for moment in sent) <= limit


class Far:
    """X: windows that begin with a message and are told with every answer."""

    def __init__(self) -> None:
        self.windows: dict[WindowName, Window] = {}

    def take(self, now: datetime) -> None:
        for name, limit in SMALL.items():
            told = self.windows.get(name)
            if told is None or told.reset_at <= now:
                told = Window(name, limit, limit, now + LENGTHS[name])
            assert told.remaining > 0, f"{name} is exceeded"
            self.windows[name] = Window(name, limit, told.remaining - 1, told.reset_at)


@given(PAUSES, st.sampled_from([None, NIGHT]), st.sets(st.sampled_from(WindowName)))
def test_what_x_counts_is_never_exceeded_whatever_it_tells(
    steps: list[tuple[int, int]], quiet: QuietHours | None, silent: set[WindowName]
) -> None:
    far, now, sent = Far(), NOW, list[datetime]()
    for minutes, wanted in steps:
        now += minutes * A_MINUTE
        told = [told for name, told in far.windows.items() if name not in silent]
        may = allowance(told, SMALL, Attempts(sent, sent), daily_limit=0, quiet=quiet, now=now)
        for _ in range(min(wanted, may.messages)):
            far.take(now)
            sent.append(now)


MOMENTS = st.lists(st.integers(0, 1_500).map(lambda minutes: NOW - minutes * A_MINUTE), max_size=30)
TOLD = st.builds(
    Window,
    st.sampled_from(WindowName),
    st.integers(1, 9),
    st.integers(0, 9),
    st.integers(-90, 90).map(lambda m: NOW + m * A_MINUTE),
)


@given(st.lists(TOLD, max_size=4), MOMENTS, st.integers(0, 9), st.sampled_from([None, NIGHT]), st.integers(0, 1_440))
def test_until_is_in_the_future_and_something_opens_then(
    told: list[Window], moments: list[datetime], daily_limit: int, quiet: QuietHours | None, minutes: int
) -> None:
    now = NOW + minutes * A_MINUTE
    may = allowance(told, SMALL, Attempts(moments, moments), daily_limit=daily_limit, quiet=quiet, now=now)
    if may.messages:
        assert may.until is None
        return
    assert may.until is not None
    assert may.until > now
    assert may.why.endswith(".")
    then = allowance(told, SMALL, Attempts(moments, moments), daily_limit=daily_limit, quiet=quiet, now=may.until)
    assert then.messages > 0
