"""Who gets a broadcast and who does not, computed in the database, a range of visitors at a time."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Insert,
    SQLColumnExpression,
    case,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
)
from sqlmodel import Session, col

from campaign.store import permission, targeting
from campaign.store.lists import among
from campaign.store.permission import Range
from campaign.store.persons import PERSON, is_missing
from campaign.store.targeting import Target
from models import MAIN, Exclusion, ExclusionReason, Message, MessageState, Visitor, Wave

#: Visitors looked at by one statement: memory stays flat however many there are, and others may write in between.
AT_ONCE = 100_000
_VISITOR = col(Visitor.id)


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


def ranges(session: Session) -> Iterator[Range]:
    """The ids of all visitors, a range at a time."""
    newest = session.scalar(select(func.max(_VISITOR))) or 0
    return ((first, first + AT_ONCE) for first in range(0, newest + 1, AT_ONCE))


@dataclass
class Written:
    """How many rows a range gave."""

    recipients: int = 0
    excluded: int = 0


def write(session: Session, target: Target, within: Range, unrenderable: Collection[int], room: int | None) -> Written:
    """Write those of a range who are excluded, then its recipients; `room` is how many the limit still allows."""
    if session.get_bind().dialect.name == "postgresql":
        # With the default of 4 MB a list of many people is not hashed, but gone through for each of a million.
        session.execute(text("SET LOCAL work_mem = '128MB'"))
    reasons = targeting.reasons(target, within)
    if unrenderable:
        reasons.append((ExclusionReason.FIELD_MISSING, among(session, _VISITOR, list(unrenderable), BigInteger())))
    written = Written(excluded=_exclude(session, target, within, permission.first_of(reasons)) if reasons else 0)
    if room is None or room > 0:
        chosen = targeting.candidates(session, target, within, _message_columns(target)).where(
            ~_is_excluded(target, within)
        )
        names = ["delivery_id", "service_id", "visitor_id", *(name for name, _ in _MESSAGE_CONSTANTS)]
        rows = insert(Message).from_select(names, chosen.order_by(_VISITOR).limit(room))
        written.recipients = _rowcount(session, rows)
    if room is not None and written.recipients >= room:
        rest = case(
            (~_is_excluded(target, within) & ~targeting.has_row(target), ExclusionReason.LIMIT.value), else_=null()
        )
        written.excluded += _exclude(session, target, within, rest)
    return written


def _exclude(session: Session, target: Target, within: Range, reason: ColumnElement[Any]) -> int:
    """Write down who of a range gets nothing: everybody for whom there is a reason."""
    asked = targeting.candidates(session, target, within, [_VISITOR.label("visitor_id"), reason.label("reason")])
    # The offset keeps it a query of its own: else every reason is asked for twice, whether there is one and which.
    known = asked.offset(0).subquery()
    constants = literal(target.delivery_id), literal(target.service.id)
    left_out = select(*constants, known.c.visitor_id, known.c.reason).where(known.c.reason.is_not(None))
    names = ["delivery_id", "service_id", "visitor_id", "reason"]
    return _rowcount(session, insert(Exclusion).from_select(names, left_out))


def _is_excluded(target: Target, within: Range) -> ColumnElement[bool]:
    """Whether a reason was found before: looking that up takes less than asking for each reason again."""
    # A list, which is hashed: PostgreSQL knows nothing of rows that were written just now, and goes through all of them
    # for everybody.
    known = select(col(Exclusion.visitor_id)).where(
        col(Exclusion.delivery_id) == target.delivery_id,
        col(Exclusion.service_id) == target.service.id,
        *permission.in_range(col(Exclusion.visitor_id), within),
    )
    return _VISITOR.in_(known)


def lacking(session: Session, target: Target, within: Range, fields: Collection[str]) -> Iterator[Any]:
    """Candidates of a range who lack one of the fields: their id and what is known of them."""
    unknown = or_(*(is_missing(name) for name in sorted(fields)))
    rows = targeting.candidates(session, target, within, [_VISITOR, *PERSON]).where(unknown)
    return iter(session.execute(rows.execution_options(yield_per=1000)))


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


def is_begun(session: Session, delivery_id: int) -> bool:
    """Whether something of a broadcast is out or was refused."""
    known = select(col(Message.id)).where(col(Message.delivery_id) == delivery_id, col(Message.proof_number) == MAIN)
    return session.scalar(known.limit(1)) is not None


def _rowcount(session: Session, statement: Insert) -> int:
    # Without it psycopg's count of an INSERT is thrown away.
    return int(session.connection().execute(statement.execution_options(preserve_rowcount=True)).rowcount)


def excluded(session: Session, delivery_id: int, service_id: int) -> dict[str, int]:
    """How many of the target of a service get nothing, by reason."""
    # Counted side by side: grouping would sort them all, in memory.
    counts = [func.count(case((col(Exclusion.reason) == reason, 1))).label(reason.value) for reason in ExclusionReason]
    counted = select(*counts).where(col(Exclusion.delivery_id) == delivery_id, col(Exclusion.service_id) == service_id)
    return {reason: count for reason, count in session.execute(counted).mappings().one().items() if count}
