"""Sending what is armed, a few calls at a time: what came of each is committed as soon as it is known."""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from threading import Event

from sqlmodel import Session

from campaign.domain.budget import Window
from campaign.domain.check import sentence_of
from campaign.domain.direct_messages import NewMessage
from campaign.domain.receipt import Answer, Receipt
from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent, XError
from campaign.store import deliveries, delivery_states, ledgers, messages, outbox, suppressions
from campaign.store.engine import reading, writing
from campaign.store.outbox import Outcome
from campaign.x.refusals import RECIPIENT_REASONS
from models import MAIN, DeliveryState, MessageState
from tasks.arming import Armed
from tasks.blocking import pause_all
from tasks.desk import SENDING, Desk, change_of, purpose_of
from tasks.progress import End, Progress

#: How often it is looked whether somebody paused or stopped the broadcast, in seconds.
LOOK_EVERY = 0.25
#: So many lost answers in a row end a batch.
MOST_UNCERTAIN = 3
Result = Answer[str] | XError | None
"""What X answered, how the call failed, or None for a call that was not made."""


@dataclass(frozen=True, slots=True)
class _Call:
    message_id: int
    result: Result


def send(desk: Desk, armed: Armed, media_id: str | None) -> Progress | None:
    """Send a batch; None when the next one can follow at once. Raises XError when trying again at once may help."""
    halt, failed = Event(), list[XError]()
    pool = ThreadPoolExecutor(desk.at_once) if desk.at_once > 1 else None
    with pool or nullcontext():
        for calls in _as_they_come(desk, armed, media_id, halt, pool):
            failed += [call.result for call in calls if isinstance(call.result, XError)]
            if _settle(desk, armed, calls):
                halt.set()
    return _end(desk, failed)


def _as_they_come(
    desk: Desk, armed: Armed, media_id: str | None, halt: Event, pool: ThreadPoolExecutor | None
) -> Iterable[list[_Call]]:
    """What came of the calls, in groups: each is committed together, so that no call waits for the disk."""
    look = Look(desk, armed, halt)

    def call(message_id: int) -> _Call:
        if halt.is_set():
            return _Call(message_id, None)
        message = NewMessage(armed.recipients[message_id].recipient, armed.texts[message_id], media_id)
        result = _ask(desk, message)
        if isinstance(result, ServiceBlocked | Unsent) or look.is_too_uncertain(result):
            halt.set()
        return _Call(message_id, result)

    if pool is None:
        for message_id in armed.texts:
            look.around()
            yield [call(message_id)]
        return
    waiting: set[Future[_Call]] = {pool.submit(call, message_id) for message_id in armed.texts}
    while waiting:
        done, waiting = wait(waiting, timeout=LOOK_EVERY, return_when=FIRST_COMPLETED)
        look.around()
        if done:
            yield [future.result() for future in done]


def _ask(desk: Desk, message: NewMessage) -> Result:
    try:
        return desk.gateway.send_message(message)
    except XError as error:
        return error


class Look:
    """Watches, between two messages, whether a batch has to halt."""

    def __init__(self, desk: Desk, armed: Armed, halt: Event) -> None:
        self._desk, self._armed, self._halt = desk, armed, halt
        self._next, self._uncertain = time.monotonic() + LOOK_EVERY, 0

    def around(self) -> None:
        """Halt the batch when the run is stopped, or somebody paused or stopped the broadcast."""
        if self._desk.is_stopped():
            self._halt.set()
        if time.monotonic() < self._next or self._armed.span.proof_number != MAIN:
            return
        self._next = time.monotonic() + LOOK_EVERY
        with reading() as session:
            if deliveries.get(session, self._armed.letter.delivery_id).state is not DeliveryState.IN_PROGRESS:
                self._halt.set()

    def is_too_uncertain(self, result: Result) -> bool:
        """Whether so many answers in a row were lost that X is away: every further one would have to be looked for."""
        self._uncertain = self._uncertain + 1 if isinstance(result, Uncertain) else 0
        return self._uncertain >= MOST_UNCERTAIN


def _settle(desk: Desk, armed: Armed, calls: Sequence[_Call]) -> bool:
    """Commit what came of some calls, and what follows for the broadcast; whether it has to halt."""
    outcomes = [_outcome(call) for call in calls]
    with writing(durable=True) as session:
        now = desk.clock()
        outbox.settle(session, outcomes, now)
        _book(session, desk, outcomes, calls, now)
        _remember_unreachable(session, desk, armed, outcomes, now)
        halted = _pause_where_needed(session, desk, armed, outcomes, calls, now)
    if armed.span.proof_number == MAIN:
        desk.on_change(armed.letter.delivery_id, change_of(MessageState.PENDING, outcomes))
    return halted


def _outcome(call: _Call) -> Outcome:
    result = call.result
    if isinstance(result, Answer):
        return Outcome(call.message_id, MessageState.SENT, result.value)
    if isinstance(result, Refused) and result.reason != "media_unknown":
        return Outcome(call.message_id, MessageState.REFUSED, None, str(result), result.reason)
    if isinstance(result, Uncertain):
        return Outcome(call.message_id, MessageState.UNCERTAIN, None, str(result), result.reason)
    return Outcome(call.message_id, MessageState.PENDING)


def _book(session: Session, desk: Desk, outcomes: Sequence[Outcome], calls: Sequence[_Call], now: datetime) -> None:
    """Charge what was sent; money for what may be out stays aside, message by message."""
    service_id, price = desk.service.id, desk.gateway.message_price
    sent = sum(one.state is MessageState.SENT for one in outcomes)
    windows = _last_told(calls)
    receipt = Receipt(desk.gateway.message_endpoint, price, sent, windows)
    still_out = outbox.being_sent(session, [service_id])
    ledgers.settle(session, service_id, SENDING, [receipt], now, keep=still_out)
    for one in outcomes:
        if one.state is MessageState.UNCERTAIN:
            ledgers.set_aside(session, service_id, purpose_of(one.message_id), price, 1, now)


def _last_told(calls: Sequence[_Call]) -> tuple[Window, ...]:
    """What X said last of each window: calls that ran side by side come back in any order."""
    told: dict[str, Window] = {}
    for call in calls:
        for receipt in call.result.receipts if call.result is not None else ():
            for window in receipt.windows:
                known = told.get(window.name)
                if known is None or (window.reset_at, -window.remaining) > (known.reset_at, -known.remaining):
                    told[window.name] = window
    return tuple(told.values())


def _remember_unreachable(
    session: Session, desk: Desk, armed: Armed, outcomes: Sequence[Outcome], now: datetime
) -> None:
    for one in outcomes:
        if one.state is MessageState.REFUSED and one.reason_code in RECIPIENT_REASONS:
            visitor_id = armed.recipients[one.message_id].visitor_id
            suppressions.remember_unreachable(session, desk.service.id, visitor_id, one.reason_code, now)


def _pause_where_needed(
    session: Session, desk: Desk, armed: Armed, outcomes: Sequence[Outcome], calls: Sequence[_Call], now: datetime
) -> bool:
    """Pause the broadcast that X refuses too often, and all of a service that X blocks; whether anything was."""
    blocked = next((call.result for call in calls if isinstance(call.result, ServiceBlocked)), None)
    if blocked is not None:
        pause_all(session, desk.service, blocked, now)
        return True
    answered = {MessageState.SENT, MessageState.REFUSED}
    forgotten = any(isinstance(call.result, Refused) and call.result.reason == "media_unknown" for call in calls)
    if forgotten and armed.letter.file:
        messages.forget_uploads(session, desk.service.id, [armed.letter.file.sha256])
    settled = [one.state is MessageState.SENT for one in outcomes if one.state in answered]
    reason = armed.letter.record.add(settled)
    if forgotten and armed.letter.record.file_is_unknown():
        reason = "X does not take its file any more: choose another one."
    delivery = deliveries.get(session, armed.letter.delivery_id)
    if reason is None or delivery.state is not DeliveryState.IN_PROGRESS:
        return forgotten
    delivery_states.move(session, delivery, DeliveryState.PAUSED, "campaign", now, reason)
    return True


def _end(desk: Desk, failed: Sequence[XError]) -> Progress | None:
    blocked = next((error for error in failed if isinstance(error, ServiceBlocked)), None)
    if blocked is not None:
        return desk.progress(End.BLOCKED, f"{desk.service.internal_name}: {sentence_of(blocked)}")
    limited = [error.retry_at for error in failed if isinstance(error, Unsent) and error.retry_at]
    if limited:
        return desk.progress(End.WAITING, "X allows no more messages for now.", max(limited))
    unsent = next((error for error in failed if isinstance(error, Unsent)), None)
    if unsent is not None:
        raise unsent
    if sum(isinstance(error, Uncertain) for error in failed) >= MOST_UNCERTAIN:
        return desk.progress(End.WAITING, "X does not answer.", desk.clock() + desk.settle_after)
    return None
