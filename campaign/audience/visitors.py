"""Visitors: found by handle, id or condition (as SQL, the same on both databases), listed and counted.

Erased people and handles on the denylist are checked wherever people are saved, by a sync, a message or a list.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pendulum
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    SQLColumnExpression,
    String,
    Text,
    and_,
    cast,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    not_,
    or_,
    text,
)
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from campaign.audience.conditions import (
    BY_NAME,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Empty,
    FieldKind,
    Not,
    Operator,
    span,
)
from campaign.audience.people_files import without_address
from campaign.db.engine import among, is_on_postgresql
from campaign.db.vault import mark_of
from campaign.errors import WrongUsage
from campaign.formatting import fold
from campaign.services import store as services
from campaign.x.text import INVISIBLE
from models import (
    ORIGIN,
    Consent,
    ConsentSource,
    ErasedPerson,
    Service,
    Subscription,
    SuppressedHandle,
    Suppression,
    SuppressionReason,
    Visitor,
)

if TYPE_CHECKING:
    from campaign.audience.conditions import Condition


class Row:
    """A row of a list: a dataclass with its columns under the labels that people read."""

    LABELS: ClassVar[dict[str, str]]

    def as_row(self) -> dict[str, str]:
        """Returns the columns under their labels, as text."""
        return {label: _as_text(getattr(self, name)) for name, label in self.LABELS.items()}

    def as_json(self) -> dict[str, Any]:
        """Returns the columns under their names."""
        values = ((name, getattr(self, name)) for name in self.LABELS)
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values}


def _as_text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case tuple():
            return ", ".join(value)
    return str(value)


@dataclass(frozen=True, slots=True)
class Selection:
    """The followers to list: of a service, new since then, still following or not, fulfilling a condition."""

    service_id: int | None
    new_since: datetime | None
    ended: bool
    fulfilling: ColumnElement[bool] | None = None


@dataclass(frozen=True, slots=True)
class VisitorRow(Row):
    """A visitor as listed, once per service followed."""

    service: str
    origin: str
    external_id: str
    username: str | None
    full_name: str | None
    followers_count: int | None
    verified: bool | None
    folder: str
    began_at: datetime | None
    ended_at: datetime | None

    LABELS: ClassVar[dict[str, str]] = {
        "service": "Service",
        "origin": "Origin",
        "external_id": "External ID",
        "username": "Username",
        "full_name": "Full name",
        "followers_count": "Number of friends",
        "verified": "Checked",
        "folder": "Folder",
        "began_at": "Follows since",
        "ended_at": "No longer since",
    }


def all_of(conditions: Sequence["Condition"]) -> "Condition":
    """Returns the condition that holds where all of these do, one at least."""
    return AllOf(tuple(conditions)) if len(conditions) > 1 else conditions[0]


def selection_of(session: Session, service: str | None, new_since: datetime | None, *, ended: bool) -> Selection:
    """Reads a selection; raises WrongUsage for an unknown service."""
    row = services.find(session, service) if service else None
    if service and row is None:
        raise WrongUsage(f"There is no service {service}, or it has not been synchronised yet.")
    since = pendulum.instance(new_since, tz="UTC") if new_since else None
    return Selection(row.id if row else None, since, ended)


def narrowed(selection: Selection, condition: "Condition", now: datetime) -> Selection:
    """Narrows a selection to those who fulfil a condition."""
    return replace(selection, fulfilling=where(condition, now, consented=has_agreed(col(Service.wrote_first_counts))))


def select_visitors(session: Session, selection: Selection, limit: int | None = None) -> Iterator[VisitorRow]:
    """Yields the visitors of a selection, the newest followers first, in constant memory."""
    profile = (getattr(Visitor, name) for name in list(VisitorRow.LABELS)[1:8])
    ordered = (
        _chosen(sa_select(col(Service.internal_name), *profile, _BEGAN, _ENDED), selection)
        .order_by(_BEGAN.desc(), col(Subscription.id).desc())
        .limit(limit)
    )
    for row in session.execute(ordered.execution_options(yield_per=1000)):
        yield VisitorRow(*row)


def count_visitors(session: Session, selection: Selection) -> int:
    """Counts the visitors of a selection."""
    return session.scalar(_chosen(sa_select(func.count()).select_from(Visitor), selection)) or 0


_BEGAN, _ENDED = col(Subscription.began_at), col(Subscription.ended_at)


def has_agreed(wrote_first_counts: Any) -> ColumnElement[bool]:
    """Returns whether a follower agreed with the account; the argument says whether writing first counts there."""
    return exists().where(
        col(Consent.service_id) == col(Subscription.service_id),
        col(Consent.visitor_id) == col(Visitor.id),
        col(Consent.ended_at).is_(None),
        or_(wrote_first_counts, col(Consent.source) != ConsentSource.WROTE_FIRST),
    )


def _chosen(query: Select[Any], selection: Selection) -> Select[Any]:
    query = query.join(Subscription, col(Subscription.visitor_id) == col(Visitor.id))
    query = query.join(Service, col(Service.id) == col(Subscription.service_id))
    query = query.where(_ENDED.is_not(None) if selection.ended else _ENDED.is_(None))
    if selection.service_id is not None:
        query = query.where(col(Subscription.service_id) == selection.service_id)
    if selection.new_since is not None:
        query = query.where(selection.new_since <= _BEGAN)
    if selection.fulfilling is not None:
        query = query.where(selection.fulfilling)
    return query


_USERNAME = func.lower(col(Visitor.username))


def named(session: Session, text: str) -> Visitor:
    """Finds a visitor by X user id or handle; raises WrongUsage for none, or for several."""
    found = find(session, text)
    if found is None:
        raise WrongUsage(f"There is no visitor {text!r}; `campaign visitors` lists the known ones.")
    return found


def find(session: Session, text: str) -> Visitor | None:
    """Finds a visitor by X user id, handle or address of the profile, if there is one; raises WrongUsage for several.

    Digits are an X user id before they are a handle; behind an @ they are only a handle.
    """
    text = without_address(text)
    handle = text.removeprefix("@").lower()
    known = select(Visitor).where(col(Visitor.origin) == ORIGIN)
    found: list[Visitor] = []
    if "\x00" in text:
        return None
    if not text.startswith("@"):
        found = list(session.exec(known.where(col(Visitor.external_id) == handle)))
    found = found or list(session.exec(known.where(handle == _USERNAME).limit(10)))
    if len(found) > 1:
        ids = " and ".join(sorted(visitor.external_id for visitor in found))
        raise WrongUsage(f"The handle {text} is that of several visitors; name one by the X user id: {ids}.")
    return found[0] if found else None


def with_ids(session: Session, external_ids: Collection[str]) -> dict[str, int]:
    """Returns the ids of the visitors with these X user ids; unknown ones are left out."""
    is_wanted = among(session, col(Visitor.external_id), list(external_ids), String())
    found = select(Visitor.external_id, Visitor.id).where(col(Visitor.origin) == ORIGIN, is_wanted)
    return dict(session.exec(found).all())


def with_usernames(session: Session, usernames: Collection[str]) -> dict[str, list[int]]:
    """Returns the ids of the visitors with these usernames in lower case: several if a handle changed hands."""
    found = select(_USERNAME, col(Visitor.id)).where(
        col(Visitor.origin) == ORIGIN, among(session, _USERNAME, list(usernames), String())
    )
    visitors: dict[str, list[int]] = defaultdict(list)
    for username, visitor_id in session.execute(found):
        visitors[username].append(visitor_id)
    return visitors


def count_unknown(session: Session, people: Sequence[str]) -> int:
    """Counts the people of a list who are not visitors."""
    ids, handles = ids_and_handles(people)
    known_ids = select(func.count()).where(
        col(Visitor.origin) == ORIGIN, among(session, col(Visitor.external_id), ids, String())
    )
    known_handles = select(func.count(_USERNAME.distinct())).where(among(session, _USERNAME, handles, String()))
    return len(ids) + len(handles) - (session.scalar(known_ids) or 0) - (session.scalar(known_handles) or 0)


def ids_and_handles(people: Sequence[str]) -> tuple[list[str], list[str]]:
    """Splits a list of people into X user ids, and handles in lower case without their @."""
    named = {person.strip() for person in people}
    ids = {person for person in named if person.isdigit()}
    return sorted(ids), sorted({person.removeprefix("@").lower() for person in named - ids} - {""})


def external_ids(session: Session, visitor_ids: Sequence[int]) -> dict[int, str]:
    """Returns the X user ids of visitors, by the visitors' ids."""
    wanted = among(session, col(Visitor.id), list(visitor_ids), BigInteger())
    return dict(session.exec(select(Visitor.id, Visitor.external_id).where(wanted)).all())


PERSON: tuple[SQLColumnExpression[Any], ...] = (
    col(Visitor.full_name),
    col(Visitor.username),
    col(Visitor.external_id),
    col(Visitor.followers_count),
    col(Visitor.verified),
    col(Visitor.location),
    col(Visitor.id),
)


def is_missing(field: str) -> ColumnElement[bool]:
    """Returns whether a field is unknown or has no visible character; `verified` is missing if false."""
    column: Any = getattr(Visitor, field)
    if field == "verified":
        return or_(column.is_(None), column.is_(False))
    return func.trim(func.coalesce(cast(column, String), ""), INVISIBLE) == ""


def person_of(session: Session, visitor_id: int) -> Sequence[Any]:
    """Returns the columns of one visitor, for `values_of`."""
    person: Sequence[Any] = session.execute(sa_select(*PERSON).where(col(Visitor.id) == visitor_id)).one()
    return person


def values_of(person: Sequence[Any]) -> dict[str, str | None]:
    """Returns the fields that a text may use; `verified` is missing if false."""
    full_name, username, external_id, followers_count, verified, location, visitor_id = person
    return {
        "full_name": full_name,
        "username": username,
        "external_id": external_id,
        "followers_count": None if followers_count is None else str(followers_count),
        "verified": "yes" if verified else None,
        "location": location,
        "visitor_id": str(visitor_id),
    }


def example_of(person: Sequence[Any]) -> dict[str, str | None]:
    """Returns the fields for a sample or a proof, whose links belong to no visitor."""
    return values_of(person) | {"visitor_id": None}


def compared(column: ColumnElement[str | None], operator: Operator, text: str) -> ColumnElement[bool]:
    """Compares a folded text column with a text; null where the column is."""
    text = fold(text)
    if operator == Operator.EQUALS:
        return column == literal(text, Text())
    escaped = ("/",) if operator == Operator.LIKE else ("/", "%", "_")  # a condition has no escape character
    for sign in escaped:
        text = text.replace(sign, f"/{sign}")
    pattern = {Operator.CONTAINS: f"%{text}%", Operator.STARTS_WITH: f"{text}%"}.get(operator, text)
    return column.like(literal(pattern, Text()), escape="/")


#: The columns that texts are compared with; a handle has ASCII letters only.
_FOLDED: dict[str, Any] = {
    "external_id": col(Visitor.external_id),
    "username": func.lower(col(Visitor.username)),
    "full_name": col(Visitor.folded_name),
    "location": col(Visitor.folded_location),
}
_COLUMNS: dict[str, Any] = {
    "external_id": col(Visitor.external_id),
    "username": col(Visitor.username),
    "full_name": col(Visitor.full_name),
    "followers_count": col(Visitor.followers_count),
    "verified": col(Visitor.verified),
    "location": col(Visitor.location),
    "first_known": col(Visitor.created_at),
    "updated_at": col(Visitor.updated_at),
    "follows_since": col(Subscription.began_at),
}
_NUMBERS: dict[Operator, Callable[[Any, Any], ColumnElement[bool]]] = {
    Operator.EQUALS: eq,
    Operator.LESS: lt,
    Operator.AT_MOST: le,
    Operator.MORE: gt,
    Operator.AT_LEAST: ge,
}


def where(condition: Condition, now: datetime, *, consented: ColumnElement[bool] | None = None) -> ColumnElement[bool]:
    """Returns a condition over Visitor joined with Subscription: true or false for each visitor, never null.

    `consented` is whether a visitor's consent for the service runs; raises WrongUsage if the condition needs it and it
    is missing.
    """
    return _Translation(now, consented).of(condition)


class _Translation:
    def __init__(self, now: datetime, consented: ColumnElement[bool] | None) -> None:
        self._now = now
        self._consented = consented

    def of(self, condition: Condition) -> ColumnElement[bool]:
        """Returns the expression of a condition."""
        match condition:
            case AllOf():
                return and_(*map(self.of, condition.parts)).self_group()
            case AnyOf():
                return or_(*map(self.of, condition.parts)).self_group()
            case Not():
                return not_(self.of(condition.part).self_group())
            case Empty():
                is_text = BY_NAME[condition.field].kind is FieldKind.TEXT
                return is_missing(condition.field) if is_text else self._column(condition.field).is_(None)
            case Compare():
                return self._compared(self._column(condition.field), condition)

    def _compared(self, column: ColumnElement[Any], condition: Compare) -> ColumnElement[bool]:
        match BY_NAME[condition.field].kind:
            case FieldKind.TRUTH:
                return column.is_(condition.value)
            case FieldKind.TEXT:
                fulfilled = compared(_FOLDED[condition.field], condition.operator, str(condition.value))
            case FieldKind.NUMBER:
                fulfilled = _NUMBERS[condition.operator](column, literal(condition.value, BigInteger()))
            case FieldKind.MOMENT:
                fulfilled = self._in_time(column, condition)
        # An unknown value fulfils no comparison, and `not` of the comparison is fulfilled: so it is never null.
        return and_(column.is_not(None), fulfilled).self_group()

    def _in_time(self, column: ColumnElement[Any], condition: Compare) -> ColumnElement[bool]:
        """Compares with a whole day: at most a day is before its end, more than a day is after it."""
        first, beyond = span(condition.value, self._now)
        match condition.operator:
            case Operator.LESS:
                return column < first
            case Operator.AT_MOST:
                return column < beyond
            case Operator.MORE:
                return column >= beyond
            case Operator.AT_LEAST:
                return column >= first
        return and_(column >= first, column < beyond)

    def _column(self, field: str) -> ColumnElement[Any]:
        if field != "consented":
            column: ColumnElement[Any] = _COLUMNS[field]
            return column
        if self._consented is None:
            raise WrongUsage("The condition asks for consented, which is not known here; leave it out.")
        return func.coalesce(self._consented, false())


_ONE = TypeVar("_ONE")
_HAS_ANY = sa_select(exists().where(col(ErasedPerson.mark).is_not(None)))
_HAS_HANDLES = sa_select(exists().where(col(SuppressedHandle.handle).is_not(None)))


def without_erased(session: Session, people: Iterable[_ONE], name_of: Callable[[_ONE], str]) -> list[_ONE]:
    """Returns the people who were not erased, by X user id (or a name from `email_name` or `handle_name`)."""
    listed = list(people)
    if not listed or not session.scalar(_HAS_ANY):
        return listed
    marks = [mark_of(name_of(one)) for one in listed]
    is_among = among(session, col(ErasedPerson.mark), marks, String())
    erased = set(session.scalars(sa_select(col(ErasedPerson.mark)).where(is_among)))
    return [one for one, mark in zip(listed, marks, strict=True) if mark not in erased]


def is_erased(session: Session, name: str) -> bool:
    """Returns whether a person was erased, by X user id (or a name from `email_name` or `handle_name`)."""
    return not without_erased(session, [name], str)


def email_name(email: str) -> str:
    """Returns the name of a person who is known by an email address."""
    return f"email:{email.strip().lower()}"


def handle_name(username: str) -> str:
    """Returns the name of a person who is known by a handle only."""
    return f"@{username.strip().removeprefix('@').lower()}"


def lock(session: Session) -> None:
    """Locks the table until this transaction ends, after the transactions that read it have ended."""
    if is_on_postgresql(session):  # SQLite has one writer at a time anyway
        session.connection().execute(text("LOCK TABLE erased_person IN ACCESS EXCLUSIVE MODE"))


def record(session: Session, names: Iterable[str], now: datetime) -> None:
    """Records that a person was erased, as a keyed hash of each name."""
    unknown = without_erased(session, sorted(set(names)), str)
    if unknown:
        session.execute(insert(ErasedPerson), [{"mark": mark_of(name), "erased_at": now} for name in unknown])


def suppress_followers(session: Session, visitor_ids: Sequence[int]) -> None:
    """Suppresses those of the visitors whose handle is on the denylist; from then on their ids are."""
    if not visitor_ids or not session.scalar(_HAS_HANDLES):
        return
    username = func.lower(col(Visitor.username))
    columns: tuple[Any, ...] = (SuppressedHandle.service_id, SuppressedHandle.proof, SuppressedHandle.at)
    found = (
        sa_select(col(Visitor.id), username, *columns)
        .join(SuppressedHandle, col(SuppressedHandle.handle) == username)
        .where(among(session, col(Visitor.id), visitor_ids, BigInteger()))
    )
    rows = session.execute(found).all()
    if not rows:
        return
    known = {
        (row.service_id, row.visitor_id)
        for row in session.scalars(
            sa_select(Suppression).where(col(Suppression.visitor_id).in_({visitor_id for visitor_id, *_ in rows}))
        )
    }
    reason = SuppressionReason.DENYLIST
    session.add_all(
        Suppression(service_id=service_id, visitor_id=visitor_id, reason=reason, proof=proof, at=at)
        for visitor_id, _, service_id, proof, at in rows
        if (service_id, visitor_id) not in known
    )
    handles = {handle for _, handle, *_ in rows}
    session.execute(delete(SuppressedHandle).where(col(SuppressedHandle.handle).in_(handles)))
    session.flush()
