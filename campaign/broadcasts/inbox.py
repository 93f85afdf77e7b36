"""The direct messages that people sent to a service: read, understood, and recorded."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session

from campaign.broadcasts import settle as outcomes
from campaign.broadcasts import waves
from campaign.broadcasts.context import SENDING, BroadcastSender, moved, pause_all, sender_for
from campaign.broadcasts.settle import (
    MessageLookup,
    UnknownOutcome,
    Verdict,
    after_id_for,
    settle_messages,
)
from campaign.consent import store as consent
from campaign.consent.opt_out import Meaning, meaning_of
from campaign.db.engine import Claim, claim, read_session, transaction
from campaign.deliveries import log
from campaign.deliveries.kind import End, Progress
from campaign.deliveries.log import FOR_A_PERSON, Outcome, purpose_of
from campaign.errors import NotPossible, ServiceBlocked, XError
from campaign.limits import rate_limits, spend_cap
from campaign.services.store import check_if_due
from campaign.x.types import CLOCK_SKEW, NO_MESSAGES, Answer, MessageEvent, MessageEvents, Receipt, first_id_at
from models import MAIN, ConsentSource, Inbox, MessageState, Service


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message to the account; its text is not saved."""

    sender: str
    """X user id."""
    event_id: str
    """X's id of the message."""
    at: datetime
    meaning: Meaning
    username: str | None = None
    """The sender's handle, where X shows it."""


def judge(events: Iterable[MessageEvent], account_id: str, opt_out_words: Collection[str]) -> list[Incoming]:
    """Returns the messages that others sent to the account, oldest first, each once.

    One without a text is left out, as X may have left the text out: it is no consent and no opt-out.
    """
    received = {e.x_id: e for e in events if e.sender != account_id and e.recipient == account_id and e.text.strip()}
    return [
        Incoming(event.sender, event.x_id, event.created_at, meaning_of(event.text, opt_out_words), event.username)
        for event in sorted(received.values(), key=lambda event: (event.created_at, int(event.x_id)))
    ]


def read_to(events: Iterable[MessageEvent], now: datetime, settle: timedelta, before: str) -> str:
    """Returns the id after which the next reading begins: that of the newest event older than `settle`, or `before`.

    X may show an event late, so that younger ones are read again. Only for events of which none since `before` is left
    out: what is missing below the returned id is never read. `before` is empty when nothing was read yet.
    """
    settled = [event.x_id for event in events if event.created_at < now - settle]
    return max(before, *settled, key=lambda x_id: int(x_id or 0)) if settled else before


#: An event that could not be read holds up the next readings so long, and one reading at least.
_READ_AGAIN = timedelta(hours=1)


def save_events(
    sender: BroadcastSender,
    answer: Answer[MessageEvents],
    unknown: Sequence[UnknownOutcome],
    inbox: Inbox | None,
    asked_at: datetime,
) -> None:
    """Records what the events say, in one transaction with how far they were read."""
    account, service_id, found = sender.service.x_user_id or "", sender.service.id, answer.value
    before = inbox.read_to_id if inbox else ""
    received = judge(found.events, account, sender.opt_out_words)
    new = [message for message in received if int(message.event_id) > int(before or 0)]
    # X may show an event late, by a clock of its own.
    settle = sender.settle_after + CLOCK_SKEW
    next_id = read_to(found.events, asked_at, settle, before) or first_id_at(asked_at - settle)
    # An event that could not be read may be an opt-out: X may show it whole when it is read again.
    last_read_at = inbox.read_at if inbox else asked_at
    seen_before = int(first_id_at(min(last_read_at - settle, asked_at - _READ_AGAIN)))
    read_again = [x_id for x_id in answer.left_out if x_id != "?" and int(x_id) > seen_before]
    if unread := [int(x_id) for x_id in read_again if int(x_id) > int(before or 0)]:
        next_id = str(min(int(next_id), *(x_id - 1 for x_id in unread)))
    with transaction(durable=True) as session:
        now = sender.clock()
        if any(message.meaning is Meaning.OPT_OUT for message in new):
            waves.lock_under_way(session, service_id)
        usernames = {message.sender: message.username for message in new}
        consent.suppress_profiles(session, usernames, sender.service.visitor_folder, now)
        for message in new:
            _save_message(session, sender, message, now)
        written = _settle(session, sender, answer, read_again, unknown, asked_at, now)
        session.merge(Inbox(service_id=service_id, read_to_id=next_id, read_at=asked_at))
        places = outcomes.deliveries_of(session, [one.message_id for one in written]) if written else {}
    for one in written:
        if delivery_id := places.get(one.message_id):
            sender.on_change(delivery_id, moved(MessageState.UNCERTAIN, one.state))


def _save_message(session: Session, sender: BroadcastSender, message: Incoming, now: datetime) -> None:
    """Records an opt-out, a message that may be one, or that the person wrote first."""
    service_id = sender.service.id
    visitor_id = consent.visitor_of(session, message.sender, sender.service.visitor_folder, now)
    if visitor_id is None:
        sender.log(f"Message {message.event_id} is by an erased person; nothing of it is saved.")
    elif message.meaning is Meaning.OPT_OUT:
        cancelled = consent.opt_out(session, service_id, visitor_id, message.event_id, message.at)
        sender.log(f"Message {message.event_id} is an opt-out; messages to its sender that are cancelled: {cancelled}.")
    elif message.meaning is Meaning.UNCLEAR:
        if consent.record_unclear(session, service_id, visitor_id, message.event_id, message.at):
            sender.log(f"Message {message.event_id} may be an opt-out. Decide with: campaign consent unclear")
    elif not consent.is_unclear(session, service_id, visitor_id):
        consent.agree(session, service_id, visitor_id, ConsentSource.WROTE_FIRST, message.event_id, message.at)


def _settle(
    session: Session,
    sender: BroadcastSender,
    answer: Answer[MessageEvents],
    read_again: Sequence[str],
    unknown: Sequence[UnknownOutcome],
    asked_at: datetime,
    now: datetime,
) -> list[Outcome]:
    """Records what the events prove; what went out is charged, as its budget is reserved no more."""
    found, service_id = answer.value, sender.service.id
    is_complete = found.is_complete
    if unknown and not is_complete:
        first = int(after_id_for(unknown))
        is_complete = any(int(event.x_id) <= first for event in found.events)
    owned = log.owned_ids(session, [*(event.x_id for event in found.events), *answer.left_out])
    lookup = MessageLookup(
        account_id=sender.service.x_user_id or "",
        events=MessageEvents(found.events, is_complete),
        at=asked_at,
        owned=owned,
        left_out={*answer.left_out} - owned,
        read_again={*read_again} - owned,
        written_to=outcomes.written_to(session, service_id, [one.recipient for one in unknown]),
    )
    by_id, known = {one.message_id: one for one in unknown}, list[Outcome]()
    for settled in settle_messages(unknown, lookup, sender.settle_after):
        one, why = by_id[settled.message_id], settled.why
        outcome = Outcome(settled.message_id, one.armed_at, MessageState.PENDING)
        if settled.verdict is Verdict.UNKNOWN:
            continue
        if settled.verdict is Verdict.FOUND:
            outcome = replace(outcome, state=MessageState.SENT, x_id=settled.x_id)
        elif settled.verdict is Verdict.ABSENT and one.reason_code == "already_said":
            # X would refuse it again and again; after an unknown outcome, that suggests that it is out.
            if one.first_armed_at < one.armed_at:
                if asked_at < one.called_by + sender.settle_after + sender.inbox_every:
                    continue
                why = "X refuses its text as already sent to the person, and does not show it"
            refused = MessageState.REFUSED
            outcome = replace(outcome, state=refused, reason=one.reason, reason_code=one.reason_code)
        if why:
            sentence = f"Whether it is out is unknown: {why}. `campaign delivery settle` decides."
            uncertain = MessageState.UNCERTAIN
            outcome = replace(outcome, state=uncertain, reason=sentence, reason_code=FOR_A_PERSON)
        known.append(outcome)
    written = [one for _, one in log.record_outcomes(session, known, now)]
    over = [one for one in written if one.state is not MessageState.UNCERTAIN]
    spend_cap.release_lost(session, service_id, [purpose_of(one.message_id) for one in over])
    sent = sum(one.state is MessageState.SENT for one in over)
    receipt = Receipt(sender.gateway.message_endpoint, sender.gateway.message_price, sent)
    spend_cap.charge(session, service_id, receipt, now)
    return written


_READING = "reading message events"
#: X shows events for so long: what people wrote before a service's events are read for the first time.
_SHOWN_FOR = timedelta(days=30)
#: Pages requested after the first one until nothing is left out, more at each attempt: together what X allows in 15
#: minutes. Of an account that gets more messages than that between two readings, no more are read.
_MORE_PAGES = (4, 10)


def read_events(sender: BroadcastSender, inbox: Inbox | None, unknown: Sequence[UnknownOutcome]) -> Progress | None:
    """Reads what came after the last reading and what settles unknown outcomes; None when it is read."""
    starts = [inbox.read_to_id] if inbox and inbox.read_to_id else []
    if unknown:
        starts.append(after_id_for(unknown))
    after_id = min(starts, key=int) if starts else first_id_at(sender.clock() - _SHOWN_FOR)
    a_page = sender.gateway.longest_event_page
    response = _request_events(sender, after_id, a_page)
    for pages in _MORE_PAGES:
        if isinstance(response, Progress) or response[0].value.is_complete or response[0].left_off:
            break
        more = _request_events(sender, after_id, pages * a_page)
        if not starts and isinstance(more, Progress) and more.end is End.CAPPED:
            break  # the first reading goes back as far as the cap allows, and holds up nothing
        response = more
    if isinstance(response, Progress):
        return response
    answer, asked_at = response
    if answer.left_off:
        sender.log(answer.left_off)
    elif not answer.value.is_complete:
        sender.log("The account had more messages than are read at once: older ones are not read for opt-outs.")
    for x_id in {*answer.left_out} - sender.left_out:
        sender.log(f"Message {x_id} is left out: X did not show everything that is needed to read it.")
    sender.left_out.update(answer.left_out)
    save_events(sender, answer, unknown, inbox, asked_at)
    return None


def _request_events(
    sender: BroadcastSender, after_id: str, at_most: int
) -> tuple[Answer[MessageEvents], datetime] | Progress:
    """Returns the events, and the moment before the request: what X took later is perhaps not among them."""
    service_id, price = sender.service.id, sender.gateway.shown_event_price
    with transaction() as session:
        asked_at = sender.clock()
        if spend_cap.reserve(session, service_id, _READING, price, at_most, asked_at) < at_most:
            spend_cap.release(session, service_id, _READING)
            return sender.progress(End.CAPPED, "The inbox cannot be read: this month's spend cap is reached.")
    try:
        answer = sender.gateway.message_events(sender.service.x_user_id or "", after_id, at_most)
    except XError as error:
        sender.book_failure(_READING, error, sender.clock())
        if isinstance(error, ServiceBlocked):
            pause_all(sender.service, error, sender.clock())
        if stop := sender.stop_for(error):
            return stop
        raise
    with transaction() as session:
        spend_cap.record_cost(session, service_id, _READING, answer.receipts, sender.clock())
    return answer, asked_at


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
    service_id, endpoint = sender.service.id, sender.gateway.events_endpoint
    with read_session() as session:
        now, inbox = sender.clock(), session.get(Inbox, service_id)
        unknown = outcomes.uncertain(session, service_id)
        is_due = inbox is None or inbox.read_at + sender.inbox_every <= now
        # Not before X had time to show a message, and not again and again.
        if not is_due and all(_next_lookup(sender, inbox, one) > now for one in unknown):
            return None
        shut = rate_limits.calls_open_at(session, service_id, [endpoint], now)
    if shut:
        return sender.progress(End.WAITING, "X does not let the inbox be read for now.", shut) if is_due else None
    # Without the inbox nothing goes out: it is not known who opted out.
    return read_events(sender, inbox, unknown)


def _next_lookup(sender: BroadcastSender, inbox: Inbox | None, one: UnknownOutcome) -> datetime:
    shows_by = one.called_by + sender.settle_after
    if inbox is None or inbox.read_at < shows_by:
        return shows_by
    return inbox.read_at + sender.inbox_every


def waits_until(sender: BroadcastSender) -> datetime | None:
    """Returns when a look-up can settle the unknown outcomes; None when there are none."""
    service_id, endpoint = sender.service.id, sender.gateway.events_endpoint
    with read_session() as session:
        unknown = outcomes.uncertain(session, service_id)
        if not unknown:
            return None
        inbox = session.get(Inbox, service_id)
        opens_at = rate_limits.calls_open_at(session, service_id, [endpoint], sender.clock())
    lookup = min(_next_lookup(sender, inbox, one) for one in unknown)
    return max(lookup, opens_at) if opens_at else lookup


def process_dm_events(service: Service) -> None:
    """Checks the keys of a service and reads its inbox, where that is due, for consents and opt-outs.

    A failure is saved with the service, or found again before anything is sent: nothing is raised.
    """
    with suppress(XError, NotPossible):
        checked = check_if_due(service)
        if checked.access_level not in NO_MESSAGES:
            with claim(checked.id, checked.internal_name, Claim.MESSAGES):
                read_inbox(sender_for(checked, {}))
