"""The direct messages that people sent to a service: read, understood, and recorded."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from campaign.broadcasts import settle as outcomes
from campaign.broadcasts import waves
from campaign.broadcasts.context import SENDING, BroadcastSender, moved, pause_all, sender_for
from campaign.broadcasts.settle import (
    UNTOLD,
    MessageLookup,
    SettledMessage,
    UnknownOutcome,
    Verdict,
    after_id_for,
    settle_messages,
)
from campaign.consent import store as consent
from campaign.consent.opt_out import is_opt_out
from campaign.db.engine import read_session, transaction
from campaign.db.locks import Claim, claim
from campaign.deliveries import log
from campaign.deliveries.kind import End, Progress
from campaign.deliveries.log import Outcome, purpose_of
from campaign.errors import NotPossible, ServiceBlocked, XError
from campaign.limits import rate_limits, spend_cap
from campaign.services.connection import check_if_due
from campaign.x.types import CLOCK_SKEW, NO_MESSAGES, MessageEvent, MessageEvents, Receipt, first_id_at
from models import MAIN, ConsentSource, Inbox, MessageState, Service


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message to the account; its text is not kept."""

    sender: str
    """X user id."""
    event_id: str
    """X's id of the message."""
    at: datetime
    is_opt_out: bool


def judge(events: Iterable[MessageEvent], account_id: str, words: Collection[str]) -> list[Incoming]:
    """Returns the messages that others sent to the account, oldest first, each once."""
    received = {e.x_id: e for e in events if e.sender != account_id and e.recipient == account_id}
    return [
        Incoming(event.sender, event.x_id, event.created_at, is_opt_out(event.text, words))
        for event in sorted(received.values(), key=lambda event: (event.created_at, int(event.x_id)))
    ]


def read_to(events: Iterable[MessageEvent], now: datetime, settle: timedelta, before: str) -> str:
    """Returns the id after which the next reading begins: that of the newest event older than `settle`, or `before`.

    X may show an event late, so that whatever is younger is read again. Only for events of which none since `before`
    is left out: what is missing below the returned id is never read. `before` is empty when nothing was read yet.
    """
    settled = [event.x_id for event in events if event.created_at < now - settle]
    return max(before, *settled, key=lambda x_id: int(x_id or 0)) if settled else before


def is_due(read_at: datetime | None, now: datetime, every: timedelta) -> bool:
    """Returns whether the account's messages are to be read again; `read_at` is None when they never were."""
    return read_at is None or now - read_at >= every


_UNTOLD = (
    "Its outcome cannot be looked up: the account had too many messages since. `campaign delivery settle` decides."
)


def keep(
    sender: BroadcastSender, found: MessageEvents, unknown: Sequence[UnknownOutcome], before: str, asked_at: datetime
) -> None:
    """Records what the events say, in one transaction with how far they were read."""
    account, service_id = sender.service.x_user_id or "", sender.service.id
    new = [each for each in judge(found.events, account, sender.words) if int(each.event_id) > int(before or 0)]
    with transaction(durable=True) as session:
        now = sender.clock()
        if any(message.is_opt_out for message in new):
            waves.lock_under_way(session, service_id)
        for message in new:
            _take(session, sender, message, now)
        owned = log.owned_ids(session, [event.x_id for event in found.events])
        look = MessageLookup(account, _since_first(found, unknown), asked_at, owned)
        written = _settle(session, sender, look, unknown, now)
        session.merge(
            Inbox(service_id=service_id, read_to_id=_read_to(sender, found, before, asked_at), read_at=asked_at)
        )
    _tell(sender, [one for _, one in written])


def _read_to(sender: BroadcastSender, found: MessageEvents, before: str, asked_at: datetime) -> str:
    """Returns after which event the next reading begins: X may show an event late, by a clock of its own."""
    settle = sender.settle_after + CLOCK_SKEW
    return read_to(found.events, asked_at, settle, before) or first_id_at(asked_at - settle)


def _take(session: Session, sender: BroadcastSender, message: Incoming, now: datetime) -> None:
    """Records an opt-out, or that the person wrote first."""
    visitor_id = consent.visitor_of(session, message.sender, sender.service.visitor_folder, now)
    if visitor_id is None:
        sender.log(f"Message {message.event_id} is by an erased person; nothing is kept of it.")
        return
    if message.is_opt_out:
        cancelled = consent.opt_out(session, sender.service.id, visitor_id, message.event_id, message.at)
        sender.log(f"Message {message.event_id} is an opt-out; {cancelled} messages that were to go out do not.")
        return
    source = ConsentSource.WROTE_FIRST
    consent.agree(session, sender.service.id, visitor_id, source, message.event_id, message.at)


def _since_first(found: MessageEvents, unknown: Sequence[UnknownOutcome]) -> MessageEvents:
    """Returns the same events, complete when they reach back to the first of these attempts."""
    if found.is_complete or not unknown:
        return found
    first = int(after_id_for([one.attempt for one in unknown]))
    return MessageEvents(found.events, any(int(event.x_id) <= first for event in found.events))


def _settle(
    session: Session, sender: BroadcastSender, look: MessageLookup, unknown: Sequence[UnknownOutcome], now: datetime
) -> list[tuple[MessageState, Outcome]]:
    """Records what the events prove; what went out is charged, for nothing is reserved any more."""
    by_id = {one.attempt.message_id: one for one in unknown}
    verdicts = settle_messages([one.attempt for one in unknown], look, sender.settle_after)
    known = [_outcome(one, by_id[one.message_id], is_complete=look.events.is_complete) for one in verdicts]
    written = log.record_outcomes(session, [one for one in known if one], now)
    over = [one for _, one in written if one.state is not MessageState.UNCERTAIN]
    spend_cap.release_lost(session, sender.service.id, [purpose_of(one.message_id) for one in over])
    sent = sum(one.state is MessageState.SENT for one in over)
    spend_cap.charge(
        session, sender.service.id, Receipt(sender.gateway.message_endpoint, sender.gateway.message_price, sent), now
    )
    return written


def _outcome(settled: SettledMessage, one: UnknownOutcome, *, is_complete: bool) -> Outcome | None:
    """Returns what a verdict means for a message; None when it is looked for again later."""
    message_id, armed_at = settled.message_id, one.armed_at
    if settled.verdict is Verdict.FOUND:
        return Outcome(message_id, armed_at, MessageState.SENT, settled.x_id)
    if settled.verdict is Verdict.UNKNOWN:
        return None if is_complete else Outcome(message_id, armed_at, MessageState.UNCERTAIN, None, _UNTOLD, UNTOLD)
    if one.reason_code == "already_said":
        # X would say so again and again.
        return Outcome(message_id, armed_at, MessageState.REFUSED, None, one.reason, one.reason_code)
    return Outcome(message_id, armed_at, MessageState.PENDING)


def _tell(sender: BroadcastSender, settled: Sequence[Outcome]) -> None:
    if not settled:
        return
    with read_session() as session:
        places = outcomes.deliveries_of(session, [one.message_id for one in settled])
    for one in settled:
        if delivery_id := places.get(one.message_id):
            sender.on_change(delivery_id, moved(MessageState.UNCERTAIN, one.state))


_READING = "reading message events"
#: What people wrote before a service's events are read for the first time: one page, X shows 30 days.
_SHOWN_FOR = timedelta(days=30)
#: Pages asked for until nothing is left out, more at each attempt: together what X allows in 15 minutes. Whoever gets
#: more messages than that between two readings is read no further.
_PAGES = (1, 4, 10)


def read_events(sender: BroadcastSender, before: str, unknown: Sequence[UnknownOutcome]) -> Progress | None:
    """Reads what came after the event `before` and what settles unknown outcomes; None when it is read."""
    starts = [before] if before else []
    if unknown:
        starts.append(after_id_for([one.attempt for one in unknown]))
    after_id = min(starts, key=int) if starts else first_id_at(sender.clock() - _SHOWN_FOR)
    for pages in _PAGES:
        answer = _ask(sender, after_id, pages * sender.gateway.longest_event_page)
        if isinstance(answer, Progress):
            return answer
        found, asked_at = answer
        if found.is_complete or not starts:
            break
    keep(sender, found, unknown, before, asked_at)
    return None


def _ask(sender: BroadcastSender, after_id: str, wanted: int) -> tuple[MessageEvents, datetime] | Progress:
    """Returns the events, and the moment before they were asked for: what X took later is perhaps not among them."""
    service_id = sender.service.id
    with transaction() as session:
        asked_at = sender.clock()
        if spend_cap.reserve(session, service_id, _READING, sender.gateway.event_price, wanted, asked_at) < wanted:
            spend_cap.release(session, service_id, _READING)
            return sender.progress(End.CAPPED, "The inbox cannot be read: this month's spend cap is reached.")
    try:
        answer = sender.gateway.message_events(sender.service.x_user_id or "", after_id, wanted)
    except XError as error:
        return _failed(sender, error)
    with transaction() as session:
        spend_cap.record_cost(session, service_id, _READING, answer.receipts, sender.clock())
    return answer.value, asked_at


def _failed(sender: BroadcastSender, error: XError) -> Progress:
    sender.book_failure(_READING, error, sender.clock())
    if isinstance(error, ServiceBlocked):
        pause_all(sender.service, error, sender.clock())
    if stop := sender.stop_for(error):
        return stop
    raise error


def recover(sender: BroadcastSender) -> None:
    """Takes over what an earlier process left in the middle of a call; only one process sends for a service."""
    service, gateway = sender.service, sender.gateway
    with transaction(durable=True) as session:
        now = sender.clock()
        lost = outcomes.lose(session, service.id, now)
        spend_cap.release(session, service.id, SENDING)
        purposes = [purpose_of(message_id) for message_id, _, _ in lost]
        spend_cap.reserve_beyond_cap(session, service, gateway.message_endpoint, purposes, gateway.message_price, now)
    for _, delivery_id, proof_number in lost:
        if proof_number == MAIN:
            sender.on_change(delivery_id, moved(MessageState.SENDING, MessageState.UNCERTAIN))


def read_inbox(sender: BroadcastSender) -> Progress | None:
    """Reads new message events when they are due, and settles unknown outcomes; None when sending may go on."""
    with read_session() as session:
        now = sender.clock()
        inbox = session.get(Inbox, sender.service.id)
        unknown = outcomes.uncertain(session, sender.service.id)
        is_due = inbox is None or inbox.read_at + sender.inbox_every <= now
        if not is_due and not _can_be_settled(sender, inbox, unknown, now):
            return None
        shut = rate_limits.calls_open_at(session, sender.service.id, [sender.gateway.events_endpoint], now)
    if shut:
        return sender.progress(End.WAITING, "X does not let the inbox be read for now.", shut) if is_due else None
    # Whatever keeps the inbox from being read keeps messages from going out: it is not known whom to leave alone.
    return read_events(sender, inbox.read_to_id if inbox else "", unknown)


def _can_be_settled(
    sender: BroadcastSender, inbox: Inbox | None, unknown: Sequence[UnknownOutcome], now: datetime
) -> bool:
    """Returns whether a look would settle something: not before X had time to show it, and not again and again."""
    return any(_next_look(sender, inbox, one) <= now for one in unknown)


def _next_look(sender: BroadcastSender, inbox: Inbox | None, one: UnknownOutcome) -> datetime:
    shows_by = one.attempt.armed_at + sender.settle_after
    if inbox is None or inbox.read_at < shows_by:
        return shows_by
    return inbox.read_at + sender.inbox_every


def waits_until(sender: BroadcastSender) -> datetime | None:
    """Returns when a look-up can settle the unknown outcomes; None when there are none."""
    with read_session() as session:
        unknown = outcomes.uncertain(session, sender.service.id)
        if not unknown:
            return None
        inbox = session.get(Inbox, sender.service.id)
        opens_at = rate_limits.calls_open_at(
            session, sender.service.id, [sender.gateway.events_endpoint], sender.clock()
        )
    looks = min(_next_look(sender, inbox, one) for one in unknown)
    return max(looks, opens_at) if opens_at else looks


def process_dm_events(service: Service) -> None:
    """Checks the keys of a service and reads its inbox, where that is due, for consents and opt-outs.

    A failure is kept on its row or found again before anything is sent: nothing is raised.
    """
    with suppress(XError, NotPossible):
        checked = check_if_due(service)
        if checked.access_level not in NO_MESSAGES:
            with claim(checked.id, checked.internal_name, Claim.MESSAGES):
                read_inbox(sender_for(checked, {}))
