"""Who gets a broadcast and who does not, computed in the database, a range of visitors at a time."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Exists,
    Insert,
    Select,
    SQLColumnExpression,
    String,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
)
from sqlmodel import Session, col

from campaign.domain.broadcasts import Audience
from campaign.store import permission
from campaign.store.lists import among
from campaign.store.permission import Reasons
from models import (
    MAIN,
    Exclusion,
    ExclusionReason,
    Message,
    MessageState,
    Service,
    Subscription,
    Visitor,
    Wave,
)

#: Visitors looked at by one statement: memory stays flat however many there are, and others may write in between.
AT_ONCE = 100_000
_VISITOR = col(Visitor.id)
PERSON: tuple[SQLColumnExpression[Any], ...] = (
    col(Visitor.full_name),
    col(Visitor.username),
    col(Visitor.external_id),
    col(Visitor.followers_count),
    col(Visitor.verified),
    col(Visitor.location),
)


@dataclass(frozen=True)
class Target:
    """What a broadcast is aimed at, on one service: its audience with the names and conditions looked up."""

    delivery_id: int
    service: Service
    audience: Audience
    now: datetime
    where: ColumnElement[bool] | None = None
    except_where: ColumnElement[bool] | None = None
    recipients_of: int | None = None
    not_if_received: Sequence[int] = ()
    open_deliveries: Sequence[int] = ()
    """Other deliveries that are confirmed or under way: what is pending in them counts for the frequency cap."""
    other_services: bool = False
    """Whether the delivery goes to more services: nobody gets it from two."""
    is_begun: bool = False
    """Whether something of it was sent before it was changed: nobody gets it again."""


def forget(session: Session, delivery_id: int) -> None:
    """Take an earlier analysis back; what is out, or may be, stays, and so does what X refused."""
    session.execute(
        delete(Message).where(
            col(Message.delivery_id) == delivery_id,
            col(Message.proof_number) == MAIN,
            col(Message.state).in_([MessageState.PENDING, MessageState.CANCELLED]),
        )
    )
    session.execute(delete(Exclusion).where(col(Exclusion.delivery_id) == delivery_id))
    session.execute(delete(Wave).where(col(Wave.delivery_id) == delivery_id))
    session.flush()


def ranges(session: Session) -> Iterator[tuple[int, int]]:
    """The ids of all visitors, a range at a time."""
    newest = session.scalar(select(func.max(_VISITOR))) or 0
    return ((first, first + AT_ONCE) for first in range(0, newest + 1, AT_ONCE))


@dataclass
class Written:
    """How many rows a range gave."""

    recipients: int = 0
    excluded: int = 0


def write(
    session: Session, target: Target, within: tuple[int, int], unrenderable: Collection[int], room: int | None
) -> Written:
    """Write those of a range who are excluded, then its recipients; `room` is how many the limit still allows."""
    if session.get_bind().dialect.name == "postgresql":
        # With the default of 4 MB a list of many people is not hashed, but gone through for each of a million.
        session.execute(text("SET LOCAL work_mem = '128MB'"))
    reasons = _reasons(target, within)
    if unrenderable:
        reasons.append((ExclusionReason.FIELD_MISSING, among(session, _VISITOR, list(unrenderable), BigInteger())))
    written = Written(excluded=_exclude(session, target, within, permission.first_of(reasons)) if reasons else 0)
    if room is None or room > 0:
        chosen = _candidates(session, target, within, _message_columns(target)).where(~_is_excluded(target))
        names = ["delivery_id", "service_id", "visitor_id", *(name for name, _ in _MESSAGE_CONSTANTS)]
        rows = insert(Message).from_select(names, chosen.order_by(_VISITOR).limit(room))
        written.recipients = _rowcount(session, rows)
    if room is not None and written.recipients >= room:
        rest = case((~_is_excluded(target) & ~_has_row(target), ExclusionReason.LIMIT.value), else_=null())
        written.excluded += _exclude(session, target, within, rest)
    return written


def _exclude(session: Session, target: Target, within: tuple[int, int], reason: ColumnElement[Any]) -> int:
    """Write down who of a range gets nothing: everybody for whom there is a reason."""
    asked = _candidates(session, target, within, [_VISITOR.label("visitor_id"), reason.label("reason")])
    # The offset keeps it a query of its own: else every reason is asked for twice, whether there is one and which.
    known = asked.offset(0).subquery()
    constants = literal(target.delivery_id), literal(target.service.id)
    left_out = select(*constants, known.c.visitor_id, known.c.reason).where(known.c.reason.is_not(None))
    names = ["delivery_id", "service_id", "visitor_id", "reason"]
    return _rowcount(session, insert(Exclusion).from_select(names, left_out))


def _is_excluded(target: Target) -> Exists:
    """Whether a reason was found before: looking that up takes less than asking for each reason again."""
    return exists().where(
        col(Exclusion.delivery_id) == target.delivery_id,
        col(Exclusion.service_id) == target.service.id,
        col(Exclusion.visitor_id) == _VISITOR,
    )


def lacking(session: Session, target: Target, within: tuple[int, int], fields: Collection[str]) -> Iterator[Any]:
    """Candidates of a range who lack one of the fields: their id and what is known of them."""
    unknown = or_(*(_is_missing(name) for name in sorted(fields)))
    rows = _candidates(session, target, within, [_VISITOR, *PERSON]).where(unknown)
    return iter(session.execute(rows.execution_options(yield_per=1000)))


def _is_missing(field: str) -> ColumnElement[bool]:
    """Whether X did not say it, or it is blank; `verified` is missing where it is not so."""
    column: Any = getattr(Visitor, field)
    if field == "verified":
        return or_(column.is_(None), column.is_(False))
    return func.trim(func.coalesce(cast(column, String), "")) == ""


_MESSAGE_CONSTANTS: list[tuple[str, Any]] = [
    ("proof_number", MAIN),
    ("part", 1),
    ("state", MessageState.PENDING.value),
    ("text", ""),
    ("reason_code", ""),
    ("reason", ""),
    ("attempts", 0),
]


def _message_columns(target: Target) -> list[SQLColumnExpression[Any]]:
    constants = [literal(value) for _, value in _MESSAGE_CONSTANTS]
    return [literal(target.delivery_id), literal(target.service.id), _VISITOR, *constants]


def _candidates(
    session: Session, target: Target, within: tuple[int, int], columns: Sequence[SQLColumnExpression[Any]]
) -> Select[Any]:
    follows = (col(Subscription.visitor_id) == _VISITOR) & (col(Subscription.service_id) == target.service.id)
    everybody = not target.audience.people and target.recipients_of is None
    rows = select(*columns).select_from(Visitor).join(Subscription, follows, isouter=not everybody)
    rows = rows.where(*permission.in_range(_VISITOR, within))
    if everybody:
        rows = rows.where(*permission.in_range(col(Subscription.visitor_id), within))
        rows = rows.where(col(Subscription.ended_at).is_(None))
    if target.audience.people:
        ids, handles = ids_and_handles(target.audience.people)
        is_named = among(session, func.lower(col(Visitor.username)), handles, String())
        rows = rows.where(or_(among(session, col(Visitor.external_id), ids, String()), is_named))
    if target.recipients_of is not None:
        rows = rows.where(_got(target.recipients_of, within))
    return rows if target.where is None else rows.where(target.where)


def _reasons(target: Target, within: tuple[int, int]) -> Reasons:
    often = permission.at_the_cap(target.service, target.now, target.open_deliveries, within)
    reasons = permission.of_broadcast(target.service, target.now, often, within)
    if target.except_where is not None:
        reasons.append((ExclusionReason.EXCLUDED_CONDITION, target.except_where))
    if target.is_begun:
        is_out = col(Message.state) != MessageState.PENDING
        reasons.append((ExclusionReason.ALREADY_RECEIVED, _has_row(target).where(is_out)))
    if target.not_if_received:
        got = (_got(delivery_id, within) for delivery_id in target.not_if_received)
        reasons.append((ExclusionReason.NOT_IF_RECEIVED, or_(*got)))
    if target.other_services:
        reasons.append((ExclusionReason.DUPLICATE, _gets_it_from_another(target, within)))
    return permission.in_order(reasons)


def _has_row(target: Target) -> Exists:
    return exists().where(
        col(Message.delivery_id) == target.delivery_id,
        col(Message.proof_number) == MAIN,
        col(Message.service_id) == target.service.id,
        col(Message.visitor_id) == _VISITOR,
    )


def _got(delivery_id: int, within: tuple[int, int]) -> ColumnElement[bool]:
    """Whether a delivery was sent to the visitor, from whichever service; what may be out counts."""
    got = select(col(Message.visitor_id)).where(
        col(Message.delivery_id) == delivery_id,
        col(Message.proof_number) == MAIN,
        col(Message.state).in_(permission.REACHED_STATES),
        *permission.in_range(col(Message.visitor_id), within),
    )
    return _VISITOR.in_(got)


def _gets_it_from_another(target: Target, within: tuple[int, int]) -> ColumnElement[bool]:
    others = select(col(Message.visitor_id)).where(
        col(Message.delivery_id) == target.delivery_id,
        col(Message.proof_number) == MAIN,
        col(Message.service_id) != target.service.id,
        col(Message.state) != MessageState.CANCELLED,
        *permission.in_range(col(Message.visitor_id), within),
    )
    return _VISITOR.in_(others)


def is_begun(session: Session, delivery_id: int) -> bool:
    """Whether something of a broadcast is out or was refused."""
    known = select(col(Message.id)).where(col(Message.delivery_id) == delivery_id, col(Message.proof_number) == MAIN)
    return session.scalar(known.limit(1)) is not None


def count_unknown(session: Session, people: Sequence[str]) -> int:
    """How many of a list are no visitor."""
    ids, handles = ids_and_handles(people)
    username = func.lower(col(Visitor.username))
    known_ids = select(func.count()).where(among(session, col(Visitor.external_id), ids, String()))
    known_handles = select(func.count(username.distinct())).where(among(session, username, handles, String()))
    return len(ids) + len(handles) - (session.scalar(known_ids) or 0) - (session.scalar(known_handles) or 0)


def ids_and_handles(people: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split a list of people: X user ids, and handles in lower case without their @."""
    named = {person.strip() for person in people}
    ids = {person for person in named if person.isdigit()}
    return sorted(ids), sorted({person.removeprefix("@").lower() for person in named - ids} - {""})


def _rowcount(session: Session, statement: Insert) -> int:
    # Without it psycopg's count of an INSERT is thrown away.
    return int(session.connection().execute(statement.execution_options(preserve_rowcount=True)).rowcount)


def excluded(session: Session, delivery_id: int, service_id: int) -> dict[str, int]:
    """How many of the target of a service get nothing, by reason."""
    # Counted side by side: grouping would sort them all, in memory.
    counts = [func.count(case((col(Exclusion.reason) == reason, 1))).label(reason.value) for reason in ExclusionReason]
    counted = select(*counts).where(col(Exclusion.delivery_id) == delivery_id, col(Exclusion.service_id) == service_id)
    return {reason: count for reason, count in session.execute(counted).mappings().one().items() if count}


def person_of(session: Session, visitor_id: int) -> Sequence[Any]:
    """What is known of one visitor, for `values_of`."""
    person: Sequence[Any] = session.execute(select(*PERSON).where(col(Visitor.id) == visitor_id)).one()
    return person


def values_of(person: Sequence[Any]) -> dict[str, str | None]:
    """What a text may say of a person; `verified` is missing where it is not so."""
    full_name, username, external_id, followers_count, verified, location = person
    return {
        "full_name": full_name,
        "username": username,
        "external_id": external_id,
        "followers_count": None if followers_count is None else str(followers_count),
        "verified": "yes" if verified else None,
        "location": location,
    }
