"""Pages of direct message events, texts as they were written, and receipts of work that takes several calls."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from campaign.errors import XError
from campaign.x.http import Reply
from campaign.x.types import Answer, MessageEvent, MessageEvents, Price, Receipt


@contextmanager
def kept(receipts: list[Receipt]) -> Iterator[None]:
    """Adds the receipts of the calls before it to an error."""
    try:
        yield
    except XError as error:
        error.receipts = (*receipts, *error.receipts)
        raise


class Page(NamedTuple):
    """A page of events: the ids of all of them, those that are messages between two persons, and the next token."""

    ids: Sequence[int]
    events: Sequence[MessageEvent]
    next_token: str | None


def read_events(
    ask: Callable[[int, str | None], Reply],
    read: Callable[[Reply], Page],
    price: Price,
    longest_page: int,
    after_id: str,
    at_most: int,
) -> Answer[MessageEvents]:
    """Reads pages until an event is not newer than `after_id`, X's list ends, or `at_most` events were shown.

    `ask` gets the size of a page and the `next_token` of the page before.
    """
    after, left, token = int(after_id), at_most, None
    events, receipts, is_complete = list[MessageEvent](), list[Receipt](), False
    while left > 0 and not is_complete:
        with kept(receipts):
            reply = ask(min(left, longest_page), token)
            page = reply.read(read)
        receipts.append(reply.receipt(price, len(page.ids)))
        events += (each for each in page.events if int(each.x_id) > after)
        is_complete = page.next_token is None or any(x_id <= after for x_id in page.ids)
        # A page may be empty in the middle of a list, but not without end.
        left, token = left - max(1, len(page.ids)), page.next_token
    return Answer(MessageEvents(events, is_complete), tuple(receipts))


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
