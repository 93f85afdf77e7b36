"""Clicks on short links: written many at a time, counted, and told from those of robots."""

import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, case, distinct, func, insert, literal_column, select
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlmodel import Session, col
from ua_parser import parse_user_agent

from campaign.db.engine import transaction
from campaign.db.json_rows import is_on_postgresql
from campaign.errors import NotPossible
from models import MAIN, Click, Link, Message


@dataclass(frozen=True, slots=True)
class Clicks:
    """Clicks counted: those of people, those of robots, and how many messages people clicked in at least once."""

    people: int = 0
    robots: int = 0
    messages: int = 0


@dataclass(frozen=True, slots=True)
class LinkClicks:
    """A link of a delivery, in the order of the links, and the clicks on it."""

    link_id: int
    number: int
    url: str
    label: str
    category: str
    clicks: Clicks


_BY_PEOPLE = col(Click.is_robot).is_(False)
_FIGURES = (
    func.count(case((_BY_PEOPLE, 1))),
    func.count(case((col(Click.is_robot), 1))),
    func.count(distinct(case((_BY_PEOPLE, col(Click.message_id))))),
)


def write(session: Session, clicks: Sequence[Click]) -> None:
    """Keep clicks, in one statement."""
    if clicks:
        session.execute(insert(Click), [one.model_dump(exclude={"id"}) for one in clicks])


def of_delivery(session: Session, delivery_id: int) -> Clicks:
    """The clicks on all the links of a delivery."""
    return Clicks(*session.execute(_counted(*_FIGURES).where(_is_of(delivery_id))).one())


def of_deliveries(session: Session, delivery_ids: Sequence[int]) -> dict[int, Clicks]:
    """The same for several deliveries at once; those without a click are left out."""
    counted = _counted(col(Link.delivery_id), *_FIGURES).where(col(Link.delivery_id).in_(delivery_ids))
    rows = session.execute(counted.group_by(col(Link.delivery_id)))
    return {delivery_id: Clicks(*figures) for delivery_id, *figures in rows}


def by_link(session: Session, delivery_id: int) -> list[LinkClicks]:
    """Every link of a delivery, also one that nobody clicked, with its clicks."""
    clicked = _counted(col(Click.link_id), *_FIGURES).where(_is_of(delivery_id)).group_by(col(Click.link_id))
    counted = {link_id: Clicks(*figures) for link_id, *figures in session.execute(clicked)}
    links = select(Link).where(col(Link.delivery_id) == delivery_id).order_by(col(Link.number))
    return [
        LinkClicks(one.id, one.number, one.url, one.label, one.category, counted.get(one.id, Clicks()))
        for one in session.scalars(links)
    ]


def by_hour(session: Session, delivery_id: int) -> list[tuple[datetime, int]]:
    """The clicks of people by the hour (UTC) in which they came, in order; hours without any are left out."""
    rows = session.execute(_by_hour(session).where(_is_of(delivery_id)))
    return [(datetime.fromisoformat(hour).replace(tzinfo=UTC), count) for hour, count in rows]


def by_message(session: Session, message_ids: Sequence[int]) -> dict[int, Clicks]:
    """The clicks in each of these messages, proofs or not; those without one are left out."""
    counted = select(col(Click.message_id), *_FIGURES).where(col(Click.message_id).in_(message_ids))
    rows = session.execute(counted.group_by(col(Click.message_id)))
    return {message_id: Clicks(*figures) for message_id, *figures in rows}


def _counted(*columns: Any) -> Select[Any]:
    of_link = select(*columns).select_from(Click).join(Link, col(Link.id) == col(Click.link_id))
    return of_link.join(Message, col(Message.id) == col(Click.message_id)).where(col(Message.proof_number) == MAIN)


def _is_of(delivery_id: int) -> ColumnElement[bool]:
    return col(Link.delivery_id) == delivery_id


def _by_hour(session: Session) -> Select[Any]:
    if is_on_postgresql(session):
        in_utc = func.timezone(literal_column("'UTC'"), col(Click.clicked_at))
        hour: ColumnElement[str] = func.to_char(in_utc, literal_column("'YYYY-MM-DD HH24:00'"))
    else:
        hour = func.strftime(literal_column("'%Y-%m-%d %H:00'"), col(Click.clicked_at))
    return _counted(hour, func.count()).where(_BY_PEOPLE).group_by(hour).order_by(hour)


UNKNOWN = "Other"
LONGEST_READ = 512
"""Characters of what a browser says of itself; more are no browser's."""
_LONGEST_FAMILY = 64
#: Every browser says so since 1994 or 1995; what fetches previews, checks links or runs in a script mostly does not.
_BROWSER = re.compile(r"(?:Mozilla|Opera)/\d")
# What says that it is a browser and is none, such as X's and Facebook's fetchers of previews and scanners of mail.
_ROBOT = re.compile(
    r"(?<!cu)bot(?:\b|[-_])|crawl|spider|slurp|preview|externalhit|facebookcatalog|scan|headless|phantomjs|lighthouse"
    r"|selenium|puppeteer|playwright|monitor|pingdom|uptime|validator|fetch|proxy|archiver|barracuda|proofpoint"
    r"|mimecast|safelinks|urlcheck|linkcheck|https?://|\+http|google-(?!chrome)|yahoo!|whatsapp|python|curl|wget",
    re.IGNORECASE,
)


class Agent(NamedTuple):
    """The family, such as Firefox or Twitterbot, and whether it is likely a robot's."""

    family: str
    is_robot: bool


@lru_cache(maxsize=4096)
def agent_of(user_agent: str) -> Agent:
    """What is kept of the way in which a browser or a program introduced itself."""
    shown = user_agent.strip()[:LONGEST_READ]
    found = parse_user_agent(shown) if shown else None
    is_robot = not _BROWSER.match(shown) or bool(_ROBOT.search(shown))
    return Agent((found.family if found else UNKNOWN)[:_LONGEST_FAMILY], is_robot)


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
    user_agent: str
    is_automatic: bool = False
    """The request itself says that nobody looks at the answer now."""

    def as_click(self) -> Click:
        """What is kept of it."""
        agent = agent_of(self.user_agent)
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
            with transaction() as session:
                write(session, [visit.as_click() for visit in batch])
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
