from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pendulum
import pytest

from campaign.x.http import retry_at, windows_of
from campaign.x.types import Window
from models import WindowName

NOW = datetime(2026, 11, 19, 7, 30, tzinfo=UTC)
PREFIXES = {
    WindowName.QUARTER_HOUR: "x-rate-limit",
    WindowName.USER_DAY: "x-user-limit-24hour",
    WindowName.APP_DAY: "x-app-limit-24hour",
}


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def headers(name: WindowName, limit: str, remaining: str, reset: datetime) -> dict[str, str]:
    prefix = PREFIXES[name]
    return {
        f"{prefix}-limit": limit,
        f"{prefix}-remaining": remaining,
        f"{prefix}-reset": str(int(reset.timestamp())),
    }


@pytest.mark.parametrize("name", list(WindowName))
def test_each_family_is_a_window(name: WindowName) -> None:
    told = headers(name, "1440", "12", NOW + minutes(9))
    assert windows_of(told, NOW) == (Window(name, 1440, 12, NOW + minutes(9)),)


def test_header_names_come_in_any_case() -> None:
    told = {key.title(): value for key, value in headers(WindowName.QUARTER_HOUR, "15", "0", NOW).items()}
    assert windows_of(told, NOW) == (Window(WindowName.QUARTER_HOUR, 15, 0, NOW),)


def test_the_closed_window_that_opens_last_decides() -> None:
    told = (
        headers(WindowName.QUARTER_HOUR, "15", "0", NOW + minutes(3))
        | headers(WindowName.USER_DAY, "1440", "0", NOW + minutes(600))
        | headers(WindowName.APP_DAY, "1440", "5", NOW + minutes(900))
    )
    assert retry_at(told, NOW) == NOW + minutes(600)


def test_without_a_closed_window_the_first_family_decides() -> None:
    told = headers(WindowName.QUARTER_HOUR, "15", "4", NOW + minutes(3)) | headers(
        WindowName.USER_DAY, "1440", "5", NOW + minutes(600)
    )
    assert retry_at(told, NOW) == NOW + minutes(3)
    assert retry_at({"x-rate-limit-reset": str(int((NOW + minutes(7)).timestamp()))}, NOW) == NOW + minutes(7)


def test_without_headers_a_quarter_of_an_hour_is_waited() -> None:
    assert windows_of({}, NOW) == ()
    assert retry_at({}, NOW) == NOW + minutes(15)


def test_a_reset_in_the_past_waits_a_moment() -> None:
    assert retry_at(headers(WindowName.QUARTER_HOUR, "15", "0", NOW - minutes(60)), NOW) == NOW + timedelta(seconds=5)


@pytest.mark.parametrize("reset", ["", "soon", "0", "-5", "9" * 30, "9" * 5000, "1e400", "4102444800", "12.5"])
def test_absurd_resets_are_taken_as_not_sent(reset: str) -> None:
    told = {"x-rate-limit-limit": "15", "x-rate-limit-remaining": "0", "x-rate-limit-reset": reset}
    assert windows_of(told, NOW) == ()
    assert retry_at(told, NOW) == NOW + minutes(15)


def test_less_than_nothing_remaining_is_nothing() -> None:
    (window,) = windows_of(headers(WindowName.QUARTER_HOUR, "15", "-1", NOW + minutes(3)), NOW)
    assert window.remaining == 0


@pytest.mark.parametrize("wrong_by", [minutes(4), minutes(-4)])
def test_a_reset_is_reported_in_our_clock(wrong_by: timedelta) -> None:
    true_now = NOW - wrong_by
    told = headers(WindowName.QUARTER_HOUR, "15", "0", true_now + minutes(10))
    told["Date"] = format_datetime(true_now, usegmt=True)
    assert retry_at(told, NOW) == NOW + minutes(10)
    assert windows_of(told, NOW)[0].reset_at == NOW + minutes(10)


def test_a_clock_of_pendulum_is_as_good() -> None:
    told = headers(WindowName.QUARTER_HOUR, "15", "0", NOW + minutes(10)) | {"date": format_datetime(NOW, usegmt=True)}
    ours = pendulum.instance(NOW) + minutes(2)
    assert retry_at(told, ours) == NOW + minutes(12)
    assert windows_of(told, ours)[0].reset_at == NOW + minutes(12)


@pytest.mark.parametrize("date", ["", "yesterday", format_datetime(NOW - timedelta(seconds=2), usegmt=True)])
def test_a_date_that_says_nothing_moves_nothing(date: str) -> None:
    told = {**headers(WindowName.QUARTER_HOUR, "15", "0", NOW + minutes(10)), "date": date}
    assert retry_at(told, NOW) == NOW + minutes(10)
