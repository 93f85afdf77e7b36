"""Translates X's responses and rate limit headers into our errors."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple

from campaign.errors import ServiceBlocked, Unsent, XError
from campaign.x import prices
from campaign.x.error_table import (
    BAD_ANSWER,
    BLOCKS,
    FAILURES,
    MESSAGES,
    POSTS,
    READS,
    RECIPIENTS,
    REST,
    SENDING_V1,
    SENDING_V2,
    SIGN_IN,
    SIGNING_IN,
    STRANGERS,
    Facts,
    Row,
    facts_of,
    short_detail,
)
from campaign.x.types import Receipt, Window
from models import WindowName

# docs.x.com/x-api/fundamentals/rate-limits names the first family; the 24-hour ones are seen in answers only.
_FAMILIES = {
    WindowName.QUARTER_HOUR: "x-rate-limit",
    WindowName.USER_DAY: "x-user-limit-24hour",
    WindowName.APP_DAY: "x-app-limit-24hour",
}
_LONGEST_WINDOW = timedelta(hours=25)
_WITHOUT_HEADERS = timedelta(minutes=15)
_SOONEST = timedelta(seconds=5)
# Date has whole seconds and a response travels a while; less than this says nothing about a clock.
_SAME_CLOCK = timedelta(seconds=5)


class _Family(NamedTuple):
    limit: int | None
    remaining: int | None
    reset_at: datetime | None


def windows_of(headers: Mapping[str, str], now: datetime) -> tuple[Window, ...]:
    """Returns the limit windows that the headers name in full, their resets in our clock; names in any case."""
    return tuple(
        Window(name, family.limit, family.remaining, family.reset_at)
        for name, family in _families(headers, now).items()
        if family.limit is not None and family.remaining is not None and family.reset_at is not None
    )


def retry_at(headers: Mapping[str, str], now: datetime, otherwise: timedelta = _WITHOUT_HEADERS) -> datetime:
    """Returns when to retry after "too many": when all closed windows open, `otherwise` later without headers."""
    families = _families(headers, now)
    closed = [each.reset_at for each in families.values() if each.remaining == 0 and each.reset_at]
    opens_at = max(closed, default=None) or families[WindowName.QUARTER_HOUR].reset_at
    return max(opens_at or now + otherwise, now + _SOONEST)


def _families(headers: Mapping[str, str], now: datetime) -> dict[WindowName, _Family]:
    lowered = {name.lower(): value for name, value in headers.items()}
    # Pendulum calculates a hundred times as long, and this is done for every message.
    now = datetime.fromtimestamp(now.timestamp(), UTC)
    date = _parse_date(lowered.get("date", ""))
    ahead = now - date if date and abs(now - date) >= _SAME_CLOCK else timedelta(0)

    def count(name: str) -> int | None:
        try:
            return max(0, int(lowered[name]))
        except (KeyError, ValueError):
            return None

    families = dict[WindowName, _Family]()
    for name, prefix in _FAMILIES.items():
        reset_at = None
        if epoch_seconds := count(f"{prefix}-reset"):
            with suppress(ValueError, OverflowError, OSError):
                reset_at = datetime.fromtimestamp(epoch_seconds, UTC) + ahead
        is_plausible = reset_at is not None and reset_at <= now + _LONGEST_WINDOW
        limit, remaining = count(f"{prefix}-limit"), count(f"{prefix}-remaining")
        families[name] = _Family(limit, remaining, reset_at if is_plausible else None)
    return families


@lru_cache(maxsize=8)
def _parse_date(header: str) -> datetime | None:
    """Reads the moment in a Date header, once for all responses of a second."""
    try:
        return parsedate_to_datetime(header).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


_SUCCESS = 2
# The first row that fits counts. Recipients come before blocks: their sentences contain some of the blocks'.
_ROWS = (*FAILURES, *POSTS, *READS, *RECIPIENTS, *BLOCKS, *REST)
_SENDING = (*FAILURES, *STRANGERS, *POSTS, *RECIPIENTS, *BLOCKS, *MESSAGES, *REST)
# With these statuses X speaks of the account, never of the person a message is for.
_ACCOUNT_STATUSES = {401, 402, 420, 429}
_ACCOUNT = (*FAILURES, *BLOCKS, *REST)
_SIGN_IN = (*FAILURES, *SIGN_IN, *BLOCKS, *REST)


def translate(status: int, headers: Mapping[str, str], body: bytes, *, endpoint: str, now: datetime) -> XError:
    """Returns the error that a response without the wanted data means, with a receipt of its limit windows.

    `endpoint` is written like "GET /2/users/:id/followers". Nothing but a short detail of X's own text is quoted.
    """
    facts = facts_of(status, body)
    row = _find_row(facts, endpoint)
    again_at = retry_at(headers, now, row.wait) if row.wait else None
    detail = short_detail(body)
    message = row.message.format(
        endpoint=endpoint,
        status=status,
        detail=f": {detail}" if detail else "",
        retry_at=f"{again_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if again_at else "",
    )
    receipt = Receipt(endpoint, prices.NOT_CHARGED, 0, windows_of(headers, now))
    if row.error is ServiceBlocked:
        return ServiceBlocked(message, reason=row.reason, remedy=row.remedy, receipts=[receipt])
    if row.error is Unsent:
        return Unsent(message, reason=row.reason, retry_at=again_at, receipts=[receipt])
    return row.error(message, reason=row.reason, receipts=[receipt])


def _find_row(facts: Facts, endpoint: str) -> Row:
    # A write that X calls a success may have been one, whatever else the response says.
    if facts.status // 100 == _SUCCESS and not endpoint.startswith("GET "):
        return BAD_ANSWER
    rows: tuple[Row, ...]
    if endpoint in SIGNING_IN:
        rows = _SIGN_IN
    elif endpoint in {SENDING_V1, SENDING_V2}:
        rows = _ACCOUNT if facts.status in _ACCOUNT_STATUSES else _SENDING
    else:
        rows = _ROWS
    return next(row for row in rows if row.fits(facts))
