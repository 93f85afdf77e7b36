"""Who gets a broadcast and who does not, computed in the database, a range of visitors at a time."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Insert,
    Select,
    SQLColumnExpression,
    Subquery,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
)
from sqlmodel import Session, col

from campaign.store import permission, targeting
from campaign.store.lists import among, expect_many, ids_given, is_on_postgresql, json_list, json_of, rows_of
from campaign.store.permission import Range
from campaign.store.persons import PERSON, is_missing
from campaign.store.targeting import Target
from models import MAIN, Exclusion, ExclusionReason, Message, MessageState, Visitor, Wave

#: Visitors looked at by one statement: memory stays flat however many there are, and others may write in between.
AT_ONCE = 25_000
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


@dataclass(frozen=True)
class Judged:
    """Who of a range gets it and who does not, as JSON: memory stays flat, and nothing is read that is only passed on.

    Asked without holding up those who write.
    """

    chosen: str
    """The ids of the visitors."""
    excluded: str
    """Pairs of an id and the reason."""


def judge(session: Session, target: Target, within: Range, unrenderable: Collection[int]) -> Judged:
    """Ask of everybody of a range whether there is a reason against it, and which is told."""
    on_postgresql = is_on_postgresql(session)
    expect_many(session)
    reasons = targeting.reasons(target, within)
    if unrenderable:
        reasons.append((ExclusionReason.FIELD_MISSING, among(session, _VISITOR, list(unrenderable), BigInteger())))
    asked = targeting.candidates(
        session, target, within, [_VISITOR.label("id"), permission.first_of(reasons).label("reason")]
    )
    # The offset keeps it a query of its own: else every reason is asked for twice, whether there is one and which.
    known = asked.offset(0).subquery().c
    is_free = known.reason.is_(None)
    pair = json_list(known.id, known.reason, on_postgresql=on_postgresql)
    found = select(
        json_of(known.id, is_free, on_postgresql=on_postgresql), json_of(pair, ~is_free, on_postgresql=on_postgresql)
    )
    return Judged(*session.execute(found).one())


def write(session: Session, target: Target, judged: Judged, room: int | None) -> int:
    """Write down who of a range is excluded, and the recipients; returns how many those are.

    `room` is how many the limit still allows: the others are excluded for it.
    """
    on_postgresql = is_on_postgresql(session)
    if on_postgresql:
        # What a crash takes back is an analysis that nobody has seen; its end is written after all of it.
        session.execute(text("SET LOCAL synchronous_commit = off"))
    chosen = ids_given(on_postgresql=on_postgresql)
    recipients = select(*_message_columns(target, chosen)).order_by(chosen.c.id).limit(room)
    names = ["delivery_id", "service_id", "visitor_id", *(name for name, _ in _MESSAGE_CONSTANTS)]
    given = {"ids": judged.chosen}
    written = _rowcount(session, insert(Message).from_select(names, recipients), given)
    pairs = rows_of(["visitor_id", "reason"], on_postgresql=on_postgresql)
    _exclude(session, target, select(pairs.c.visitor_id, pairs.c.reason), {"rows": judged.excluded})
    if written == room:
        rest = select(chosen.c.id, literal(ExclusionReason.LIMIT.value)).order_by(chosen.c.id).offset(room)
        _exclude(session, target, rest, given)
    return written


def _exclude(session: Session, target: Target, people: Select[Any], given: dict[str, str]) -> None:
    constants = literal(target.delivery_id), literal(target.service.id)
    names = ["delivery_id", "service_id", "visitor_id", "reason"]
    whom = people.subquery()
    session.connection().execute(insert(Exclusion).from_select(names, select(*constants, *whom.c)), given)


def refresh_statistics(session: Session) -> None:
    """Tell PostgreSQL how many rows were written; until then it looks each of a million up as if it were alone."""
    if is_on_postgresql(session):
        session.execute(text("ANALYZE message, exclusion"))


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


def _message_columns(target: Target, people: Subquery) -> list[SQLColumnExpression[Any]]:
    constants = [literal(value) for _, value in _MESSAGE_CONSTANTS]
    return [literal(target.delivery_id), literal(target.service.id), people.c.id, *constants]


def is_begun(session: Session, delivery_id: int) -> bool:
    """Whether something of a broadcast is out or was refused."""
    known = select(col(Message.id)).where(col(Message.delivery_id) == delivery_id, col(Message.proof_number) == MAIN)
    return session.scalar(known.limit(1)) is not None


def _rowcount(session: Session, statement: Insert, given: dict[str, str]) -> int:
    # Without it psycopg's count of an INSERT is thrown away.
    counted = statement.execution_options(preserve_rowcount=True)
    return int(session.connection().execute(counted, given).rowcount)


def excluded(session: Session, delivery_id: int, service_id: int) -> dict[str, int]:
    """How many of the target of a service get nothing, by reason."""
    # Counted side by side: grouping would sort them all, in memory.
    counts = [func.count(case((col(Exclusion.reason) == reason, 1))).label(reason.value) for reason in ExclusionReason]
    counted = select(*counts).where(col(Exclusion.delivery_id) == delivery_id, col(Exclusion.service_id) == service_id)
    return {reason: count for reason, count in session.execute(counted).mappings().one().items() if count}
