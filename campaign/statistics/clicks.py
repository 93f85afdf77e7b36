"""Clicks on short links: written many at a time, and counted apart from those of robots."""

import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
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

from campaign.db.engine import is_on_postgresql, transaction
from campaign.errors import NotPossible
from models import MAIN, Click, Delivery, Link, Message, PastClicks


@dataclass(frozen=True, slots=True)
class Clicks:
    """Counts of clicks: those of people, those of robots, and in how many messages people clicked at least once."""

    people: int = 0
    robots: int = 0
    messages: int = 0


@dataclass(frozen=True, slots=True)
class LinkNumbers:
    """A tracked link of a delivery: clicks of people, and apart from them those of robots."""

    number: int
    url: str
    label: str = ""
    category: str = ""
    clicks: int = 0
    robots: int = 0

    def as_json(self) -> dict[str, object]:
        """Returns the link for scripts."""
        return {
            "number": self.number,
            "url": self.url,
            "label": self.label,
            "category": self.category,
            "clicks": self.clicks,
            "robot_clicks": self.robots,
        }


_BY_PEOPLE = col(Click.is_robot).is_(False)
_FIGURES = (
    func.count(case((_BY_PEOPLE, 1))),
    func.count(case((col(Click.is_robot), 1))),
    func.count(distinct(case((_BY_PEOPLE, col(Click.message_id))))),
)


_PAST_FIGURES = func.sum(col(PastClicks.people)), func.sum(col(PastClicks.robots))


def write(session: Session, clicks: Sequence[Click]) -> None:
    """Saves clicks, in one statement."""
    if clicks:
        session.execute(insert(Click), [one.model_dump(exclude={"id"}) for one in clicks])


def of_delivery(session: Session, delivery_id: int) -> Clicks:
    """Counts the clicks on all the links of a delivery."""
    return of_deliveries(session, [delivery_id]).get(delivery_id, Clicks())


def of_deliveries(session: Session, delivery_ids: Sequence[int]) -> dict[int, Clicks]:
    """Counts those of several deliveries at once; deliveries without a click are left out."""
    counted = _counted(col(Link.delivery_id), *_FIGURES).where(col(Link.delivery_id).in_(delivery_ids))
    rows = session.execute(counted.group_by(col(Link.delivery_id)))
    found = {delivery_id: Clicks(*figures) for delivery_id, *figures in rows}
    past = _past(col(Link.delivery_id), func.max(col(Delivery.clicked)), *_PAST_FIGURES)
    past = past.join(Delivery, col(Delivery.id) == col(Link.delivery_id)).where(col(Link.delivery_id).in_(delivery_ids))
    for delivery_id, messages, people, robots in session.execute(past.group_by(col(Link.delivery_id))):
        new = found.get(delivery_id, Clicks())
        found[delivery_id] = Clicks(new.people + people, new.robots + robots, new.messages + messages)
    return found


def by_link(session: Session, delivery_id: int) -> list[LinkNumbers]:
    """Counts the clicks on every link of a delivery, also on one without any."""
    people, robots = Counter[int](), Counter[int]()
    for one in by_link_and_hour(session, delivery_id) + _past_rows(session, delivery_id):
        people[one.link_id] += one.people
        robots[one.link_id] += one.robots
    links = session.scalars(select(Link).where(col(Link.delivery_id) == delivery_id).order_by(col(Link.number)))
    return [LinkNumbers(one.number, one.url, one.label, one.category, people[one.id], robots[one.id]) for one in links]


def by_hour(session: Session, delivery_id: int) -> list[tuple[datetime, int]]:
    """Counts the clicks of people by hour (UTC), in order; hours without any are left out."""
    people = Counter[datetime]()
    for one in by_link_and_hour(session, delivery_id) + _past_rows(session, delivery_id):
        people[one.hour] += one.people
    return sorted((hour, count) for hour, count in people.items() if count)


def by_link_and_hour(session: Session, delivery_id: int) -> list[PastClicks]:
    """Counts the clicks on a delivery that are in the database one by one, as they are saved once those are deleted."""
    if is_on_postgresql(session):
        in_utc = func.timezone(literal_column("'UTC'"), col(Click.clicked_at))
        hour: ColumnElement[str] = func.to_char(in_utc, literal_column("'YYYY-MM-DD HH24:00'"))
    else:
        hour = func.strftime(literal_column("'%Y-%m-%d %H:00'"), col(Click.clicked_at))
    counted = _counted(col(Click.link_id), hour, *_FIGURES[:2]).where(col(Link.delivery_id) == delivery_id)
    rows = session.execute(counted.group_by(col(Click.link_id), hour))
    return [
        PastClicks(link_id=link_id, hour=datetime.fromisoformat(at).replace(tzinfo=UTC), people=people, robots=robots)
        for link_id, at, people, robots in rows
    ]


def _past_rows(session: Session, delivery_id: int) -> list[PastClicks]:
    return list(session.scalars(_past(PastClicks).where(col(Link.delivery_id) == delivery_id)))


def _past(*columns: Any) -> Select[Any]:
    return select(*columns).select_from(PastClicks).join(Link, col(Link.id) == col(PastClicks.link_id))


def by_message(session: Session, message_ids: Sequence[int]) -> dict[int, Clicks]:
    """Counts the clicks in each of these messages, proofs or not; those without one are left out."""
    counted = select(col(Click.message_id), *_FIGURES).where(col(Click.message_id).in_(message_ids))
    rows = session.execute(counted.group_by(col(Click.message_id)))
    return {message_id: Clicks(*figures) for message_id, *figures in rows}


def _counted(*columns: Any) -> Select[Any]:
    of_link = select(*columns).select_from(Click).join(Link, col(Link.id) == col(Click.link_id))
    return of_link.join(Message, col(Message.id) == col(Click.message_id)).where(col(Message.proof_number) == MAIN)


UNKNOWN = "Other"
LONGEST_READ = 512
"""Characters of a user agent; those of browsers are shorter."""
_LONGEST_FAMILY = 64
#: Every browser begins so since 1994 or 1995; programs that fetch previews or check links, and scripts, mostly do not.
_BROWSER = re.compile(r"(?:Mozilla|Opera)/\d")
# Robots that pretend to be browsers, such as X's and Facebook's fetchers of previews and scanners of mail.
_ROBOT = re.compile(
    r"(?<!cu)bot(?:\b|[-_])|crawl|spider|slurp|preview|externalhit|facebookcatalog|scan|headless|phantomjs|lighthouse"
    r"|selenium|puppeteer|playwright|monitor|pingdom|uptime|validator|fetch|proxy|archiver|barracuda|proofpoint"
    r"|mimecast|safelinks|urlcheck|linkcheck|https?://|\+http|google-(?!chrome)|yahoo!|whatsapp|python|curl|wget",
    re.IGNORECASE,
)


class Agent(NamedTuple):
    """The family, such as Firefox or Twitterbot, and whether it is probably a robot."""

    family: str
    is_robot: bool


@lru_cache(maxsize=4096)
def agent_of(user_agent: str) -> Agent:
    """Reads what is saved of a user agent."""
    shown = user_agent.strip()[:LONGEST_READ]
    found = parse_user_agent(shown) if shown else None
    is_robot = not _BROWSER.match(shown) or bool(_ROBOT.search(shown))
    return Agent((found.family if found else UNKNOWN)[:_LONGEST_FAMILY], is_robot)


MOST_WAITING = 20_000
"""Clicks in memory while the database is away, some megabytes of them: further ones are counted as lost."""
EVERY_SECONDS = 0.25
"""A process that is killed loses the clicks since then."""
_AT_ONCE = 1_000
_END_SECONDS = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """A short link that was followed: of which link and message, when, and by which browser."""

    link_id: int
    message_id: int
    at: datetime
    user_agent: str
    is_automatic: bool = False
    """The request itself shows that a person does not read the answer now."""

    def as_click(self) -> Click:
        """Returns the click to save."""
        agent = agent_of(self.user_agent)
        return Click(
            link_id=self.link_id,
            message_id=self.message_id,
            clicked_at=self.at,
            agent=agent.family,
            is_robot=agent.is_robot or self.is_automatic,
        )


class ClickRecorder:
    """Takes visits from the pages and saves them as clicks; whatever happens here, no page waits or fails."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._waiting: Queue[Visit] = Queue(most_waiting)
        self._unwritten: list[Visit] = []
        self._lost = 0
        self._is_held_up = False
        self._is_ending = Event()
        self._thread: Thread | None = None

    @asynccontextmanager
    async def lifespan(self, _app: Any) -> AsyncIterator[None]:
        """Saves clicks as long as the application runs, and at its end those that are left."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Starts to save clicks."""
        agent_of("Mozilla/5.0")  # loads the list of browsers now, so that no click waits for it
        self._is_ending.clear()
        self._thread = Thread(target=self._work, name="clicks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Saves the clicks that are left, unless the database prevents it for some seconds."""
        self._is_ending.set()
        if self._thread:
            self._thread.join(_END_SECONDS)
        left = self._waiting.qsize() + len(self._unwritten)
        if left:
            _log.error("%d clicks are lost: the database did not take them.", left)

    def note(self, visit: Visit) -> None:
        """Takes a visit; it is lost when too many wait already."""
        try:
            self._waiting.put_nowait(visit)
        except Full:
            self._lost += 1

    def _work(self) -> None:
        while not self._is_ending.wait(EVERY_SECONDS):
            self._write_all()
        self._write_all()

    def _write_all(self) -> None:
        while True:
            with suppress(Empty):
                while len(self._unwritten) < _AT_ONCE:
                    self._unwritten.append(self._waiting.get_nowait())
            if not self._unwritten or not self._write(self._unwritten):
                return
            self._unwritten, self._is_held_up = [], False
            lost, self._lost = self._lost, 0
            if lost:
                _log.error("%d clicks are lost: the database was away for too long.", lost)

    def _write(self, batch: list[Visit]) -> bool:
        """Saves a batch; returns False when the database is away and the batch has to be saved later."""
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
