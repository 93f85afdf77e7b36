"""How far a delivery got on one account, and which errors end the work there for now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from campaign.errors import ServiceBlocked, Unsent, XError
from campaign.services.check import sentence_of

Clock = Callable[[], datetime]
"""Tells the time, aware; a step asks again after each call."""


class End(StrEnum):
    """Why the work on an account ended for now."""

    OUT = "out"
    """Everything is out."""
    WAITING = "waiting"
    """X allows no more calls now, or does not show yet what it did; goes on at `until`."""
    REFUSED = "refused"
    """X said no to a part; the parts after it wait."""
    BLOCKED = "blocked"
    """X lets this account do nothing; somebody has to act."""
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


class Stands(Protocol):
    """Something that says where its account stands."""

    def progress(self, end: End, reason: str = "", until: datetime | None = None) -> Progress:
        """Where the account stands."""
        ...


def stop_for(work: Stands, error: XError) -> Progress | None:
    """Whether an error ends the work on this account for now; raises it when trying again may help at once."""
    if isinstance(error, ServiceBlocked):
        return work.progress(End.BLOCKED, sentence_of(error))
    if isinstance(error, Unsent):
        if error.retry_at is None:
            raise error
        return work.progress(End.WAITING, "X allows no more calls for now.", error.retry_at)
    return None
