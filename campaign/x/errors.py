"""Translates X's responses without the wanted data into our errors."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from campaign.errors import ServiceBlocked, Unsent, XError
from campaign.x import types
from campaign.x.error_table import (
    BAD_ANSWER,
    BLOCKS,
    FAILURES,
    MESSAGES,
    POSTS,
    READS,
    RECIPIENTS,
    REPEATED_MESSAGES,
    RESOURCES,
    REST,
    SENDING_V1,
    SENDING_V2,
    SIGN_IN,
    SIGNING_IN,
    SPEND_CAP,
    Facts,
    Row,
    facts_of,
    short_detail,
)
from campaign.x.http import retry_after, retry_at, windows_of
from campaign.x.types import Receipt

_SUCCESS = 2
# After the day that X named it may take a while until it serves the account.
_SPEND_CAP_AGAIN = timedelta(hours=1)
# A date of another age is none.
_LONGEST_CYCLE = timedelta(days=36_500)
# The first row that fits counts. Recipients come before blocks: their sentences contain some of the blocks'.
_ROWS = (*FAILURES, *POSTS, *RESOURCES, *READS, *RECIPIENTS, *BLOCKS, *REST)
_SENDING = (*FAILURES, *REPEATED_MESSAGES, *POSTS, *RESOURCES, *RECIPIENTS, *BLOCKS, *MESSAGES, *REST)
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
    if row.reason == SPEND_CAP and facts.reset_at and facts.reset_at < now + _LONGEST_CYCLE:
        again_at = max(facts.reset_at, now + _SPEND_CAP_AGAIN)
    detail = short_detail(body)
    message = row.message.format(
        endpoint=endpoint,
        status=status,
        detail=f": {detail}" if detail else "",
        retry_at=f"{again_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if again_at else "",
    )
    receipt = Receipt(endpoint, types.NOT_CHARGED, 0, windows_of(headers, now))
    if row.error is ServiceBlocked:
        return ServiceBlocked(message, reason=row.reason, remedy=row.remedy, receipts=[receipt])
    if row.error is Unsent:
        return Unsent(message, reason=row.reason, retry_at=again_at, remedy=row.remedy, receipts=[receipt])
    if row.reason == "unavailable" and endpoint.startswith("GET ") and retry_after(headers, now):
        return Unsent(message, reason=row.reason, retry_at=retry_at(headers, now), receipts=[receipt])
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
