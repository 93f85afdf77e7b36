"""Events of direct messages are read the same way in both versions: page after page, the newest first."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from campaign.domain.direct_messages import MessageEvent, MessageEvents
from campaign.domain.receipt import Answer, Price, Receipt
from campaign.x.receipts import kept
from campaign.x.replies import Reply


class Page(NamedTuple):
    """What a page shows: the ids of all its events, those that are messages between two persons, and the way on."""

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
    """Pages until an event is not newer than `after_id`, X's list ends, or it has shown `at_most` events.

    `ask` gets the size of a page and the token of the page before.
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
