"""What came of direct messages, committed group by group as it becomes known, and what follows for their broadcast."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from campaign.domain.budget import Window
from campaign.domain.receipt import Answer, Receipt
from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent
from campaign.store import attempts, ledgers, lost_calls, messages, outcomes, suppressions
from campaign.store.engine import writing
from campaign.store.outcomes import Outcome
from campaign.x.refusals import RECIPIENT_REASONS
from models import MAIN, MessageState
from tasks.arming import Armed
from tasks.calls import Call, Told
from tasks.desk import SENDING, Desk, moved, purpose_of
from tasks.pausing import pause, pause_all

#: X does not know the file, or not any more: nothing is wrong with the person or the text.
FILE_UNKNOWN = "media_unknown"
_Written = Sequence[tuple[MessageState, Outcome]]


def settle(desk: Desk, armed: Armed, calls: Sequence[Call], told: Told) -> bool:
    """Commit what came of some calls, and what follows for the broadcast; whether the batch has to halt."""
    with writing(durable=True) as session:
        now = desk.clock()
        written = outcomes.settle(session, [outcome_of(call, armed.at) for call in calls], now)
        _book(session, desk, written, told.hear(calls), now)
        _remember_unreachable(session, desk, armed, written, now)
        is_unknown = _forget_file(session, desk, armed, calls)
        reason = _why_pause(armed, written, is_unknown=is_unknown)
        if reason is not None:
            pause(session, armed.letter.delivery_id, reason, now)
    if armed.span.proof_number == MAIN:
        desk.on_change(armed.letter.delivery_id, moved(MessageState.PENDING, *(one.state for _, one in written)))
    blocked = next((call.result for call in calls if isinstance(call.result, ServiceBlocked)), None)
    if blocked is not None:
        pause_all(desk.service, blocked, desk.clock())
    return reason is not None or is_unknown or blocked is not None


def outcome_of(call: Call, armed_at: datetime) -> Outcome:
    """What a call means for its message."""
    result, message_id = call.result, call.message_id
    if isinstance(result, Answer):
        return Outcome(message_id, armed_at, MessageState.SENT, result.value)
    if isinstance(result, Refused) and result.reason != FILE_UNKNOWN:
        return Outcome(message_id, armed_at, MessageState.REFUSED, None, str(result), result.reason)
    if isinstance(result, Uncertain):
        return Outcome(message_id, armed_at, MessageState.UNCERTAIN, None, str(result), result.reason)
    is_tried = result is not None and not isinstance(result, Unsent)
    return Outcome(message_id, armed_at, MessageState.PENDING, is_tried=is_tried)


def _book(session: Session, desk: Desk, written: _Written, windows: tuple[Window, ...], now: datetime) -> None:
    """Charge what was sent; money for what may be out stays aside, message by message."""
    service_id, price, endpoint = desk.service.id, desk.gateway.message_price, desk.gateway.message_endpoint
    sent = sum(one.state is MessageState.SENT for _, one in written)
    still_out = attempts.being_sent(session, [service_id]).total()
    ledgers.settle(session, service_id, SENDING, [Receipt(endpoint, price, sent, windows)], now, keep=still_out)
    doubted = [purpose_of(one.message_id) for before, one in written if _is_new_doubt(before, one)]
    lost_calls.keep_aside(session, desk.service, endpoint, doubted, price, now)
    # Another process took them for lost meanwhile.
    known = [one for before, one in written if before is MessageState.UNCERTAIN and one.state is not before]
    lost_calls.give_back(session, service_id, [purpose_of(one.message_id) for one in known])


def _is_new_doubt(before: MessageState, outcome: Outcome) -> bool:
    return outcome.state is MessageState.UNCERTAIN and before is not MessageState.UNCERTAIN


def _remember_unreachable(session: Session, desk: Desk, armed: Armed, written: _Written, now: datetime) -> None:
    for _, one in written:
        if one.state is MessageState.REFUSED and one.reason_code in RECIPIENT_REASONS:
            visitor_id = armed.recipients[one.message_id].visitor_id
            suppressions.remember_unreachable(session, desk.service.id, visitor_id, one.reason_code, now)


def _forget_file(session: Session, desk: Desk, armed: Armed, calls: Sequence[Call]) -> bool:
    """Whether X did not know the file: it is uploaded again."""
    is_unknown = any(isinstance(call.result, Refused) and call.result.reason == FILE_UNKNOWN for call in calls)
    if is_unknown and armed.letter.file:
        messages.forget_uploads(session, desk.service.id, [armed.letter.file.sha256])
    return is_unknown


def _why_pause(armed: Armed, written: _Written, *, is_unknown: bool) -> str | None:
    """Why the broadcast pauses: X refuses too much of it, or does not take its file."""
    answered = {MessageState.SENT, MessageState.REFUSED}
    record = armed.letter.record
    reason = record.add([one.state is MessageState.SENT for _, one in written if one.state in answered])
    if is_unknown and record.file_is_unknown():
        return "X does not take its file any more: choose another one."
    return reason
