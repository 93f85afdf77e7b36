"""One service at work on its direct messages: what it sends with, from which broadcasts, and who says stop."""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from campaign.domain.breaker import LOOKED_AT, should_pause
from campaign.domain.broadcast_text import BroadcastText
from campaign.domain.content import NamedLink
from campaign.domain.quiet_hours import QuietHours
from campaign.domain.rendered import LoadedFile
from campaign.x.gateway import Gateway
from models import MessageState, Service
from tasks.progress import Clock, End, Progress

#: Messages armed together at most: one look-up settles as many.
BATCH = 100
#: Calls to X at the same time for one service.
AT_ONCE = 3
#: How often it is looked whether a batch may still go out, in seconds.
LOOK_EVERY = 0.25
SENDING = "sending direct messages"
"""What the money for a batch is set aside for."""


class Record:
    """The last outcomes of one broadcast, on all its services; pauses it when X refuses too much."""

    def __init__(self, outcomes: Sequence[bool] = ()) -> None:
        self._outcomes = deque(outcomes, LOOKED_AT)
        self._lock = Lock()
        self._files_unknown = 0

    def file_is_unknown(self) -> bool:
        """Note that X did not know the file though it had taken it; True when that is not the first time."""
        with self._lock:
            self._files_unknown += 1
            return self._files_unknown > 1

    def add(self, outcomes: Sequence[bool]) -> str | None:
        """Note what came of messages, the newest last; the sentence when the broadcast has to pause."""
        with self._lock:
            for outcome in outcomes:
                self._outcomes.append(outcome)
                if reason := should_pause(list(self._outcomes)):
                    return reason
        return None


@dataclass(frozen=True, slots=True)
class Letter:
    """A broadcast on one service: its text, its file, and the stamp of what somebody said yes to."""

    delivery_id: int
    name: str
    stamp: str
    text: BroadcastText
    file: LoadedFile | None = None
    record: Record = field(default_factory=Record)
    links: Mapping[str, NamedLink] = field(default_factory=dict)
    """Those whose clicks are counted, by their address as it is written."""


@dataclass(frozen=True)
class Desk:
    """Everything that sending for one service needs; `letters` by delivery id."""

    gateway: Gateway
    service: Service
    letters: dict[int, Letter]
    clock: Clock
    settle_after: timedelta
    inbox_every: timedelta
    words: frozenset[str]
    quiet: QuietHours | None = None
    at_once: int = AT_ONCE
    is_stopped: Callable[[], bool] = lambda: False
    on_change: Callable[[int, Counter[MessageState]], None] = lambda _delivery_id, _change: None
    """Hears by how much the numbers of a broadcast's messages change, by state."""
    log: Callable[[str], None] = lambda _line: None
    look_every: float = LOOK_EVERY

    def progress(self, end: End, reason: str = "", until: datetime | None = None) -> Progress:
        """Where the service stands."""
        return Progress(self.service.id, end, reason, until)


def purpose_of(message_id: int) -> str:
    """What the money for a message is kept aside for while nobody knows whether it is out."""
    return f"publishing message {message_id}"


def moved(before: MessageState, *after: MessageState) -> Counter[MessageState]:
    """By how much the numbers of messages change that were in one state."""
    change = Counter(after)
    change[before] -= len(after)
    return change
