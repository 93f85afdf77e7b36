"""Direct messages as they go out to X, and as X shows them afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

LONGEST_MESSAGE = 10_000
"""Characters (X's announcement of 2015; its API's description names no length)."""
_EPOCH_MS = 1_288_834_974_657
"""docs.x.com/fundamentals/x-ids: ids count milliseconds from then in their upper bits."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """Everything that X is told of one message: to whom (X user id), and at most one file."""

    recipient: str
    text: str
    media_id: str | None = None


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """A message between the account and one person as X shows it: `text` as it was written, short links expanded."""

    x_id: str
    sender: str
    recipient: str
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MessageEvents:
    """Events, newest first; `is_complete` says that none after the one asked for is left out."""

    events: Sequence[MessageEvent]
    is_complete: bool


def first_id_at(moment: datetime) -> str:
    """The lowest id that X may give to what happens from this moment on."""
    milliseconds = int(moment.astimezone(UTC).timestamp() * 1000) - _EPOCH_MS
    return str(max(0, milliseconds) << 22)
