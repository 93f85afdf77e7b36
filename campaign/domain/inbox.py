"""What the messages that people send to an account mean, and how far they were read. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaign.domain.direct_messages import MessageEvent
from campaign.domain.opt_out import is_opt_out


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that somebody sent to the account; what it says is not kept."""

    sender: str
    """X user id."""
    event_id: str
    """X's id of the message."""
    at: datetime
    is_opt_out: bool


def judge(events: Iterable[MessageEvent], account_id: str, words: Collection[str]) -> list[Incoming]:
    """The messages that others sent to the account, oldest first, each once."""
    received = {e.x_id: e for e in events if e.sender != account_id and e.recipient == account_id}
    return [
        Incoming(event.sender, event.x_id, event.created_at, is_opt_out(event.text, words))
        for event in sorted(received.values(), key=lambda event: (event.created_at, int(event.x_id)))
    ]


def read_to(events: Iterable[MessageEvent], now: datetime, settle: timedelta, before: str) -> str:
    """The id after which the next reading begins: that of the newest event older than `settle`, or `before`.

    X may show an event late, so that whatever is younger is read again. Only for events of which none since `before`
    is left out: what is missing below the returned id is never read. `before` is empty when nothing was read yet.
    """
    settled = [event.x_id for event in events if event.created_at < now - settle]
    return max(before, *settled, key=lambda x_id: int(x_id or 0)) if settled else before


def is_due(read_at: datetime | None, now: datetime, every: timedelta) -> bool:
    """Whether the account's messages are to be read again; `read_at` is None when they never were."""
    return read_at is None or now - read_at >= every
