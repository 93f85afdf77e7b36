"""When the message events of a service are read: what people wrote is due now and then, a lost answer has its time."""

from collections.abc import Sequence
from datetime import datetime

from campaign.store import budgets, ledgers, lost_calls, outcomes
from campaign.store.engine import reading, writing
from campaign.store.outcomes import Doubt
from models import MAIN, Inbox, MessageState
from tasks.desk import SENDING, Desk, moved, purpose_of
from tasks.events import read_events
from tasks.progress import End, Progress


def recover(desk: Desk) -> None:
    """Take over what an earlier process left in the middle of a call; only one process sends for a service."""
    service, gateway = desk.service, desk.gateway
    with writing(durable=True) as session:
        now = desk.clock()
        lost = outcomes.lose(session, service.id, now)
        ledgers.release(session, service.id, SENDING)
        purposes = [purpose_of(message_id) for message_id, _, _ in lost]
        lost_calls.keep_aside(session, service, gateway.message_endpoint, purposes, gateway.message_price, now)
    for _, delivery_id, proof_number in lost:
        if proof_number == MAIN:
            desk.on_change(delivery_id, moved(MessageState.SENDING, MessageState.UNCERTAIN))


def read_inbox(desk: Desk) -> Progress | None:
    """Read new message events when it is time to, and settle lost answers; None when sending may go on."""
    with reading() as session:
        now = desk.clock()
        inbox = session.get(Inbox, desk.service.id)
        doubts = outcomes.uncertain(session, desk.service.id)
        is_due = inbox is None or inbox.read_at + desk.inbox_every <= now
        if not is_due and not _can_be_settled(desk, inbox, doubts, now):
            return None
        shut = budgets.calls_open_at(session, desk.service.id, [desk.gateway.events_endpoint], now)
    if shut:
        return desk.progress(End.WAITING, "X does not let the inbox be read for now.", shut) if is_due else None
    # Whatever keeps the inbox from being read keeps messages from going out: it is not known whom to leave alone.
    return read_events(desk, inbox.read_to_id if inbox else "", doubts)


def _can_be_settled(desk: Desk, inbox: Inbox | None, doubts: Sequence[Doubt], now: datetime) -> bool:
    """Whether a look would settle something: not before X had time to show it, and not again and again."""
    return any(_next_look(desk, inbox, doubt) <= now for doubt in doubts)


def _next_look(desk: Desk, inbox: Inbox | None, doubt: Doubt) -> datetime:
    shows_by = doubt.attempt.armed_at + desk.settle_after
    if inbox is None or inbox.read_at < shows_by:
        return shows_by
    return inbox.read_at + desk.inbox_every


def waits_until(desk: Desk) -> datetime | None:
    """When a look can settle the messages of which nobody knows; None when there are none."""
    with reading() as session:
        doubts = outcomes.uncertain(session, desk.service.id)
        if not doubts:
            return None
        inbox = session.get(Inbox, desk.service.id)
        opens_at = budgets.calls_open_at(session, desk.service.id, [desk.gateway.events_endpoint], desk.clock())
    looks = min(_next_look(desk, inbox, doubt) for doubt in doubts)
    return max(looks, opens_at) if opens_at else looks
