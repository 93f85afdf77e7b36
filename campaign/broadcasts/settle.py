"""What came of direct messages: outcomes recorded, and unknown ones looked up on X."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlmodel import Session, col

from campaign.broadcasts.arm import Armed
from campaign.broadcasts.context import SENDING, BroadcastSender, Call, LatestLimits, moved, pause, pause_all
from campaign.consent import store as consent
from campaign.db.engine import transaction
from campaign.deliveries import log
from campaign.deliveries.log import Outcome, purpose_of
from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent
from campaign.limits import rate_limits, spend_cap
from campaign.x.error_table import RECIPIENT_REASONS
from campaign.x.text import comparable
from campaign.x.types import CLOCK_SKEW, Answer, MessageEvent, MessageEvents, Receipt, Window, first_id_at
from models import MAIN, NO_VISITOR, Message, MessageState, Visitor
from models.base import Moment


@dataclass(frozen=True, slots=True)
class MessageAttempt:
    """The attempts to send one message: to whom, and when the first and the last of them was committed."""

    message_id: int
    recipient: str
    """X user id."""
    text: str
    first_armed_at: datetime
    armed_at: datetime


@dataclass(frozen=True, slots=True)
class MessageLookup:
    """The account's messages as X showed them at `at`, asked for from `after_id_for` on."""

    account_id: str
    """X user id."""
    events: MessageEvents
    at: datetime
    owned: Collection[str]
    """The X ids that messages of ours have already: a set."""


class Verdict(StrEnum):
    """What a look proves of an attempt."""

    FOUND = "found"
    ABSENT = "absent"
    """It surely did not go out."""
    UNKNOWN = "unknown"
    """Look again later."""


@dataclass(frozen=True, slots=True)
class SettledMessage:
    """What is known of one message now; `x_id` is X's id of its event when that was found."""

    message_id: int
    verdict: Verdict
    x_id: str | None = None


_Key = tuple[str, str]
"""Recipient and text: whatever has the same key may be the same message."""


def after_id_for(attempts: Collection[MessageAttempt]) -> str:
    """Returns the X id after which the account's events have to be read to settle these attempts (one at least).

    What an earlier attempt sent may have been shown late, and X's clock may be behind ours.
    """
    return first_id_at(min(_since(attempt) for attempt in attempts))


def settle_messages(attempts: Iterable[MessageAttempt], look: MessageLookup, settle: timedelta) -> list[SettledMessage]:
    """Returns what the look proves of each attempt, earliest first.

    Each gets the oldest event that fits and that no message has; one event goes to one attempt. What does not show
    was not sent when nothing is left out and X had the time `settle` to show it.
    """
    sent = _sent(look)
    return [
        _settled(attempt, _take(sent, attempt), look, settle)
        for attempt in sorted(attempts, key=lambda each: (each.first_armed_at, each.message_id))
    ]


def _since(attempt: MessageAttempt) -> datetime:
    return attempt.first_armed_at - CLOCK_SKEW


def _sent(look: MessageLookup) -> dict[_Key, deque[MessageEvent]]:
    """Returns the account's own events that no message has, oldest first."""
    sent: dict[_Key, deque[MessageEvent]] = defaultdict(deque)
    for event in _oldest_first(look.events.events):
        if event.sender == look.account_id and event.x_id not in look.owned:
            sent[event.recipient, comparable(event.text)].append(event)
    return sent


def _oldest_first(events: Sequence[MessageEvent]) -> list[MessageEvent]:
    """Returns each event once, whatever pages X showed it on."""
    once = {event.x_id: event for event in events}
    return sorted(once.values(), key=lambda event: (event.created_at, int(event.x_id)))


def _take(sent: dict[_Key, deque[MessageEvent]], attempt: MessageAttempt) -> str | None:
    """Takes the X id of the oldest event that fits; no other attempt can get it."""
    fitting = sent.get((attempt.recipient, comparable(attempt.text)), deque())
    # Attempts come earliest first: what is too old for this one is too old for all that follow.
    while fitting and fitting[0].created_at < _since(attempt):
        fitting.popleft()
    return fitting.popleft().x_id if fitting else None


def _settled(attempt: MessageAttempt, x_id: str | None, look: MessageLookup, settle: timedelta) -> SettledMessage:
    if x_id is not None:
        return SettledMessage(attempt.message_id, Verdict.FOUND, x_id)
    is_proof = look.events.is_complete and look.at >= attempt.armed_at + settle
    return SettledMessage(attempt.message_id, Verdict.ABSENT if is_proof else Verdict.UNKNOWN)


UNTOLD = "untold"
"""The reason code of what no look can tell: a person decides it."""


@dataclass(frozen=True, slots=True)
class UnknownOutcome:
    """A message whose outcome is unknown."""

    attempt: MessageAttempt
    """Its `armed_at` is the last moment at which the call may have been made."""
    armed_at: datetime
    reason: str
    reason_code: str


_LOST = (
    update(Message)
    .where(
        col(Message.service_id) == bindparam("service"),
        col(Message.state) == MessageState.SENDING,
        col(Message.visitor_id) != NO_VISITOR,
    )
    .values(state=MessageState.UNCERTAIN, reason="X's answer was lost.", settled_at=bindparam("now"))
    .returning(col(Message.id), col(Message.delivery_id), col(Message.proof_number))
)
_UNCERTAIN = (
    select(
        col(Message.id),
        col(Visitor.external_id),
        col(Message.text),
        col(Message.first_armed_at),
        # A call is made some time after its batch was armed, and before it was given up.
        func.coalesce(col(Message.settled_at), col(Message.armed_at), type_=Moment()),
        col(Message.armed_at),
        col(Message.reason),
        col(Message.reason_code),
    )
    .join(Visitor, col(Visitor.id) == col(Message.visitor_id))
    .where(
        col(Message.service_id) == bindparam("service_id"),
        col(Message.state) == MessageState.UNCERTAIN,
        col(Message.visitor_id) != NO_VISITOR,
        col(Message.reason_code) != UNTOLD,
    )
    .order_by(col(Message.first_armed_at), col(Message.id))
)


def lose(session: Session, service_id: int, now: datetime) -> list[tuple[int, int, int]]:
    """Marks calls that an earlier process left open as uncertain; returns id, delivery and proof of each message."""
    return list(session.connection().execute(_LOST, {"service": service_id, "now": now}).tuples())


def uncertain(session: Session, service_id: int) -> list[UnknownOutcome]:
    """Returns the messages of a service whose outcome is unknown, the earliest first."""
    rows: Any = session.connection().execute(_UNCERTAIN, {"service_id": service_id}).tuples()
    return [UnknownOutcome(MessageAttempt(*row[:5]), *row[5:]) for row in rows]


def deliveries_of(session: Session, message_ids: Sequence[int]) -> dict[int, int]:
    """Returns which delivery each of these messages belongs to; proofs are left out."""
    rows = select(col(Message.id), col(Message.delivery_id)).where(
        col(Message.id).in_(message_ids), col(Message.proof_number) == MAIN
    )
    return dict(session.execute(rows).tuples().all())


#: X does not know the file, or not any more: nothing is wrong with the person or the text.
FILE_UNKNOWN = "media_unknown"
_Written = Sequence[tuple[MessageState, Outcome]]


def record_calls(sender: BroadcastSender, armed: Armed, calls: Sequence[Call], latest: LatestLimits) -> bool:
    """Commits the outcomes of some calls, and what follows for the broadcast; returns whether the batch has to halt."""
    with transaction(durable=True) as session:
        now = sender.clock()
        written = log.record_outcomes(session, [outcome_of(call, armed.at) for call in calls], now)
        _book(session, sender, written, latest.update(calls), now)
        _record_unreachable(session, sender, armed, written, now)
        is_unknown = _forget_file(session, sender, armed, calls)
        reason = _why_pause(armed, written, is_unknown=is_unknown)
        if reason is not None:
            pause(session, armed.broadcast.delivery_id, reason, now)
    if armed.span.proof_number == MAIN:
        sender.on_change(armed.broadcast.delivery_id, moved(MessageState.PENDING, *(one.state for _, one in written)))
    blocked = next((call.result for call in calls if isinstance(call.result, ServiceBlocked)), None)
    if blocked is not None:
        pause_all(sender.service, blocked, sender.clock())
    return reason is not None or is_unknown or blocked is not None


def outcome_of(call: Call, armed_at: datetime) -> Outcome:
    """Returns what a call means for its message."""
    result, message_id = call.result, call.message_id
    if isinstance(result, Answer):
        return Outcome(message_id, armed_at, MessageState.SENT, result.value)
    if isinstance(result, Refused) and result.reason != FILE_UNKNOWN:
        return Outcome(message_id, armed_at, MessageState.REFUSED, None, str(result), result.reason)
    if isinstance(result, Uncertain):
        return Outcome(message_id, armed_at, MessageState.UNCERTAIN, None, str(result), result.reason)
    is_tried = result is not None and not isinstance(result, Unsent)
    return Outcome(message_id, armed_at, MessageState.PENDING, is_tried=is_tried)


def _book(
    session: Session, sender: BroadcastSender, written: _Written, windows: tuple[Window, ...], now: datetime
) -> None:
    """Charges what was sent; money for what may be out stays aside, message by message."""
    service_id, price, endpoint = sender.service.id, sender.gateway.message_price, sender.gateway.message_endpoint
    sent = sum(one.state is MessageState.SENT for _, one in written)
    still_out = rate_limits.being_sent(session, [service_id]).total()
    spend_cap.record_cost(session, service_id, SENDING, [Receipt(endpoint, price, sent, windows)], now, keep=still_out)
    purposes = [purpose_of(one.message_id) for before, one in written if _is_newly_unknown(before, one)]
    spend_cap.reserve_beyond_cap(session, sender.service, endpoint, purposes, price, now)
    # Another process took them for lost meanwhile.
    known = [one for before, one in written if before is MessageState.UNCERTAIN and one.state is not before]
    spend_cap.release_lost(session, service_id, [purpose_of(one.message_id) for one in known])


def _is_newly_unknown(before: MessageState, outcome: Outcome) -> bool:
    return outcome.state is MessageState.UNCERTAIN and before is not MessageState.UNCERTAIN


def _record_unreachable(
    session: Session, sender: BroadcastSender, armed: Armed, written: _Written, now: datetime
) -> None:
    for _, one in written:
        if one.state is MessageState.REFUSED and one.reason_code in RECIPIENT_REASONS:
            visitor_id = armed.recipients[one.message_id].visitor_id
            consent.record_unreachable(session, sender.service.id, visitor_id, one.reason_code, now)


def _forget_file(session: Session, sender: BroadcastSender, armed: Armed, calls: Sequence[Call]) -> bool:
    """Returns whether X did not know the file: it is uploaded again."""
    is_unknown = any(isinstance(call.result, Refused) and call.result.reason == FILE_UNKNOWN for call in calls)
    if is_unknown and armed.broadcast.file:
        log.delete_uploads(session, sender.service.id, [armed.broadcast.file.sha256])
    return is_unknown


def _why_pause(armed: Armed, written: _Written, *, is_unknown: bool) -> str | None:
    """Returns why the broadcast pauses: X refuses too much of it, or does not take its file."""
    answered = {MessageState.SENT, MessageState.REFUSED}
    record = armed.broadcast.record
    reason = record.add([one.state is MessageState.SENT for _, one in written if one.state in answered])
    if is_unknown and record.file_is_unknown():
        return "X does not take its file any more: choose another one."
    return reason
