"""Keeping what message events say: who agreed or wants no more, and which lost answers they settle."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from campaign.domain.direct_messages import MessageEvents, first_id_at
from campaign.domain.inbox import Incoming, judge, read_to
from campaign.domain.receipt import Receipt
from campaign.domain.settling import CLOCK_SKEW
from campaign.domain.settling_messages import MessageLook, SettledMessage, Verdict, after_id_for, settle_messages
from campaign.store import broadcasts, consents, ledgers, lost_calls, messages, outcomes
from campaign.store.engine import reading, writing
from campaign.store.outcomes import UNTOLD, Doubt, Outcome
from models import ConsentSource, Inbox, MessageState
from tasks.desk import Desk, moved, purpose_of

_UNTOLD = "Whether it is out cannot be told: the account had too many messages since. Somebody has to look."


def keep(desk: Desk, found: MessageEvents, doubts: Sequence[Doubt], before: str, asked_at: datetime) -> None:
    """Keep what the events say, in one transaction with how far they were read."""
    account, service_id = desk.service.x_user_id or "", desk.service.id
    new = [each for each in judge(found.events, account, desk.words) if int(each.event_id) > int(before or 0)]
    with writing(durable=True) as session:
        now = desk.clock()
        if any(message.is_opt_out for message in new):
            broadcasts.lock_under_way(session, service_id)
        for message in new:
            _take(session, desk, message, now)
        owned = messages.owned_ids(session, [event.x_id for event in found.events])
        look = MessageLook(account, _since_first(found, doubts), asked_at, owned)
        written = _settle(session, desk, look, doubts, now)
        session.merge(
            Inbox(service_id=service_id, read_to_id=_read_to(desk, found, before, asked_at), read_at=asked_at)
        )
    _tell(desk, [one for _, one in written])


def _read_to(desk: Desk, found: MessageEvents, before: str, asked_at: datetime) -> str:
    """After which event the next reading begins: X may show an event late, by a clock of its own."""
    settle = desk.settle_after + CLOCK_SKEW
    return read_to(found.events, asked_at, settle, before) or first_id_at(asked_at - settle)


def _take(session: Session, desk: Desk, message: Incoming, now: datetime) -> None:
    """Keep one person's word: an opt-out, or that the person wrote first."""
    visitor_id = consents.visitor_of(session, message.sender, desk.service.visitor_folder, now)
    if visitor_id is None:
        desk.log(f"Message {message.event_id} is by somebody who was erased; nothing is kept of it.")
        return
    if message.is_opt_out:
        cancelled = consents.opt_out(session, desk.service.id, visitor_id, message.event_id, message.at)
        desk.log(f"Message {message.event_id} is an opt-out; {cancelled} messages that were to go out do not.")
        return
    source = ConsentSource.WROTE_FIRST
    consents.agree(session, desk.service.id, visitor_id, source, message.event_id, message.at)


def _since_first(found: MessageEvents, doubts: Sequence[Doubt]) -> MessageEvents:
    """The same events, complete when they reach back to the first of these attempts."""
    if found.is_complete or not doubts:
        return found
    first = int(after_id_for([doubt.attempt for doubt in doubts]))
    return MessageEvents(found.events, any(int(event.x_id) <= first for event in found.events))


def _settle(
    session: Session, desk: Desk, look: MessageLook, doubts: Sequence[Doubt], now: datetime
) -> list[tuple[MessageState, Outcome]]:
    """Write what the events prove; what went out is charged, for nothing is kept aside any more."""
    by_id = {doubt.attempt.message_id: doubt for doubt in doubts}
    verdicts = settle_messages([doubt.attempt for doubt in doubts], look, desk.settle_after)
    known = [_outcome(one, by_id[one.message_id], is_complete=look.events.is_complete) for one in verdicts]
    written = outcomes.settle(session, [one for one in known if one], now)
    over = [one for _, one in written if one.state is not MessageState.UNCERTAIN]
    lost_calls.give_back(session, desk.service.id, [purpose_of(one.message_id) for one in over])
    sent = sum(one.state is MessageState.SENT for one in over)
    ledgers.charge(
        session, desk.service.id, Receipt(desk.gateway.message_endpoint, desk.gateway.message_price, sent), now
    )
    return written


def _outcome(settled: SettledMessage, doubt: Doubt, *, is_complete: bool) -> Outcome | None:
    """What a verdict means for a message; None when it is looked for again later."""
    message_id, armed_at = settled.message_id, doubt.armed_at
    if settled.verdict is Verdict.FOUND:
        return Outcome(message_id, armed_at, MessageState.SENT, settled.x_id)
    if settled.verdict is Verdict.UNKNOWN:
        return None if is_complete else Outcome(message_id, armed_at, MessageState.UNCERTAIN, None, _UNTOLD, UNTOLD)
    if doubt.reason_code == "already_said":
        # X would say so again and again.
        return Outcome(message_id, armed_at, MessageState.REFUSED, None, doubt.reason, doubt.reason_code)
    return Outcome(message_id, armed_at, MessageState.PENDING)


def _tell(desk: Desk, settled: Sequence[Outcome]) -> None:
    if not settled:
        return
    with reading() as session:
        places = outcomes.deliveries_of(session, [one.message_id for one in settled])
    for one in settled:
        if delivery_id := places.get(one.message_id):
            desk.on_change(delivery_id, moved(MessageState.UNCERTAIN, one.state))
