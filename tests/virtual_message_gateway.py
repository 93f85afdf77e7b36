"""One account's way to the X of the schedules of direct messages."""

from dataclasses import dataclass
from datetime import timedelta

from campaign.errors import Refused, Uncertain
from campaign.x import types
from campaign.x.types import Answer, MessageEvents, NewMessage, Price, Receipt, first_id_at
from models import WindowName
from tests.factories import NOW
from tests.virtual_messages import LONGEST_CALL, LONGEST_LOOK, LOOKING, SENDING, VirtualMessages
from tests.virtual_x import REFUSALS, Killed


@dataclass
class MessageGateway:
    """One account's way to that X; see campaign.x.gateway.Gateway."""

    x: VirtualMessages
    account: str
    message_endpoint: str = SENDING
    events_endpoint: str = LOOKING
    message_price: Price = types.DIRECT_MESSAGE_CREATE
    event_price: Price = types.DIRECT_MESSAGE_EVENT_READ
    shown_event_price: Price = types.DIRECT_MESSAGE_EVENT_READ
    alt_text_price: Price = types.NOT_CHARGED

    @property
    def message_limits(self) -> dict[WindowName, int]:
        return self.x.limits

    @property
    def longest_event_page(self) -> int:
        return self.x.page

    def send_message(self, message: NewMessage) -> Answer[str]:
        x = self.x
        x.check(self.account, message.recipient)
        x.travel(LONGEST_CALL / 2)
        # A call never takes as long as X may take to show what it did: no slow sender runs inside of it.
        x.meddle(0 if x.is_slow else 0.04, False)
        kinds = ["lost before", "lost after", "lost and late", "killed before", "killed after"]
        kind = x.happened_to(self.account, [*REFUSALS, "limited somehow", "blocked", *kinds])
        windows = x.use(self.account, SENDING)
        if kind == "lost before":
            raise Uncertain("X did not answer.", reason="no_answer")
        if message.recipient in x.closed:
            receipt = Receipt(SENDING, types.NOT_CHARGED, 0, windows)
            raise Refused("No messages, please.", reason="dm_closed", receipts=[receipt])
        late = kind == "lost and late" or x.dice.random() < 0.2
        x_id = x.say(self.account, self.account, message.recipient, message.text, late=late)
        x.travel(LONGEST_CALL / 2)
        x.meddle(0.04, True)
        if kind == "killed after":
            raise Killed
        if kind.startswith("lost"):
            raise Uncertain("X did not answer.", reason="no_answer")
        return Answer(x_id, (Receipt(SENDING, self.message_price, 1, windows),))

    def message_events(self, user_id: str, after_id: str, at_most: int) -> Answer[MessageEvents]:
        x = self.x
        x.meddle(0.12, False)
        others = ["limited somehow", "blocked", "lost", "killed before", "lacks senders"]
        kind = x.happened_to(self.account, [*REFUSALS, *others])
        if kind == "lost":
            raise Uncertain("X did not answer.", reason="no_answer")
        assert user_id == self.account
        there = [each.event for each in x.events if x.shows(user_id, each)]
        there.sort(key=lambda event: int(event.x_id), reverse=True)
        shown, is_complete = 0, False
        while shown < at_most and not is_complete:
            page = there[shown : shown + min(x.page, at_most - shown)]
            shown += len(page)
            is_complete = shown >= len(there) or any(int(event.x_id) <= int(after_id) for event in page)
        if int(after_id) < int(first_id_at(NOW - timedelta(days=1))):
            x.beyond_first[user_id] = {event.x_id for event in there[shown:]}
        newer = [event for event in there[:shown] if int(event.x_id) > int(after_id)]
        x.shown[user_id] += shown
        x.charged |= {(user_id, event.x_id, x.now.date()) for event in there[:shown]}
        x.travel(LONGEST_LOOK)
        x.meddle(0.12, True)
        # An event without its sender or its date cannot be read.
        unreadable = [event.x_id for event in newer if kind == "lacks senders" and x.dice.random() < 0.5]
        events = MessageEvents([event for event in newer if event.x_id not in unreadable], is_complete)
        return Answer(events, (Receipt(LOOKING, self.event_price, shown),), tuple(unreadable))
