"""How far a delivery got on one service."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Clock = Callable[[], datetime]
"""Tells the time, aware; a step asks again after each call."""
OnUpload = Callable[[int, int], None]
"""Is given how many bytes of a file are uploaded, of how many."""


class End(StrEnum):
    """Why the work on an account ended for now."""

    OUT = "out"
    """Everything is out."""
    WAITING = "waiting"
    """X allows no more calls now, or does not show yet what it did; goes on at `until`."""
    REFUSED = "refused"
    """X refused a part; the parts after it wait."""
    BLOCKED = "blocked"
    """X lets this account do nothing; an operator has to act."""
    CAPPED = "capped"
    """The month's spend cap is reached."""
    HALTED = "halted"
    """The delivery is paused, stopped, over, or not what was confirmed."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one account stands: `until` is when to go on, `reason` one sentence for a person."""

    service_id: int
    end: End
    reason: str = ""
    until: datetime | None = None
