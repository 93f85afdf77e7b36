"""X's answers in our terms: what the caller may do next."""

from collections.abc import Mapping
from datetime import UTC, datetime

from campaign.domain.receipt import Receipt
from campaign.errors import ServiceBlocked, Unsent, XError
from campaign.x import prices
from campaign.x.blocks import BLOCKS
from campaign.x.facts import facts_of, short_detail
from campaign.x.limits import retry_at, windows_of
from campaign.x.refusals import FAILURES, POSTS, READS, RECIPIENTS, REST
from campaign.x.rows import Row

# The first row that fits counts. Recipients come before blocks: their sentences contain some of the blocks'.
_ROWS = (*FAILURES, *POSTS, *READS, *RECIPIENTS, *BLOCKS, *REST)


def translate(status: int, headers: Mapping[str, str], body: bytes, *, endpoint: str, now: datetime) -> XError:
    """The error that an answer without the wanted data means, with a receipt of its limit windows.

    `endpoint` is written like "GET /2/users/:id/followers". Nothing but a short detail of X's own text is quoted.
    """
    facts = facts_of(status, body)
    row = next(row for row in _ROWS if row.fits(facts))
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


def _error(row: Row, message: str, again_at: datetime | None, receipt: Receipt) -> XError:
    if row.error is ServiceBlocked:
        return ServiceBlocked(message, reason=row.reason, remedy=row.remedy, receipts=[receipt])
    if row.error is Unsent:
        return Unsent(message, reason=row.reason, retry_at=again_at, receipts=[receipt])
    return row.error(message, reason=row.reason, receipts=[receipt])
