"""X's rate limit headers. Values that cannot be right are taken as not sent."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple

from campaign.domain.budget import Window, WindowName

# docs.x.com/x-api/fundamentals/rate-limits names the first family; the 24-hour ones are seen in answers only.
_FAMILIES = {
    WindowName.QUARTER_HOUR: "x-rate-limit",
    WindowName.USER_DAY: "x-user-limit-24hour",
    WindowName.APP_DAY: "x-app-limit-24hour",
}
_LONGEST_WINDOW = timedelta(hours=25)
_WITHOUT_HEADERS = timedelta(minutes=15)
_SOONEST = timedelta(seconds=5)
# Date has whole seconds and an answer travels a while; less than this says nothing about a clock.
_SAME_CLOCK = timedelta(seconds=5)


class _Family(NamedTuple):
    limit: int | None
    remaining: int | None
    reset_at: datetime | None


def windows_of(headers: Mapping[str, str], now: datetime) -> tuple[Window, ...]:
    """The limit windows an answer tells of in full, their resets in our clock; header names in any case."""
    return tuple(
        Window(name, family.limit, family.remaining, family.reset_at)
        for name, family in _families(headers, now).items()
        if family.limit is not None and family.remaining is not None and family.reset_at is not None
    )


def retry_at(headers: Mapping[str, str], now: datetime, otherwise: timedelta = _WITHOUT_HEADERS) -> datetime:
    """When to try again after "too many": when all closed windows are open, `otherwise` later when X told nothing."""
    families = _families(headers, now)
    closed = [each.reset_at for each in families.values() if each.remaining == 0 and each.reset_at]
    told = max(closed, default=None) or families[WindowName.QUARTER_HOUR].reset_at
    return max(told or now + otherwise, now + _SOONEST)


def _families(headers: Mapping[str, str], now: datetime) -> dict[WindowName, _Family]:
    lowered = {name.lower(): value for name, value in headers.items()}
    # Pendulum calculates a hundred times as long, and this is done for every message.
    now = datetime.fromtimestamp(now.timestamp(), UTC)
    ahead = _our_clock_ahead(lowered, now)
    return {
        name: _Family(
            _count(lowered, f"{prefix}-limit"),
            _count(lowered, f"{prefix}-remaining"),
            _reset(_count(lowered, f"{prefix}-reset"), now, ahead),
        )
        for name, prefix in _FAMILIES.items()
    }


def _count(headers: Mapping[str, str], name: str) -> int | None:
    try:
        return max(0, int(headers[name]))
    except (KeyError, ValueError):
        return None


def _reset(epoch_seconds: int | None, now: datetime, ahead: timedelta) -> datetime | None:
    if not epoch_seconds:
        return None
    try:
        reset_at = datetime.fromtimestamp(epoch_seconds, UTC) + ahead
    except (ValueError, OverflowError, OSError):
        return None
    return reset_at if reset_at <= now + _LONGEST_WINDOW else None


def _our_clock_ahead(headers: Mapping[str, str], now: datetime) -> timedelta:
    told = _moment_of(headers.get("date", ""))
    ahead = now - told if told else timedelta(0)
    return ahead if abs(ahead) >= _SAME_CLOCK else timedelta(0)


@lru_cache(maxsize=8)
def _moment_of(date: str) -> datetime | None:
    """The moment in a Date header, read once for all answers of a second."""
    try:
        return parsedate_to_datetime(date).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
