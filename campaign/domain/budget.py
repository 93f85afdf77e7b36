"""What X still allows, and when it allows more. Pure: answers and `now` come in, a moment goes out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from models.ledgers import WindowName

__all__ = ["Window", "WindowName", "opens_at"]


@dataclass(frozen=True, slots=True)
class Window:
    """What X said of one limit window of one endpoint: `remaining` of `limit` calls until `reset_at`."""

    name: WindowName
    limit: int
    remaining: int
    reset_at: datetime


def opens_at(windows: Iterable[Window], now: datetime) -> datetime | None:
    """The moment from which every window allows a call again; None when all of them allow one now."""
    closed = [window.reset_at for window in windows if window.remaining <= 0 and window.reset_at > now]
    return max(closed, default=None)
