"""X's answers in our terms: what the caller may do next."""

from collections.abc import Mapping
from datetime import UTC, datetime

from campaign.domain.receipt import Receipt
from campaign.errors import ServiceBlocked, Unsent, XError
from campaign.x import prices
from campaign.x.blocks import BLOCKS
from campaign.x.facts import Facts, facts_of, short_detail
from campaign.x.limits import retry_at, windows_of
from campaign.x.message_refusals import MESSAGES, SENDING_V1, SENDING_V2, STRANGERS
from campaign.x.post_refusals import POSTS
from campaign.x.refusals import BAD_ANSWER, FAILURES, READS, RECIPIENTS, REST
from campaign.x.rows import Row
from campaign.x.sign_in_refusals import SIGN_IN, SIGNING_IN

_SUCCESS = 2
# The first row that fits counts. Recipients come before blocks: their sentences contain some of the blocks'.
_ROWS = (*FAILURES, *POSTS, *READS, *RECIPIENTS, *BLOCKS, *REST)
_SENDING = (*FAILURES, *STRANGERS, *POSTS, *RECIPIENTS, *BLOCKS, *MESSAGES, *REST)
# With these statuses X speaks of the account, never of the person a message is for.
_ACCOUNT_STATUSES = {401, 402, 420, 429}
_ACCOUNT = (*FAILURES, *BLOCKS, *REST)
_SIGN_IN = (*FAILURES, *SIGN_IN, *BLOCKS, *REST)


def translate(status: int, headers: Mapping[str, str], body: bytes, *, endpoint: str, now: datetime) -> XError:
    """The error that an answer without the wanted data means, with a receipt of its limit windows.

    `endpoint` is written like "GET /2/users/:id/followers". Nothing but a short detail of X's own text is quoted.
    """
    facts = facts_of(status, body)
    row = _row(facts, endpoint)
    again_at = retry_at(headers, now, row.wait) if row.wait else None
    said = short_detail(body)
    message = row.message.format(
        endpoint=endpoint,
        status=status,
        said=f": {said}" if said else "",
        retry_at=f"{again_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if again_at else "",
    )
    receipt = Receipt(endpoint, prices.NOT_CHARGED, 0, windows_of(headers, now))
    return _error(row, message, again_at, receipt)


def _row(facts: Facts, endpoint: str) -> Row:
    """The meaning; a write that X calls a success may have been one, whatever else the answer says."""
    if facts.status // 100 == _SUCCESS and not endpoint.startswith("GET "):
        return BAD_ANSWER
    return next(row for row in _rows(facts, endpoint) if row.fits(facts))


def _rows(facts: Facts, endpoint: str) -> tuple[Row, ...]:
    if endpoint in SIGNING_IN:
        return _SIGN_IN
    if endpoint not in {SENDING_V1, SENDING_V2}:
        return _ROWS
    return _ACCOUNT if facts.status in _ACCOUNT_STATUSES else _SENDING


def _error(row: Row, message: str, again_at: datetime | None, receipt: Receipt) -> XError:
    if row.error is ServiceBlocked:
        return ServiceBlocked(message, reason=row.reason, remedy=row.remedy, receipts=[receipt])
    if row.error is Unsent:
        return Unsent(message, reason=row.reason, retry_at=again_at, receipts=[receipt])
    return row.error(message, reason=row.reason, receipts=[receipt])
