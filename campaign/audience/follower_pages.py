"""Pages of followers for people to look through: searched, filtered, sorted, and counted, however many there are.

No statement reads a whole list of a million: a page goes on where the one before it ended, and where a condition
chooses few people, a page ends when its time is over, with what it found until then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from time import monotonic
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, exists, func, literal, or_, select, union_all
from sqlmodel import Session, col

from campaign.audience import visitors
from campaign.audience.conditions import Condition
from campaign.audience.people_files import without_address
from campaign.db.json_rows import among, is_on_postgresql
from campaign.errors import WrongUsage
from campaign.formatting import fold
from models import Consent, ConsentSource, Service, Subscription, Visitor

ROWS = 50
"""People on one page."""
_SECONDS = 0.2
"""After which a page ends, or a count is told as far as it is."""
#: People who are looked at by one statement, and people few enough to be sorted at once.
_AT_ONCE, _FEW = 20_000, 2_000
_LAST = 2**62
_KNOWN_FOLLOWERS: ColumnElement[Any] = func.coalesce(col(Visitor.followers_count), -1)
_NAME: Any = col(Visitor.folded_name)
_HANDLE: ColumnElement[Any] = func.lower(col(Visitor.username))


class Order(StrEnum):
    """In which order followers are listed."""

    NEWEST = "newest"
    """Those who were met last first."""
    FOLLOWERS = "followers"
    """Those with most followers of their own first."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The followers to list: of these accounts, by the beginning of a handle or name, by a condition."""

    services: Sequence[Service]
    now: datetime
    search: str = ""
    condition: Condition | None = None
    has_ended: bool = False
    """Those who no longer follow, in the place of those who do."""
    order: Order = Order.NEWEST


@dataclass(frozen=True, slots=True)
class FollowerRow:
    """A person who follows an account, or did."""

    visitor_id: int
    service: Service
    external_id: str
    username: str | None
    full_name: str | None
    followers_count: int | None
    verified: bool | None
    location: str | None
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page goes on: behind the person with this key and number."""

    key: int = _LAST
    visitor_id: int = _LAST

    def __str__(self) -> str:
        return f"{self.key}.{self.visitor_id}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """Reads a place from an address; the first one if it is none."""
        key, _, visitor_id = text.partition(".")
        numbers = [
            int(one) for one in (key, visitor_id) if one.removeprefix("-").isdecimal() and len(one) < len(str(_LAST))
        ]
        return cls(*numbers) if len(numbers) == 2 else cls()  # noqa: PLR2004  # both


@dataclass(frozen=True, slots=True)
class FollowerPage:
    """A page of a list; `next` is where it goes on."""

    rows: list[FollowerRow] = field(default_factory=list)
    next: Place | None = None
    is_cut: bool = False
    """Whether its time was over before it was full."""


@dataclass(frozen=True, slots=True)
class Count:
    """A count as far as it is; `next` is the number of the visitor before which it goes on."""

    people: int
    next: int | None = None


def list_followers(session: Session, wanted: Wanted, after: Place) -> FollowerPage:
    """Lists followers from a place on, in one order; raises WrongUsage for several accounts without a search."""
    found = _find(session, wanted)
    if isinstance(found, list):
        within = among(session, col(Visitor.id), found, BigInteger())
        rows = _rows(session, wanted, [within, _behind(wanted.order, after)], ROWS + 1)
        return _page(wanted, rows)
    if len(wanted.services) > 1:
        raise WrongUsage("Choose one account, or write how the handle or the name begins.")
    conditions = [] if found is None else [found]
    if wanted.order is Order.FOLLOWERS and _has_few(session, wanted.services[0]):
        rows = _rows(session, wanted, [*conditions, _behind(wanted.order, after)], ROWS + 1)
        return _page(wanted, rows)
    return _scan(session, wanted, after, conditions)


def count_followers(session: Session, wanted: Wanted, before: int | None = None, so_far: int = 0) -> Count:
    """Counts followers, from a place on, until the time is over."""
    found, conditions = _find(session, wanted), list[ColumnElement[bool]]()
    if isinstance(found, list):
        conditions.append(among(session, col(Visitor.id), found, BigInteger()))
        return Count(session.scalar(_chosen(select(func.count()), wanted, conditions)) or 0)
    conditions += [] if found is None else [found]
    high = before or (session.scalar(select(func.max(col(Visitor.id)))) or 0) + 1
    people, ends, step = so_far, monotonic() + _SECONDS, _AT_ONCE
    while high > 1:
        began, low = monotonic(), max(1, high - step)
        person = col(Subscription.visitor_id)
        part = _chosen(select(func.count()), wanted, [*conditions, person >= low, person < high])
        people, high = people + (session.scalar(part) or 0), low
        # Twice as much at once as long as it is quick: fewer statements.
        step = min(step * 2, 8 * _AT_ONCE) if monotonic() - began < _SECONDS / 8 else step
        if monotonic() > ends:
            break
    return Count(people, high if high > 1 else None)


def _find(session: Session, wanted: Wanted) -> list[int] | ColumnElement[bool] | None:
    """Returns the people whom a search finds; if they are many, whether a person is one of them."""
    text = without_address(wanted.search).strip().replace("\x00", "")
    if not text:
        return None
    handle, is_on_server = fold(text.removeprefix("@")), is_on_postgresql(session)
    parts = [col(Visitor.external_id) == text, _begins(_HANDLE, handle, on_postgresql=is_on_server)]
    if not text.startswith("@"):
        parts.append(_begins(_NAME, fold(text), on_postgresql=is_on_server))
    some = [select(select(col(Visitor.id)).where(part).limit(_FEW + 1).subquery().c.id) for part in parts]
    ids = set(session.scalars(union_all(*some)))
    return list(ids) if len(ids) <= _FEW else or_(*parts)


def _has_few(session: Session, service: Service) -> bool:
    """Returns whether an account has so few followers that they are sorted at once."""
    some = select(col(Subscription.id)).where(col(Subscription.service_id) == service.id).limit(_AT_ONCE + 1)
    return (session.scalar(select(func.count()).select_from(some.subquery())) or 0) <= _AT_ONCE


def _begins(column: ColumnElement[Any], text: str, *, on_postgresql: bool) -> ColumnElement[bool]:
    """Returns whether a column begins with a text, in the words for which the database uses the index."""
    if on_postgresql:
        return column.startswith(text, autoescape=True)
    return and_(column >= text, column < text + "\U0010ffff")


def _scan(session: Session, wanted: Wanted, after: Place, conditions: list[ColumnElement[bool]]) -> FollowerPage:
    """Looks through the followers in their order, a range at a time, until the page is full or its time is over."""
    rows, ends, place = list[Any](), monotonic() + _SECONDS, after
    while len(rows) <= ROWS:
        end = _end_of_range(session, wanted, place)
        within = [_behind(wanted.order, place), *([] if end is None else [_not_behind(wanted.order, end)])]
        rows += _rows(session, wanted, [*within, *conditions], ROWS + 1 - len(rows), is_scan=True)
        if end is None:
            break
        place = end
        if monotonic() > ends and len(rows) <= ROWS:
            return replace(_page(wanted, rows), next=place, is_cut=True)
    return _page(wanted, rows)


def _end_of_range(session: Session, wanted: Wanted, place: Place) -> Place | None:
    """Returns the place so many people further; None where fewer are left."""
    if wanted.order is Order.FOLLOWERS:
        columns = (_KNOWN_FOLLOWERS, col(Visitor.id))
        people = select(*columns).where(_behind(wanted.order, place)).order_by(*(one.desc() for one in columns))
    else:
        person = col(Subscription.visitor_id)
        people = (
            select(person, person)
            .where(col(Subscription.service_id) == wanted.services[0].id, _behind(wanted.order, place))
            .order_by(person.desc())
        )
    found = session.execute(people.offset(_AT_ONCE).limit(1)).first()
    return Place(*found) if found else None


def _behind(order: Order, place: Place) -> ColumnElement[bool]:
    if order is Order.NEWEST:
        return col(Subscription.visitor_id) < place.visitor_id
    key = literal(place.key, BigInteger())
    # The first part follows from the second: by it, databases find the beginning in the index.
    is_later = or_(key > _KNOWN_FOLLOWERS, col(Visitor.id) < place.visitor_id)
    return and_(key >= _KNOWN_FOLLOWERS, is_later)


def _not_behind(order: Order, place: Place) -> ColumnElement[bool]:
    if order is Order.NEWEST:
        return col(Subscription.visitor_id) >= place.visitor_id
    key = literal(place.key, BigInteger())
    return and_(key <= _KNOWN_FOLLOWERS, or_(key < _KNOWN_FOLLOWERS, col(Visitor.id) >= place.visitor_id))


def _rows(
    session: Session, wanted: Wanted, conditions: Sequence[ColumnElement[bool]], limit: int, *, is_scan: bool = False
) -> list[Any]:
    names = ("external_id", "username", "full_name", "followers_count", "verified", "location")
    columns: list[Any] = [col(Visitor.id), col(Subscription.service_id), *(getattr(Visitor, name) for name in names)]
    columns += [col(Subscription.began_at), col(Subscription.ended_at)]
    query = _chosen(select(*columns), wanted, conditions).limit(limit)
    if wanted.order is Order.NEWEST:
        query = query.order_by(col(Subscription.visitor_id).desc(), col(Subscription.service_id))
    elif is_scan:
        # Without statistics SQLite would rather sort all followers.
        query = query.with_hint(Visitor, "INDEXED BY ix_visitor_known_followers", "sqlite")
        query = query.order_by(_KNOWN_FOLLOWERS.desc(), col(Visitor.id).desc())
    else:
        query = query.order_by((_KNOWN_FOLLOWERS + 0).desc(), col(Visitor.id).desc(), col(Subscription.service_id))
    return list(session.execute(query))


def _chosen(query: Select[Any], wanted: Wanted, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    services = [service.id for service in wanted.services]
    of_service = (
        col(Subscription.service_id) == services[0]
        if len(services) == 1
        else col(Subscription.service_id).in_(services)
    )
    ended = col(Subscription.ended_at)
    query = query.select_from(Subscription).join(Visitor, col(Visitor.id) == col(Subscription.visitor_id))
    query = query.where(of_service, ended.is_not(None) if wanted.has_ended else ended.is_(None), *conditions)
    if wanted.condition is None:
        return query
    return query.where(visitors.where(wanted.condition, wanted.now, consented=_consented(wanted.services)))


def _consented(services: Sequence[Service]) -> ColumnElement[bool]:
    counting = [service.id for service in services if service.wrote_first_counts]
    return exists().where(
        col(Consent.service_id) == col(Subscription.service_id),
        col(Consent.visitor_id) == col(Visitor.id),
        col(Consent.ended_at).is_(None),
        or_(col(Subscription.service_id).in_(counting), col(Consent.source) != ConsentSource.WROTE_FIRST),
    )


def _page(wanted: Wanted, rows: Sequence[Any]) -> FollowerPage:
    services = {service.id: service for service in wanted.services}
    shown = [FollowerRow(row[0], services[row[1]], *row[2:]) for row in rows[:ROWS]]
    if len(rows) <= ROWS:
        return FollowerPage(shown)
    last = shown[-1]
    is_newest = wanted.order is Order.NEWEST
    followers = -1 if last.followers_count is None else last.followers_count
    return FollowerPage(shown, Place(last.visitor_id if is_newest else followers, last.visitor_id))
