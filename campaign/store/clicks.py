"""Clicks on short links: written many at once, and counted; those on proofs count nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, distinct, func, insert, literal_column, select
from sqlmodel import Session, col

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
    if session.get_bind().dialect.name == "sqlite":
        hour: ColumnElement[str] = func.strftime(literal_column("'%Y-%m-%d %H:00'"), col(Click.clicked_at))
    else:
        in_utc = func.timezone(literal_column("'UTC'"), col(Click.clicked_at))
        hour = func.to_char(in_utc, literal_column("'YYYY-MM-DD HH24:00'"))
    return _counted(hour, func.count()).where(_BY_PEOPLE).group_by(hour).order_by(hour)
