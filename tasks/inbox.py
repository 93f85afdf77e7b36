"""The message events of a service, read once for two ends: what people wrote, and what became of lost answers."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from campaign.domain.direct_messages import MessageEvents, first_id_at
from campaign.domain.inbox import Incoming, is_due, judge, read_to
from campaign.domain.receipt import Receipt
from campaign.domain.settling_messages import (
    MessageAttempt,
    MessageLook,
    SettledMessage,
    Verdict,
    after_id_for,
    settle_messages,
)
from campaign.errors import ServiceBlocked, XError
from campaign.store import consents, ledgers, messages, outbox
from campaign.store.engine import reading, writing
from campaign.store.outbox import Outcome
from models import ConsentSource, Inbox, MessageState
from tasks.blocking import pause_all
from tasks.desk import BATCH, SENDING, Desk, change_of, purpose_of
from tasks.progress import End, Progress
from tasks.retrying import settle_failed_call
from tasks.work import stop_for

_READING = "reading message events"
#: What people wrote before a service's events are read for the first time: one page, X shows 30 days.
_SHOWN_FOR = timedelta(days=30)
#: Whoever gets so many messages between two readings is not read any further than that.
MOST_EVENTS = 100_000


def recover(desk: Desk) -> None:
    """Take over what an earlier process left in the middle of a call; only one process sends for a service."""
    with writing(durable=True) as session:
        now, service_id = desk.clock(), desk.service.id
        lost = outbox.lose(session, service_id, now)
        ledgers.release(session, service_id, SENDING)
        for message_id in lost:
            ledgers.set_aside(session, service_id, purpose_of(message_id), desk.gateway.message_price, 1, now)


def read_inbox(desk: Desk) -> Progress | None:
    """Read new message events when it is time to, and settle lost answers; None when sending may go on."""
    with reading() as session:
        now = desk.clock()
        inbox = session.get(Inbox, desk.service.id)
        attempts = outbox.uncertain(session, desk.service.id, BATCH)
        shut = ledgers.calls_open_at(session, desk.service.id, [desk.gateway.events_endpoint], now)
    must = is_due(inbox.read_at if inbox else None, now, desk.inbox_every)
    if not must and not _can_be_settled(desk, attempts, inbox, now):
        return None
    if shut:
        return desk.progress(End.WAITING, "X does not let the inbox be read for now.", shut) if must else None
    end = _read(desk, inbox, attempts)
    return end if must else None


def _can_be_settled(desk: Desk, attempts: Sequence[MessageAttempt], inbox: Inbox | None, now: datetime) -> bool:
    """Whether a look would settle something: not before X had time to show it, and not again and again."""
    since = inbox.read_at if inbox else None
    return any(
        attempt.armed_at + desk.settle_after <= now and (since is None or since < attempt.armed_at + desk.settle_after)
        for attempt in attempts
    )


def waits_until(desk: Desk) -> datetime | None:
    """When a look can settle the messages of which nobody knows; None when there are none."""
    with reading() as session:
        attempts = outbox.uncertain(session, desk.service.id, BATCH)
        opens_at = ledgers.calls_open_at(session, desk.service.id, [desk.gateway.events_endpoint], desk.clock())
    shows_by = min((attempt.armed_at + desk.settle_after for attempt in attempts), default=None)
    return max(shows_by, opens_at) if shows_by and opens_at else shows_by


def _read(desk: Desk, inbox: Inbox | None, attempts: Sequence[MessageAttempt]) -> Progress | None:
    """Read what is new; more and more of it until nothing is left out."""
    before = inbox.read_to_id if inbox else ""
    after_id = before or first_id_at(desk.clock() - _SHOWN_FOR)
    if attempts:
        after_id = min(after_id, after_id_for(attempts), key=int)
    wanted = desk.gateway.longest_event_page
    while True:
        answer = _ask(desk, after_id, wanted)
        if isinstance(answer, Progress):
            return answer
        is_first = not before and not attempts
        if answer.is_complete or is_first or wanted >= MOST_EVENTS:
            _keep(desk, answer, attempts, before, is_first=is_first)
            return None
        wanted *= 4


def _ask(desk: Desk, after_id: str, wanted: int) -> MessageEvents | Progress:
    service_id, price = desk.service.id, desk.gateway.event_price
    with writing() as session:
        if ledgers.reserve(session, service_id, _READING, price, wanted, desk.clock()) < wanted:
            ledgers.release(session, service_id, _READING)
            return desk.progress(End.CAPPED, "The inbox cannot be read: this month's spend cap is reached.")
    try:
        answer = desk.gateway.message_events(desk.service.x_user_id or "", after_id, wanted)
    except XError as error:
        settle_failed_call(service_id, _READING, error)
        if isinstance(error, ServiceBlocked):
            with writing() as session:
                pause_all(session, desk.service, error, desk.clock())
        if stop := stop_for(desk, error):
            return stop
        raise
    with writing() as session:
        ledgers.settle(session, service_id, _READING, answer.receipts, desk.clock())
    return answer.value


def _keep(desk: Desk, found: MessageEvents, attempts: Sequence[MessageAttempt], before: str, *, is_first: bool) -> None:
    """Keep what the events say, in one transaction with how far they were read."""
    account = desk.service.x_user_id or ""
    incoming = judge(found.events, account, desk.words)
    with writing(durable=True) as session:
        now = desk.clock()
        for message in incoming:
            _take(session, desk, message, now)
        owned = messages.owned_ids(session, [event.x_id for event in found.events])
        look = MessageLook(account, found, now, owned)
        outcomes = _settle(session, desk, settle_messages(attempts, look, desk.settle_after), now)
        if found.is_complete or is_first:
            before = read_to(found.events, now, desk.settle_after, before)
        session.merge(Inbox(service_id=desk.service.id, read_to_id=before, read_at=now))
    _tell(desk, outcomes)


def _tell(desk: Desk, outcomes: Sequence[Outcome]) -> None:
    with reading() as session:
        places = outbox.deliveries_of(session, [one.message_id for one in outcomes])
    for delivery_id in set(places.values()):
        of_it = [one for one in outcomes if places.get(one.message_id) == delivery_id]
        desk.on_change(delivery_id, change_of(MessageState.UNCERTAIN, of_it))


def _take(session: Session, desk: Desk, message: Incoming, now: datetime) -> None:
    """Keep one person's word: an opt-out, or that the person wrote first."""
    visitor_id = consents.visitor_of(session, message.sender, desk.service.visitor_folder, now)
    if message.is_opt_out:
        cancelled = consents.opt_out(session, desk.service.id, visitor_id, message.event_id, message.at)
        desk.log(f"Message {message.event_id} is an opt-out; {cancelled} messages that were to go out do not.")
        return
    source = ConsentSource.WROTE_FIRST
    consents.agree(session, desk.service.id, visitor_id, source, message.event_id, message.at)


def _settle(session: Session, desk: Desk, settled: Sequence[SettledMessage], now: datetime) -> list[Outcome]:
    outcomes = []
    for one in settled:
        purpose, service_id = purpose_of(one.message_id), desk.service.id
        if one.verdict is Verdict.FOUND:
            receipt = Receipt(desk.gateway.message_endpoint, desk.gateway.message_price, 1)
            ledgers.settle(session, service_id, purpose, [receipt], now)
            outcomes.append(Outcome(one.message_id, MessageState.SENT, one.x_id))
        elif one.verdict is Verdict.ABSENT:
            ledgers.release(session, service_id, purpose)
            outcomes.append(Outcome(one.message_id, MessageState.PENDING))
    outbox.settle(session, outcomes, now)
    return outcomes
