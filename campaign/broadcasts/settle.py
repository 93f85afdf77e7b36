"""Outcomes of direct messages: recorded, and looked up on X where they are unknown."""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, String, bindparam, func, select, update
from sqlmodel import Session, col

from campaign.broadcasts.context import SENDING, Armed, BroadcastSender, Call, LatestLimits, moved, pause, pause_all
from campaign.consent import store as consent
from campaign.db.engine import among, transaction
from campaign.deliveries import log
from campaign.deliveries.log import FOR_A_PERSON, RESTORED, Outcome, purpose_of
from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent
from campaign.limits import rate_limits, spend_cap
from campaign.x.error_table import RECIPIENT_REASONS
from campaign.x.text import comparable
from campaign.x.types import CLOCK_SKEW, Answer, MessageEvent, MessageEvents, Receipt, Window, first_id_at
from models import MAIN, NO_VISITOR, ORIGIN, Message, MessageState, Moment, Visitor


@dataclass(frozen=True, slots=True)
class UnknownOutcome:
    """A message whose outcome is unknown: to whom, and the times of its attempts."""

    message_id: int
    recipient: str
    """X user id."""
    text: str
    first_armed_at: datetime
    """When the first attempt was committed."""
    called_by: datetime
    """The last moment at which the call may have been made."""
    armed_at: datetime
    """When the last attempt was committed."""
    reason: str = ""
    reason_code: str = ""


@dataclass(frozen=True, slots=True)
class MessageLookup:
    """The account's messages as X showed them at `at`, asked for from `after_id_for` on."""

    account_id: str
    """X user id."""
    events: MessageEvents
    at: datetime
    owned: Collection[str]
    """The X ids that messages of ours have already: a set."""
    left_out: Collection[str] = ()
    """The X ids of events that could not be read, "?" for one without an id."""
    read_again: Collection[str] = ()
    """Those of them that are read once more: X may show them whole then."""
    written_to: Collection[str] = ()
    """The X user ids of recipients who were sent a message before: a set."""


class Verdict(StrEnum):
    """What a look-up proves of an attempt."""

    FOUND = "found"
    ABSENT = "absent"
    """It surely did not go out."""
    UNKNOWN = "unknown"
    """To be looked up again later."""
    UNDECIDABLE = "undecidable"
    """No look-up can tell: a person decides."""


@dataclass(frozen=True, slots=True)
class SettledMessage:
    """What is known of one message now: X's id of its event when that was found, or why no look-up can tell."""

    message_id: int
    verdict: Verdict
    x_id: str | None = None
    why: str = ""


def after_id_for(attempts: Collection[UnknownOutcome]) -> str:
    """Returns the X id after which the account's events have to be read for these attempts (one at least).

    An earlier attempt may be shown late, and X's clock may be behind ours.
    """
    return first_id_at(min(attempt.first_armed_at for attempt in attempts) - CLOCK_SKEW)


def settle_messages(
    attempts: Iterable[UnknownOutcome], lookup: MessageLookup, settle: timedelta
) -> list[SettledMessage]:
    """Returns what the look-up proves of each attempt, earliest first.

    Each gets the oldest event of the same recipient and text that no message has; one event goes to one attempt. What
    does not show was not sent when X had the time `settle` to show it, nothing that may be it is left out, and nothing
    suggests that X hides it. A message that was pending in a restored backup has no text: any further event of the
    recipient since then is it.
    """
    own: dict[str, list[MessageEvent]] = defaultdict(list)
    each_once = {event.x_id: event for event in lookup.events.events if event.sender == lookup.account_id}
    for event in sorted(each_once.values(), key=lambda event: (event.created_at, int(event.x_id))):
        own[event.recipient].append(event)
    ordered = sorted(attempts, key=lambda each: (each.first_armed_at, each.message_id))
    found = _match_texts(ordered, own, lookup.owned)
    taken = {*lookup.owned, *found.values()}
    for attempt in ordered:
        if attempt.reason_code == RESTORED and not attempt.text:
            # After a restore its text is not known, so the next event of the recipient is it, whatever its text.
            since = attempt.first_armed_at - CLOCK_SKEW
            events = (event.x_id for event in own.get(attempt.recipient, ()) if event.created_at >= since)
            if x_id := next((x_id for x_id in events if x_id not in taken), None):
                found[attempt.message_id] = x_id
                taken.add(x_id)
    settled = []
    for attempt in ordered:
        x_id, why = found.get(attempt.message_id), _why_undecidable(attempt, lookup, own[attempt.recipient], taken)
        verdict = Verdict.UNDECIDABLE if why else Verdict.ABSENT
        if x_id:
            verdict, why = Verdict.FOUND, ""
        elif lookup.events.is_complete and (
            lookup.at < attempt.called_by + settle or _is_any_since(lookup.read_again, attempt)
        ):
            verdict, why = Verdict.UNKNOWN, ""
        settled.append(SettledMessage(attempt.message_id, verdict, x_id, why))
    return settled


def _match_texts(
    ordered: Sequence[UnknownOutcome], own: Mapping[str, Sequence[MessageEvent]], owned: Collection[str]
) -> dict[int, str]:
    """Returns the X id of the event of each attempt that has one with its text."""
    free: dict[tuple[str, str], deque[MessageEvent]] = defaultdict(deque)
    for recipient in {attempt.recipient for attempt in ordered}:
        for event in own.get(recipient, ()):
            if event.x_id not in owned:
                free[recipient, comparable(event.text)].append(event)
    found: dict[int, str] = {}
    for attempt in ordered:
        fitting = free.get((attempt.recipient, comparable(attempt.text)), deque())
        # Attempts come earliest first: what is too old for this one is too old for all that follow.
        while fitting and fitting[0].created_at < attempt.first_armed_at - CLOCK_SKEW:
            fitting.popleft()
        if fitting:
            found[attempt.message_id] = fitting.popleft().x_id
    return found


def _is_any_since(x_ids: Iterable[str], attempt: UnknownOutcome) -> bool:
    since = int(after_id_for([attempt]))
    return any(x_id == "?" or int(x_id) >= since for x_id in x_ids)


def _why_undecidable(
    attempt: UnknownOutcome, lookup: MessageLookup, own: Sequence[MessageEvent], taken: Collection[str]
) -> str:
    """Returns why a message that the look-up does not show may be out all the same; empty when it is not."""
    since = attempt.first_armed_at - CLOCK_SKEW
    if not lookup.events.is_complete:
        return "the account had too many messages since"
    if _is_any_since(lookup.left_out, attempt):
        return "X left something out of messages of that time"
    if any(event.x_id not in taken for event in own if event.created_at >= since):
        return "X shows a message to the person since that is not in the log, and may be this one"
    if attempt.recipient in lookup.written_to:
        # X Chat: what is written in an encrypted conversation is accepted and never shown.
        return "X does not show it, and the conversation, in which there are earlier messages, may be encrypted"
    return ""


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
        col(Message.reason_code) != FOR_A_PERSON,
    )
    .order_by(col(Message.first_armed_at), col(Message.id))
)


def lose(session: Session, service_id: int, now: datetime) -> list[tuple[int, int, int]]:
    """Marks calls that an earlier process left open as uncertain; returns id, delivery and proof of each message."""
    return list(session.connection().execute(_LOST, {"service": service_id, "now": now}).tuples())


def uncertain(session: Session, service_id: int) -> list[UnknownOutcome]:
    """Returns the messages of a service whose outcome is unknown, the earliest first."""
    rows: Any = session.connection().execute(_UNCERTAIN, {"service_id": service_id}).tuples()
    return [UnknownOutcome(*row) for row in rows]


def written_to(session: Session, service_id: int, recipients: Sequence[str]) -> set[str]:
    """Returns which of these people (X user ids) were sent a message by a service, proofs included."""
    if not recipients:
        return set()
    sent = (
        select(col(Visitor.external_id))
        .join(Message, col(Message.visitor_id) == col(Visitor.id))
        .where(
            col(Visitor.origin) == ORIGIN,  # else its index is of no use
            among(session, col(Visitor.external_id), recipients, String()),
            col(Message.service_id) == service_id,
            col(Message.state) == MessageState.SENT,
        )
    )
    return set(session.scalars(sent))


def deliveries_of(session: Session, message_ids: Sequence[int]) -> dict[int, int]:
    """Returns which delivery each of these messages belongs to; proofs are left out."""
    rows = select(col(Message.id), col(Message.delivery_id)).where(
        among(session, col(Message.id), message_ids, BigInteger()), col(Message.proof_number) == MAIN
    )
    return dict(session.execute(rows).tuples().all())


#: X does not know the file, or not any more: nothing is wrong with the person or the text.
FILE_UNKNOWN = "media_unknown"


def record_calls(sender: BroadcastSender, armed: Armed, calls: Sequence[Call], latest: LatestLimits) -> bool:
    """Commits the outcomes of some calls, and what follows for the broadcast; returns whether the batch has to halt."""
    broadcast, service_id = armed.broadcast, sender.service.id
    is_unknown = any(isinstance(call.result, Refused) and call.result.reason == FILE_UNKNOWN for call in calls)
    with transaction(durable=True) as session:
        now = sender.clock()
        x_ids = Counter(call.result.value for call in calls if isinstance(call.result, Answer))
        taken = {*log.owned_ids(session, list(x_ids)), *(x_id for x_id, count in x_ids.items() if count > 1)}
        written = log.record_outcomes(session, [outcome_of(call, armed.at, taken) for call in calls], now)
        _record_costs(session, sender, written, latest.update(calls), now)
        for _, one in written:
            if one.state is MessageState.REFUSED and one.reason_code in RECIPIENT_REASONS:
                visitor_id = armed.recipients[one.message_id].visitor_id
                consent.record_unreachable(session, service_id, visitor_id, one.reason_code, now)
        if is_unknown and broadcast.file:
            log.delete_uploads(session, service_id, [broadcast.file.sha256])  # it is uploaded again
        states = [one.state for _, one in written]
        answered = [state for state in states if state in {MessageState.SENT, MessageState.REFUSED}]
        reason = broadcast.record.add([state is MessageState.SENT for state in answered])
        if is_unknown and broadcast.record.file_is_unknown():
            reason = "X does not take its file any more: choose another one."
        if reason is not None:
            pause(session, broadcast.delivery_id, reason, now)
    if armed.span.proof_number == MAIN:
        sender.on_change(broadcast.delivery_id, moved(MessageState.PENDING, *states))
    blocked = next((call.result for call in calls if isinstance(call.result, ServiceBlocked)), None)
    if blocked is not None:
        pause_all(sender.service, blocked, sender.clock())
    return reason is not None or is_unknown or blocked is not None


def outcome_of(call: Call, armed_at: datetime, taken: Collection[str] = ()) -> Outcome:
    """Returns what a call means for its message; an id of another message (`taken`) is no proof that it is out."""
    result, message_id = call.result, call.message_id
    if isinstance(result, Answer) and result.value in taken:
        reason = f"X answered with the id of another message, {result.value}."
        return Outcome(message_id, armed_at, MessageState.UNCERTAIN, None, reason, "bad_answer")
    if isinstance(result, Answer):
        return Outcome(message_id, armed_at, MessageState.SENT, result.value)
    if isinstance(result, Refused) and result.reason != FILE_UNKNOWN:
        return Outcome(message_id, armed_at, MessageState.REFUSED, None, str(result), result.reason)
    if isinstance(result, Uncertain):
        return Outcome(message_id, armed_at, MessageState.UNCERTAIN, None, str(result), result.reason)
    is_tried = result is not None and not isinstance(result, Unsent)
    return Outcome(message_id, armed_at, MessageState.PENDING, is_tried=is_tried)


def _record_costs(
    session: Session,
    sender: BroadcastSender,
    written: Sequence[tuple[MessageState, Outcome]],
    windows: tuple[Window, ...],
    now: datetime,
) -> None:
    """Charges what was sent; the budget of what may be out stays reserved, message by message."""
    service_id, price, endpoint = sender.service.id, sender.gateway.message_price, sender.gateway.message_endpoint
    unknown = MessageState.UNCERTAIN
    sent = sum(one.state is MessageState.SENT for _, one in written)
    still_out = rate_limits.being_sent(session, [service_id]).total()
    receipt = Receipt(endpoint, price, sent, windows)
    spend_cap.record_cost(session, service_id, SENDING, [receipt], now, keep=still_out)
    lost = [purpose_of(one.message_id) for before, one in written if one.state is unknown and before is not unknown]
    spend_cap.reserve_beyond_cap(session, sender.service, endpoint, lost, price, now)
    # Another process took these for lost meanwhile.
    known = [purpose_of(one.message_id) for before, one in written if before is unknown and one.state is not unknown]
    spend_cap.release_lost(session, service_id, known)
