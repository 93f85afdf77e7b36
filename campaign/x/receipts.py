"""Receipts of work that takes several calls."""

from collections.abc import Iterator
from contextlib import contextmanager

from campaign.domain.receipt import Receipt
from campaign.errors import XError


@contextmanager
def kept(receipts: list[Receipt]) -> Iterator[None]:
    """Let an error tell of the calls answered before it, too."""
    try:
        yield
    except XError as error:
        error.receipts = (*receipts, *error.receipts)
        raise
