from datetime import timedelta

from campaign.x.types import opens_at
from models import WindowName
from tests.factories import NOW, window

A_MINUTE = timedelta(minutes=1)


def test_without_windows_calls_are_open() -> None:
    assert opens_at([], NOW) is None


def test_a_window_with_a_call_left_is_open() -> None:
    assert opens_at([window(remaining=1, reset_at=NOW + A_MINUTE)], NOW) is None


def test_a_used_up_window_opens_at_its_reset() -> None:
    assert opens_at([window(remaining=0, reset_at=NOW + A_MINUTE)], NOW) == NOW + A_MINUTE


def test_at_the_moment_of_its_reset_a_window_is_open() -> None:
    assert opens_at([window(remaining=0, reset_at=NOW)], NOW) is None


def test_all_windows_must_be_open_so_the_last_reset_counts() -> None:
    windows = [
        window(remaining=0, reset_at=NOW + A_MINUTE),
        window(name=WindowName.USER_DAY, remaining=0, reset_at=NOW + 60 * A_MINUTE),
        window(name=WindowName.APP_DAY, remaining=5, reset_at=NOW + 90 * A_MINUTE),
    ]
    assert opens_at(windows, NOW) == NOW + 60 * A_MINUTE


def test_fewer_calls_than_none_left_is_a_closed_window_too() -> None:
    assert opens_at([window(remaining=-1, reset_at=NOW + A_MINUTE)], NOW) == NOW + A_MINUTE
