"""What a look at an account's direct messages proves of those whose answer was lost. Pure."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from campaign.domain.direct_messages import MessageEvent, MessageEvents, first_id_at
from campaign.domain.same_text import comparable
from campaign.domain.settling import CLOCK_SKEW


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
class MessageLook:
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
    """After which X id the account's events have to be read to settle these attempts, of which there is one at least.

    What an earlier attempt sent may have been shown late, and X's clock may be behind ours.
    """
    return first_id_at(min(_since(attempt) for attempt in attempts))


def settle_messages(attempts: Iterable[MessageAttempt], look: MessageLook, settle: timedelta) -> list[SettledMessage]:
    """What the look proves of each attempt, earliest first.

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


def _sent(look: MessageLook) -> dict[_Key, deque[MessageEvent]]:
    """The account's own events that no message has, oldest first."""
    sent: dict[_Key, deque[MessageEvent]] = defaultdict(deque)
    for event in _oldest_first(look.events.events):
        if event.sender == look.account_id and event.x_id not in look.owned:
            sent[event.recipient, comparable(event.text)].append(event)
    return sent


def _oldest_first(events: Sequence[MessageEvent]) -> list[MessageEvent]:
    """Each event once, whatever pages X showed it on."""
    once = {event.x_id: event for event in events}
    return sorted(once.values(), key=lambda event: (event.created_at, int(event.x_id)))


def _take(sent: dict[_Key, deque[MessageEvent]], attempt: MessageAttempt) -> str | None:
    """The X id of the oldest event that fits, which is nobody else's from now on."""
    fitting = sent.get((attempt.recipient, comparable(attempt.text)), deque())
    # Attempts come earliest first: what is too old for this one is too old for all that follow.
    while fitting and fitting[0].created_at < _since(attempt):
        fitting.popleft()
    return fitting.popleft().x_id if fitting else None


def _settled(attempt: MessageAttempt, x_id: str | None, look: MessageLook, settle: timedelta) -> SettledMessage:
    if x_id is not None:
        return SettledMessage(attempt.message_id, Verdict.FOUND, x_id)
    is_proof = look.events.is_complete and look.at >= attempt.armed_at + settle
    return SettledMessage(attempt.message_id, Verdict.ABSENT if is_proof else Verdict.UNKNOWN)
