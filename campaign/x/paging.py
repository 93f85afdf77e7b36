"""Pages and their rows, texts as they were written, and receipts of work that takes several calls."""

import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from campaign.errors import XError
from campaign.x.http import Reply
from campaign.x.types import Answer, MessageEvent, MessageEvents, Receipt

T = TypeVar("T")
V = TypeVar("V")

logger = logging.getLogger(__name__)


@contextmanager
def kept(receipts: list[Receipt]) -> Iterator[None]:
    """Adds the receipts of the calls before it to an error."""
    try:
        yield
    except XError as error:
        error.receipts = (*receipts, *error.receipts)
        raise


MOST_EMPTY_PAGES = 3


class StandstillGuard:
    """Notices that a list of X's stands still: a page token that was seen before, or three pages without a row.

    X was seen to issue the same token for ever; one page without a row is ordinary. A list that was left is gone on
    with at `token`, after `read_before` rows.
    """

    def __init__(self, rows: str, read_before: int = 0, token: str | None = None) -> None:
        self._name, self._rows, self._empty = rows, read_before, 0
        self._tokens = {token}

    def check(self, rows: int, next_token: str | None) -> str:
        """Returns, after each page, the sentence with which reading ends; empty when the list may go on."""
        self._rows += rows
        self._empty = 0 if rows else self._empty + 1
        if next_token is None:
            return ""
        if next_token not in self._tokens and self._empty < MOST_EMPTY_PAGES:
            self._tokens.add(next_token)
            return ""
        why = "repeats a page" if next_token in self._tokens else f"has {MOST_EMPTY_PAGES} empty pages in a row"
        return f"X's list of {self._name} {why}: reading ended after {self._rows:,} of them."


def read_rows(shown: Sequence[Any], read: Callable[[dict[str, Any]], T | None]) -> tuple[list[T], list[str]]:
    """Reads the rows of a page, without those of which `read` makes None; returns the ids of unreadable rows, too.

    One odd row never spoils a page. Raises ValueError when all of several rows are odd: then the page is.
    """
    records, left_out = list[T](), list[str]()
    for row in shown:
        try:
            record = read(row)
        except (AttributeError, KeyError, OSError, OverflowError, TypeError, ValueError):
            left_out.append(next(map(str, ids_in([row])), "?"))
            logger.warning("Left out a record of X's that cannot be read: %s.", left_out[-1])
        else:
            if record is not None:
                records.append(record)
    if len(left_out) == len(shown) > 1:
        raise ValueError("no row can be read")
    return records, left_out


def typed(value: Any, kind: type[V]) -> V | None:
    """Returns a field of a record; None when it has another type, as if X had not sent it."""
    return value if isinstance(value, kind) else None


def ids_in(shown: Sequence[Any]) -> list[int]:
    """Returns the ids of the rows that have one."""
    ids = [str(row.get("id_str") or row.get("id")) for row in shown if isinstance(row, dict)]
    return [int(x_id) for x_id in ids if x_id.isascii() and x_id.isdecimal()]


def count_in(record: Any, *names: str) -> int | None:
    """Returns the first of these figures that is a count; neither database stores 2^63 or more."""
    found = (record.get(name) for name in names) if isinstance(record, dict) else ()
    return next((each for each in found if type(each) is int and 0 <= each < 2**63), None)


def moment_in(record: Mapping[str, Any]) -> datetime:
    """Returns the `created_at` of a record of v2's; raises ValueError without a time zone."""
    moment = datetime.fromisoformat(record["created_at"])
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment


class Page(NamedTuple):
    """A page of events: how many it has, the messages between two persons, and where the list goes on.

    `oldest` is the lowest id of all events on it, None when it has none.
    """

    rows: int
    oldest: int | None
    events: Sequence[MessageEvent]
    left_out: Sequence[str]
    next_token: str | None


def read_events(
    ask: Callable[[int, str | None], Reply],
    read: Callable[[Reply], tuple[Page, Sequence[Receipt]]],
    longest_page: int,
    after_id: str,
    at_most: int,
) -> Answer[MessageEvents]:
    """Reads pages until an event is not newer than `after_id`, X's list ends, or `at_most` events were shown.

    `ask` gets the size of a page and the `next_token` of the page before.
    """
    after, left, token, left_off = int(after_id), at_most, None, ""
    events, left_out, receipts, is_complete = list[MessageEvent](), list[str](), list[Receipt](), False
    guard = StandstillGuard("messages")
    while left > 0 and not is_complete and not left_off:
        with kept(receipts):
            page, cost = ask(min(left, longest_page), token).read(read)
        receipts += cost
        events += (each for each in page.events if int(each.x_id) > after)
        left_out += page.left_out
        is_complete = page.next_token is None or (page.oldest is not None and page.oldest <= after)
        left_off = "" if is_complete else guard.check(page.rows, page.next_token)
        left, token = left - page.rows, page.next_token
    return Answer(MessageEvents(events, is_complete), tuple(receipts), tuple(left_out), left_off)


# X escapes these three and nothing else; all others are part of the text.
_ESCAPED = re.compile("&(amp|lt|gt);")
_CHARACTERS = {"amp": "&", "lt": "<", "gt": ">"}


def as_written(shown: str, links: Mapping[str, str], media_links: Collection[str]) -> str:
    """Returns `shown` with its short links replaced by the full ones, and without the links to its own media.

    `links` maps short links to full ones: `expanded_url`, in which X completes `example.com` to
    `http://example.com`. X puts `media_links` at the end. Other text stays as it is.
    """
    text = _ESCAPED.sub(lambda found: _CHARACTERS[found[1]], shown)
    while link := next((each for each in media_links if each and text.endswith(each)), None):
        text = text.removesuffix(link).rstrip()
    # In one go, longest first: no link is looked for inside another, nor in what was put in already.
    short = "|".join(re.escape(each) for each in sorted(links, key=len, reverse=True) if each)
    return re.sub(short, lambda found: links[found[0]], text) if short else text


def full_links(urls: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Returns the full links by the short ones of `entities.urls`."""
    return {each["url"]: each["expanded_url"] for each in urls if each.get("expanded_url")}
