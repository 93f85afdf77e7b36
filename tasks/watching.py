"""Watching a batch while it is sent: whether the next message of it may still go out."""

import time
from collections.abc import Sequence
from threading import Event

from campaign.errors import Uncertain
from campaign.store import attempts
from campaign.store.engine import reading
from tasks.arming import Armed
from tasks.calls import Call
from tasks.desk import Desk

#: So many lost answers in a row end a batch: X is away, and every further one would have to be looked for.
MOST_UNCERTAIN = 3


class Watch:
    """Halts a batch when the run is stopped, the broadcast paused or stopped, or the batch taken over by another."""

    def __init__(self, desk: Desk, armed: Armed) -> None:
        self._desk, self._armed = desk, armed
        self._left = set(armed.texts)
        self._halt = Event()
        self._next = time.monotonic() + desk.look_every
        self._uncertain = 0

    @property
    def is_halted(self) -> bool:
        """Whether no further call may begin; asked by every thread."""
        return self._halt.is_set()

    @property
    def is_away(self) -> bool:
        """Whether X answers nothing any more."""
        return self._uncertain >= MOST_UNCERTAIN

    def halt(self) -> None:
        """Begin no further call."""
        self._halt.set()

    def around(self) -> None:
        """Look, between two messages and not too often, whether the batch may go on."""
        if self._desk.is_stopped():
            self.halt()
        if not self.is_halted and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._desk.look_every
            if not self._may_go_on():
                self.halt()

    def _may_go_on(self) -> bool:
        with reading() as session:
            return attempts.may_go_on(session, self._left, self._armed.at)

    def hear(self, calls: Sequence[Call]) -> None:
        """Take note of calls that are settled now."""
        for call in calls:
            self._left.discard(call.message_id)
            if call.result is not None and not self.is_away:
                self._uncertain = self._uncertain + 1 if isinstance(call.result, Uncertain) else 0
        if self.is_away:
            self.halt()
