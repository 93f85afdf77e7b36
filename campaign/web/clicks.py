"""Clicks on their way into the database: noted in no time, written a few times a second by a thread of its own."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any

from sqlalchemy.exc import TimeoutError as NoConnection

from campaign.errors import NotPossible
from campaign.store import clicks
from campaign.store.engine import writing
from campaign.web.clicks_agents import agent_of
from models import Click

MOST_WAITING = 20_000
"""Clicks in memory while the database is away, some megabytes of them: those that come then are counted as lost."""
EVERY_SECONDS = 0.25
"""A process that is killed loses what came since."""
_AT_ONCE = 1_000
_END_SECONDS = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """A short link that was followed: of which link and message, when, and how the browser introduced itself."""

    link_id: int
    message_id: int
    at: datetime
    said: str
    is_automatic: bool = False
    """The request itself says that nobody looks at the answer now."""

    def as_click(self) -> Click:
        """What is kept of it."""
        agent = agent_of(self.said)
        return Click(
            link_id=self.link_id,
            message_id=self.message_id,
            clicked_at=self.at,
            agent=agent.family,
            is_robot=agent.is_robot or self.is_automatic,
        )


class ClickRecorder:
    """Takes visits from the pages and writes them as clicks; whatever happens here, no page waits or fails."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._waiting: Queue[Visit] = Queue(most_waiting)
        self._unwritten: list[Visit] = []
        self._lost = 0
        self._is_held_up = False
        self._is_ending = Event()
        self._thread: Thread | None = None

    @asynccontextmanager
    async def lifespan(self, _app: Any) -> AsyncIterator[None]:
        """Write as long as the application runs, and at its end what is left."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Begin to write."""
        agent_of("Mozilla/5.0")  # what knows the browsers is loaded now, so that no click waits for it
        self._is_ending.clear()
        self._thread = Thread(target=self._work, name="clicks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, unless the database keeps from it for some seconds."""
        self._is_ending.set()
        if self._thread:
            self._thread.join(_END_SECONDS)
        left = self._waiting.qsize() + len(self._unwritten)
        if left:
            _log.error("%d clicks are lost: the database did not take them.", left)

    def note(self, visit: Visit) -> None:
        """Take a visit; it is lost when too many wait already."""
        try:
            self._waiting.put_nowait(visit)
        except Full:
            self._lost += 1

    def _work(self) -> None:
        while not self._is_ending.wait(EVERY_SECONDS):
            self._write_all()
        self._write_all()

    def _write_all(self) -> None:
        while batch := self._unwritten or self._next():
            self._unwritten = batch
            if not self._write(batch):
                return
            self._unwritten, self._is_held_up = [], False
            self._tell_lost()

    def _next(self) -> list[Visit]:
        batch: list[Visit] = []
        try:
            while len(batch) < _AT_ONCE:
                batch.append(self._waiting.get_nowait())
        except Empty:
            pass
        return batch

    def _write(self, batch: list[Visit]) -> bool:
        """Whether the batch is done with: what a database that is away did not take is written later."""
        try:
            with writing() as session:
                clicks.write(session, [visit.as_click() for visit in batch])
        except (NotPossible, NoConnection) as error:
            if not self._is_held_up:
                _log.warning("Clicks wait for the database: %s", error)
            self._is_held_up = True
            return False
        except Exception as error:  # noqa: BLE001  a batch that cannot be written holds up no other
            _log.error("%d clicks are lost: they could not be written (%s).", len(batch), type(error).__name__)
        return True

    def _tell_lost(self) -> None:
        lost, self._lost = self._lost, 0
        if lost:
            _log.error("%d clicks are lost: the database was away for too long.", lost)
