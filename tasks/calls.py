"""A call to X for one direct message, what came of it, and what X said of its limits meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass

from campaign.domain.budget import Window, WindowName
from campaign.domain.receipt import Answer
from campaign.errors import XError

Result = Answer[str] | XError | None
"""What X answered, how the call failed, or None for a call that was not made."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is over, or was never made."""

    message_id: int
    result: Result


class Told:
    """What X said last of each window: calls that run side by side come back in any order."""

    def __init__(self) -> None:
        self._windows: dict[WindowName, Window] = {}

    def hear(self, calls: Sequence[Call]) -> tuple[Window, ...]:
        """The newest of what was said up to now; nothing when these calls said nothing."""
        said = [
            window
            for call in calls
            if call.result is not None
            for receipt in call.result.receipts
            for window in receipt.windows
        ]
        for window in said:
            known = self._windows.get(window.name)
            if known is None or _age(window) >= _age(known):
                self._windows[window.name] = window
        return tuple(self._windows.values()) if said else ()


def _age(window: Window) -> tuple[float, int]:
    """Larger for what was said later: within a window fewer and fewer calls are left."""
    return window.reset_at.timestamp(), -window.remaining
