"""What is counted for the report of a broadcast, each with one statement; quick for a million messages."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, literal_column, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from campaign.domain.broadcast_report_rows import ReasonCount
from campaign.domain.message_lines import MessageLine
from campaign.store import deliveries, waves
from models import MAIN, Delivery, Message, MessageState, Visitor, Wave

#: What --failed asks for: whoever got nothing, or may have got nothing.
_NOT_REACHED = (MessageState.REFUSED, MessageState.UNCERTAIN, MessageState.CANCELLED)
_AT_A_TIME = 1_000
_ENDLESS = 1 << 62
#: The hour of a moment; SQLite keeps moments as text in UTC.
_HOUR = {"sqlite": "substr(message.settled_at, 1, 13)", "postgresql": "date_trunc('hour', message.settled_at, 'UTC')"}


def by_service(session: Session, delivery_id: int) -> dict[int, Counter[MessageState]]:
    """How many messages of each service are in which state."""
    counted = select(col(Message.service_id), col(Message.state), func.count()).where(*_of(delivery_id))
    found: dict[int, Counter[MessageState]] = defaultdict(Counter)
    for service_id, state, count in session.execute(counted.group_by(col(Message.service_id), col(Message.state))):
        found[service_id][state] = count
    return dict(found)


def reasons(session: Session, delivery_id: int, state: MessageState) -> tuple[ReasonCount, ...]:
    """Why how many messages are in a state, the most frequent reason first; one of the sentences for each code."""
    count = func.count()
    counted = select(col(Message.reason_code), func.min(col(Message.reason)), count).where(
        *_of(delivery_id), col(Message.state) == state
    )
    rows = session.execute(counted.group_by(col(Message.reason_code)).order_by(count.desc(), col(Message.reason_code)))
    return tuple(ReasonCount(code, sentence, number) for code, sentence, number in rows)


def sent_per_hour(session: Session, delivery_id: int) -> tuple[tuple[datetime, int], ...]:
    """How many messages were sent in each hour (UTC) that had any, by its beginning."""
    hour: Any = literal_column(_HOUR[session.get_bind().dialect.name]).label("hour")
    counted = select(hour, func.count()).where(*_of(delivery_id), col(Message.state) == MessageState.SENT)
    timed = counted.where(col(Message.settled_at).is_not(None)).group_by(hour).order_by(hour)
    return tuple((_hour(begins), count) for begins, count in session.execute(timed))


def _hour(begins: datetime | str) -> datetime:
    if isinstance(begins, str):
        return datetime.strptime(begins, "%Y-%m-%d %H").replace(tzinfo=UTC)
    return begins.astimezone(UTC)


def sent_by_wave(session: Session, delivery_id: int) -> list[tuple[Wave, int]]:
    """How many messages of each wave were sent, by service and number."""
    next_first = func.lead(col(Wave.first_message_id)).over(
        partition_by=col(Wave.service_id), order_by=col(Wave.number)
    )
    spans = select(
        *Wave.__table__.columns,  # type: ignore[attr-defined]
        func.coalesce(next_first, _ENDLESS).label("beyond_id"),
    ).where(col(Wave.delivery_id) == delivery_id)
    span = spans.subquery("span")
    sent = select(func.count()).where(
        col(Message.service_id) == span.c.service_id,
        col(Message.state) == MessageState.SENT,
        col(Message.id) >= span.c.first_message_id,
        col(Message.id) < span.c.beyond_id,
        *_of(delivery_id),
    )
    wave = aliased(Wave, span)
    rows = select(wave, sent.correlate(span).scalar_subquery()).order_by(span.c.service_id, span.c.number)
    return list(session.execute(rows).tuples())


def lines(
    session: Session, delivery: Delivery, *, failed: bool = False, limit: int | None = None
) -> Iterator[MessageLine]:
    """The log line by line, in the order of the messages; `failed` is only of those who got nothing, or may have.

    Reads some rows at a time, so that a million lines take no more memory than a thousand.
    """
    names = {service.id: service.internal_name for service in deliveries.targets_of(session, delivery)}
    begins = {
        service_id: [wave.first_message_id for wave in waves.of_service(session, delivery.id, service_id)]
        for service_id in names
    }
    first = min((ids[0] for ids in begins.values() if ids), default=0)
    for row in _rows(session, delivery.id, first, failed=failed, limit=limit):
        yield _line(row, names, begins)


def _rows(session: Session, delivery_id: int, first: int, *, failed: bool, limit: int | None) -> Iterator[Row[Any]]:
    chosen = select(
        col(Message.id),
        col(Message.service_id),
        col(Message.state),
        col(Message.x_id),
        col(Message.settled_at),
        col(Message.reason),
        col(Visitor.external_id),
        col(Visitor.username),
        col(Visitor.full_name),
    ).join(Visitor, col(Visitor.id) == col(Message.visitor_id), isouter=True)
    # Plus nothing: they are read as they lie there, not found by an index and then sorted, which takes memory.
    is_of_it = col(Message.delivery_id) + 0 == delivery_id
    wanted = chosen.where(is_of_it, col(Message.proof_number) == MAIN, col(Message.id) >= first)
    if failed:
        wanted = wanted.where(col(Message.state).in_(_NOT_REACHED))
    ordered = wanted.order_by(col(Message.id)).limit(limit)
    yield from session.execute(ordered, execution_options={"yield_per": _AT_A_TIME})


def _line(row: Row[Any], names: dict[int, str], begins: dict[int, list[int]]) -> MessageLine:
    return MessageLine(
        state=row.state.value,
        service=names.get(row.service_id, ""),
        external_id=row.external_id or "",
        username=row.username or "",
        full_name=row.full_name or "",
        wave=bisect_right(begins.get(row.service_id, []), row.id) or None,
        x_id=row.x_id,
        at=row.settled_at,
        reason=row.reason,
    )


def _of(delivery_id: int) -> tuple[Any, ...]:
    return col(Message.delivery_id) == delivery_id, col(Message.proof_number) == MAIN
