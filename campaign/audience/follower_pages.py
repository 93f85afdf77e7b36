"""Pages of followers for people to look through: searched, filtered, sorted, and counted, however many there are.

No statement reads a whole list of a million: a page goes on where the one before it ended, and where a condition
chooses few people, a page ends when its time is over, with what it found until then. A segment is a condition that is
saved under a name, for these pages and for audiences of broadcasts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from time import monotonic
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, func, literal, literal_column, or_, union_all
from sqlalchemy import select as sa_select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from campaign.audience import visitors
from campaign.audience.conditions import Condition, parse
from campaign.audience.people_files import without_address
from campaign.db.engine import among, is_on_postgresql
from campaign.errors import NotPossible, WrongUsage
from campaign.formatting import fold
from campaign.users import store as users
from models import ORIGIN, Segment, Service, Subscription, Visitor

ROWS = 50
"""People on one page."""
_SECONDS = 0.24
"""After which a page ends, or a count is shown as far as it is."""
#: People whom a first and whom any statement looks at, as no statement can be stopped; few enough to be sorted at once.
_AT_ONCE, _MOST_AT_ONCE, _FEW = 20_000, 1_000_000, 10_000
_LAST = 2**62
_KNOWN_FOLLOWERS: ColumnElement[Any] = func.coalesce(col(Visitor.followers_count), literal_column("-1"))
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
    share: float = 1
    """How much of the table was looked at, more than 0."""

    @property
    def about(self) -> int:
        """Returns how many they are in all; until that is exact, by the share looked at, rounded to two digits."""
        expected = round(self.people / self.share)
        return max(self.people, round(expected, 2 - len(str(expected)))) if self.next else self.people


def list_followers(session: Session, wanted: Wanted, after: Place) -> FollowerPage:
    """Lists followers from a place on, in one order; raises WrongUsage for several accounts without a search."""
    found = _find(session, wanted)
    if isinstance(found, list):
        within = among(session, col(Subscription.visitor_id), found, BigInteger())
        rows = _rows(session, wanted, [within, _behind(wanted.order, after, by_index=False)])
        return _page(wanted, rows)
    if len(wanted.services) > 1:
        raise WrongUsage("Choose one account, or write how the handle or the name begins.")
    conditions = [] if found is None else [found]
    if wanted.condition is None and not conditions and wanted.order is Order.NEWEST and not wanted.has_ended:
        return _page(wanted, _rows(session, wanted, [_behind(wanted.order, after)], by_index=True))
    if wanted.has_ended or (wanted.order is Order.FOLLOWERS and _has_few(session, wanted.services[0])):
        return _page(wanted, _rows(session, wanted, [*conditions, _behind(wanted.order, after, by_index=False)]))
    return _scan(session, wanted, after, conditions)


def count_followers(session: Session, wanted: Wanted, before: int | None = None, so_far: int = 0) -> Count:
    """Counts followers, from a place on, until the time is over."""
    found, conditions = _find(session, wanted), list[ColumnElement[bool]]()
    if isinstance(found, list):
        conditions.append(among(session, col(Subscription.visitor_id), found, BigInteger()))
        return Count(session.scalar(_chosen(sa_select(func.count()), wanted, conditions)) or 0)
    conditions += [] if found is None else [found]
    beyond = _highest(session) + 1
    high, people, ends, step = min(before or beyond, beyond), so_far, monotonic() + _SECONDS, _AT_ONCE
    while high > 1:
        # An exact number is worth a little more time.
        began, low = monotonic(), 1 if high < 1.2 * step else high - step
        part = _chosen(sa_select(func.count()), wanted, [*conditions, _in_range(low, high)])
        people, high = people + (session.scalar(part) or 0), low
        if not (step := _next_step(step, began, ends)):
            break
    return Count(people, high, 1 - high / beyond) if high > 1 else Count(people)


def _find(session: Session, wanted: Wanted) -> list[int] | ColumnElement[bool] | None:
    """Returns the people whom a search finds; if they are many, whether a person is one of them."""
    text = without_address(wanted.search).strip().replace("\x00", "")
    if not text:
        return None
    handle, is_on_server = fold(text.removeprefix("@")), is_on_postgresql(session)
    is_id = and_(col(Visitor.origin) == ORIGIN, col(Visitor.external_id) == text)
    parts = [is_id, _begins(_HANDLE, handle, on_postgresql=is_on_server)]
    if not text.startswith("@"):
        parts.append(_begins(_NAME, fold(text), on_postgresql=is_on_server))
    some = [sa_select(sa_select(col(Visitor.id)).where(part).limit(_FEW + 1).subquery().c.id) for part in parts]
    ids = set(session.scalars(union_all(*some)))
    return list(ids) if len(ids) <= _FEW else or_(*parts)


def _has_few(session: Session, service: Service) -> bool:
    """Returns whether an account has so few followers that they are sorted at once."""
    some = sa_select(col(Subscription.id)).where(col(Subscription.service_id) == service.id).limit(_AT_ONCE + 1)
    return (session.scalar(sa_select(func.count()).select_from(some.subquery())) or 0) <= _AT_ONCE


def _begins(column: ColumnElement[Any], text: str, *, on_postgresql: bool) -> ColumnElement[bool]:
    """Returns whether a column begins with a text, in the words for which the database uses the index."""
    if on_postgresql:
        return column.startswith(text, autoescape=True)
    return and_(column >= text, column < text + "\U0010ffff")


def _scan(session: Session, wanted: Wanted, after: Place, conditions: list[ColumnElement[bool]]) -> FollowerPage:
    """Looks through the followers in their order, a range at a time, until the page is full or its time is over."""
    rows, ends, step = list[Any](), monotonic() + _SECONDS, _AT_ONCE
    place: Place | None = after
    while place and len(rows) <= ROWS:
        began, end = monotonic(), _end_of_range(session, wanted, place, step)
        within = [_behind(wanted.order, place), *([] if end is None else [_not_behind(wanted.order, end)])]
        rows += _rows(session, wanted, [*within, *conditions], ROWS + 1 - len(rows), by_index=True)
        place = end
        if not (step := _next_step(step, began, ends)):
            break
    if place and len(rows) <= ROWS:
        return replace(_page(wanted, rows), next=place, is_cut=True)
    return _page(wanted, rows)


def _next_step(step: int, began: float, ends: float) -> int:
    """Returns how many people to look at next, at the pace of the last ones until the time ends; 0 when it is over.

    Few statements are quicker than many: PostgreSQL counts in several processes where a range is long.
    """
    now = monotonic()
    in_time = int(step * (ends - now) / max(now - began, 0.001))
    return min(in_time, 8 * step, _MOST_AT_ONCE) if in_time >= _AT_ONCE / 4 else 0


def _end_of_range(session: Session, wanted: Wanted, place: Place, step: int) -> Place | None:
    """Returns the place about so many people further; None where fewer are left."""
    if wanted.order is Order.NEWEST:
        last = min(place.visitor_id, _highest(session) + 1) - step
        return Place(last, last) if last > 1 else None
    columns = (_KNOWN_FOLLOWERS, col(Visitor.id))
    people = sa_select(*columns).where(_behind(wanted.order, place)).order_by(*(one.desc() for one in columns))
    found = session.execute(people.offset(step).limit(1)).first()
    return Place(*found) if found else None


def _highest(session: Session) -> int:
    return session.scalar(sa_select(func.max(col(Visitor.id)))) or 0


def _behind(order: Order, place: Place, *, by_index: bool = True) -> ColumnElement[bool]:
    """Returns whether a person comes behind a place; SQLite does not use the index of an expression such as `x + 0`."""
    if order is Order.NEWEST:
        person = col(Subscription.visitor_id)
        return _in_range(None, place.visitor_id) if by_index else (person + 0) < place.visitor_id
    known, key = _KNOWN_FOLLOWERS if by_index else _KNOWN_FOLLOWERS + 0, literal(place.key, BigInteger())
    # The first part follows from the second: by it, databases find the beginning in the index.
    return and_(key >= known, or_(key > known, col(Visitor.id) < place.visitor_id))


def _in_range(first: int | None, beyond: int | None) -> ColumnElement[bool]:
    """Returns whether a person is of a range, for both tables: PostgreSQL does not conclude one from the other."""
    columns = (col(Subscription.visitor_id), col(Visitor.id))
    return and_(
        *(one >= first for one in columns if first is not None),
        *(one < beyond for one in columns if beyond is not None),
    )


def _not_behind(order: Order, place: Place) -> ColumnElement[bool]:
    if order is Order.NEWEST:
        return _in_range(place.visitor_id, None)
    key = literal(place.key, BigInteger())
    return and_(key <= _KNOWN_FOLLOWERS, or_(key < _KNOWN_FOLLOWERS, col(Visitor.id) >= place.visitor_id))


def _rows(
    session: Session,
    wanted: Wanted,
    conditions: Sequence[ColumnElement[bool]],
    limit: int = ROWS + 1,
    *,
    by_index: bool = False,
) -> list[Any]:
    names = ("external_id", "username", "full_name", "followers_count", "verified", "location")
    columns: list[Any] = [col(Visitor.id), col(Subscription.service_id), *(getattr(Visitor, name) for name in names)]
    columns += [col(Subscription.began_at), col(Subscription.ended_at)]
    by_followers = by_index and wanted.order is Order.FOLLOWERS
    query = _chosen(sa_select(*columns), wanted, conditions, by_followers=by_followers).limit(limit)
    person = col(Subscription.visitor_id)
    if wanted.order is Order.NEWEST:
        order = [(person if by_index else person + 0).desc()]
    else:
        known = _KNOWN_FOLLOWERS if by_index else _KNOWN_FOLLOWERS + 0
        order = [known.desc(), col(Visitor.id).desc()]
    query = query.order_by(*order, *([] if len(wanted.services) == 1 else [col(Subscription.service_id)]))
    return list(session.execute(query))


def _chosen(
    query: Select[Any], wanted: Wanted, conditions: Sequence[ColumnElement[bool]], *, by_followers: bool = False
) -> Select[Any]:
    ended, services = col(Subscription.ended_at), [service.id for service in wanted.services]
    if by_followers:
        # Each person is looked up in the order of the index: SQLite would rather sort all followers of the account.
        same = aliased(Subscription)
        of_person = col(same.service_id) == services[0], col(same.visitor_id) == col(Visitor.id)
        found = sa_select(col(same.id)).where(*of_person).correlate(Visitor).scalar_subquery()
        query = query.select_from(Visitor).join(Subscription, col(Subscription.id) == found)
    else:
        query = query.select_from(Subscription).join(Visitor, col(Visitor.id) == col(Subscription.visitor_id))
        service = col(Subscription.service_id)
        query = query.where(service == services[0] if len(services) == 1 else service.in_(services))
    query = query.where(ended.is_not(None) if wanted.has_ended else ended.is_(None), *conditions)
    if wanted.condition is None:
        return query
    counting = col(Subscription.service_id).in_([one.id for one in wanted.services if one.wrote_first_counts])
    return query.where(visitors.where(wanted.condition, wanted.now, consented=visitors.has_agreed(counting)))


def _page(wanted: Wanted, rows: Sequence[Any]) -> FollowerPage:
    services = {service.id: service for service in wanted.services}
    shown = [FollowerRow(row[0], services[row[1]], *row[2:]) for row in rows[:ROWS]]
    if len(rows) <= ROWS:
        return FollowerPage(shown)
    last = shown[-1]
    is_newest = wanted.order is Order.NEWEST
    followers = -1 if last.followers_count is None else last.followers_count
    return FollowerPage(shown, Place(last.visitor_id if is_newest else followers, last.visitor_id))


LONGEST_NAME = 80


def list_segments(session: Session) -> list[Segment]:
    """Lists the segments by name."""
    return sorted(session.exec(select(Segment)), key=lambda one: fold(one.name))


def find_segment(session: Session, name: str) -> Segment:
    """Finds a segment, whatever the case of its name; raises WrongUsage when there is none."""
    if found := _named(session, name):
        return found
    raise WrongUsage(f"There is no segment {name!r}; `campaign segment list` shows them.")


def save_segment(
    session: Session, name: str, condition: str, actor: str, now: datetime, *, may_replace: bool = True
) -> Segment:
    """Saves a condition under a name, in the place of the segment of that name.

    Raises WrongUsage for an invalid name, WrongCondition for an invalid condition, NotPossible if the name is taken
    and may not be replaced.
    """
    parse(condition)
    segment = _named(session, name)
    if segment and not may_replace:
        raise _taken(segment.name)
    segment = segment or Segment(name=_checked(name), condition="", saved_by="", saved_at=now)
    segment.condition, segment.saved_by, segment.saved_at = condition.strip(), actor, now
    return _written(session, segment, actor, "saved", now)


def rename_segment(session: Session, name: str, new_name: str, actor: str, now: datetime) -> Segment:
    """Gives a segment another name; raises WrongUsage for an invalid one, NotPossible for one that is taken."""
    segment, known = find_segment(session, name), _named(session, new_name)
    if known and known.id != segment.id:
        raise _taken(known.name)
    old, segment.name = segment.name, _checked(new_name)
    return _written(session, segment, actor, "renamed", now, f"It was called {old}.")


def delete_segment(session: Session, name: str, actor: str, now: datetime) -> None:
    """Deletes a segment; broadcasts that were written with it keep its condition. Raises WrongUsage."""
    segment = find_segment(session, name)
    session.delete(segment)
    users.record_audit(session, actor, f"segment {segment.name}", "deleted", now)


def _named(session: Session, name: str) -> Segment | None:
    wanted = fold(" ".join(name.split()))
    return next(
        (one for one in session.exec(select(Segment).order_by(col(Segment.id))) if fold(one.name) == wanted), None
    )


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or not any(map(str.isalnum, name)):
        raise WrongUsage(f"{name!r} cannot be the name of a segment; write 1 to {LONGEST_NAME} characters.")
    return name


def _taken(name: str) -> NotPossible:
    return NotPossible(f"The segment {name} exists; take another name.")


def _written(session: Session, segment: Segment, actor: str, action: str, now: datetime, detail: str = "") -> Segment:
    session.add(segment)
    try:
        session.flush()
    except IntegrityError:  # another transaction wrote one of this name at the same time
        raise _taken(segment.name) from None
    users.record_audit(session, actor, f"segment {segment.name}", action, now, detail)
    return segment
