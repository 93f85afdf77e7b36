"""The report of a broadcast: numbers by service, wave and reason, and its log."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any

import pendulum
from sqlalchemy import Row, Select, SQLColumnExpression, String, func, literal_column, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from campaign.audience.visitors import ids_and_handles
from campaign.broadcasts import waves
from campaign.broadcasts.exclusions import EXCLUSION_SENTENCES
from campaign.broadcasts.preview import exclusions_section, time_of
from campaign.db.engine import reading
from campaign.db.json_rows import among
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Broadcast
from campaign.deliveries.findings import Analysis
from campaign.formatting import lasting, usd, written
from campaign.reporting.charts import chart_of
from campaign.reporting.document import Cell, Document, Section, shortened
from models import (
    MAIN,
    Delivery,
    DeliveryState,
    Exclusion,
    ExclusionReason,
    Message,
    MessageState,
    Service,
    Visitor,
    Wave,
)

_SURE = (MessageState.SENT, MessageState.REFUSED, MessageState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Standing:
    """What does not change while a broadcast goes out: its waves by when they begin, what a message costs."""

    price: Decimal
    """US dollars for one message."""
    spend_cap: Decimal
    """US dollars a month, of all its services."""
    waves: Sequence[datetime] = ()
    """When each wave begins; a wave that several services have is one."""
    planned_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many messages are in which state."""

    by_state: Mapping[MessageState, int] = field(default_factory=Counter[MessageState])

    def of(self, state: MessageState) -> int:
        """How many are in a state; differences that come in any order never show less than none."""
        return max(0, self.by_state.get(state, 0))

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.of(state) for state in MessageState)

    @property
    def pending(self) -> int:
        """What has not gone out, what is on its way included."""
        return self.of(MessageState.PENDING) + self.of(MessageState.SENDING)

    @property
    def percentage(self) -> float:
        """What is done with; 100 only when all is."""
        done = sum(self.of(state) for state in _SURE)
        if done >= self.total:
            return 100.0
        return min(99.9, round(100 * done / self.total, 1))

    def as_json(self) -> dict[str, int]:
        """The numbers as scripts read them."""
        return {state.value: self.of(state) for state in MessageState}

    def in_words(self) -> str:
        """The numbers in one line: sent 1,204, refused 3, uncertain 0, pending 3,793 of 5,000."""
        told = [f"{state.value} {self.of(state):,}" for state in (MessageState.SENT, MessageState.REFUSED)]
        told.append(f"uncertain {self.of(MessageState.UNCERTAIN):,}")
        if cancelled := self.of(MessageState.CANCELLED):
            told.append(f"cancelled {cancelled:,}")
        return f"{', '.join([*told, f'pending {self.pending:,}'])} of {self.total:,}"


def progress_line(
    numbers: Numbers, standing: Standing, *, started_at: datetime | None, goes_on_at: datetime | None, now: datetime
) -> str:
    """Where a broadcast stands, in one line."""
    sent = numbers.of(MessageState.SENT)
    told = [numbers.in_words(), _wave(standing, now)]
    told.append(f"{usd(standing.price * sent)} of {usd(standing.spend_cap)} cap")
    if goes_on_at and goes_on_at > now:
        told.append(f"goes on at {time_of(goes_on_at, now)}")
    if ends := ends_about(numbers, standing.planned_end, started_at=started_at, now=now):
        told.append(f"ends about {written(ends)}")
    return " · ".join(each for each in told if each)


def _wave(standing: Standing, now: datetime) -> str:
    if len(standing.waves) < 2:  # noqa: PLR2004 - the only wave goes without saying
        return ""
    begun = sum(begins_at <= now for begins_at in standing.waves)
    return f"wave {max(1, begun):,} of {len(standing.waves):,}"


def planned_end(analysis: Analysis, started_at: datetime | None) -> datetime | None:
    """When the last message was to be out, moved to when the broadcast really began."""
    if analysis.ends_at is None or not analysis.waves:
        return analysis.ends_at
    begins_at = min(wave.begins_at for wave in analysis.waves)
    return analysis.ends_at + (started_at - begins_at if started_at else timedelta())


def ends_about(
    numbers: Numbers, planned: datetime | None, *, started_at: datetime | None, now: datetime
) -> datetime | None:
    """When the last message is out, as planned or, once that is over, at the speed so far; None when all is done."""
    if not numbers.pending:
        return None
    if planned and planned > now:
        return planned
    sent = numbers.of(MessageState.SENT)
    if not sent or started_at is None or started_at >= now:
        return None
    return now + (now - started_at) / sent * numbers.pending


@dataclass(frozen=True, slots=True)
class ServiceNumbers:
    """One service's share: its messages by state, and what those that were sent cost in US dollars."""

    service: str
    numbers: Numbers
    cost: Decimal

    def as_json(self) -> dict[str, object]:
        """The share as scripts read it."""
        return {"service": self.service, "messages": self.numbers.as_json(), "cost_usd": usd(self.cost)[1:]}


@dataclass(frozen=True, slots=True)
class WaveNumbers:
    """One wave of a service; `begun` is when it could begin, None while it is to come."""

    service: str
    number: int
    recipients: int
    sent: int
    begun: datetime | None

    def as_json(self) -> dict[str, object]:
        """The wave as scripts read it."""
        return {
            "service": self.service,
            "number": self.number,
            "recipients": self.recipients,
            "sent": self.sent,
            "begun": iso(self.begun),
        }

    def as_row(self) -> dict[str, str]:
        """The wave as people read it."""
        return {
            "Wave": f"{self.number:,}",
            "Service": f"@{self.service}",
            "People": f"{self.recipients:,}",
            "Sent": f"{self.sent:,}",
            "Begun": written(self.begun) if self.begun else "",
        }


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Why so many messages were refused by X, or cancelled at the last moment: a code and a sentence."""

    code: str
    sentence: str
    count: int

    def as_json(self) -> dict[str, object]:
        """The reason as scripts read it."""
        return {"code": self.code or None, "reason": self.sentence or None, "count": self.count}


def iso(moment: datetime | None) -> str | None:
    """A moment as scripts read it."""
    return moment.isoformat() if moment else None


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One message: to whom (X user id, handle, name), in which wave, what X calls it, and why it did not arrive."""

    state: str
    service: str
    external_id: str
    username: str
    full_name: str
    wave: int | None
    """None for a proof, or before the waves are written."""
    x_id: str | None
    at: datetime | None
    reason: str

    def as_json(self) -> dict[str, object]:
        """The line as scripts read it."""
        return {
            "state": self.state,
            "service": self.service,
            "external_id": self.external_id or None,
            "username": self.username or None,
            "full_name": self.full_name or None,
            "wave": self.wave,
            "x_id": self.x_id,
            "at": self.at.isoformat() if self.at else None,
            "reason": self.reason or None,
        }

    def as_row(self) -> dict[str, str]:
        """The line as people read it."""
        return {
            "Service": f"@{self.service}",
            "Person": f"@{self.username}" if self.username else self.external_id,
            "Name": self.full_name,
            "Wave": f"{self.wave:,}" if self.wave else "",
            "State": self.state,
            "Time": f"{self.at:%Y-%m-%d %H:%M:%S %Z}" if self.at else "",
            "Reason": self.reason,
        }


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


EXCLUDED = "excluded"
"""The state of somebody in the target to whom no message was written."""
_GOT_IT = (ExclusionReason.ALREADY_RECEIVED, ExclusionReason.DUPLICATE)
_LOG_AT_A_TIME = 1_000
_PERSON = (col(Service.internal_name), col(Visitor.external_id), col(Visitor.username), col(Visitor.full_name))


def not_reached(session: Session, delivery: Delivery) -> Iterator[MessageLine]:
    """Everybody in the target who did not get it, or may not have, each with the reason.

    Whoever is left out because of having got it already, or from another service, is none of them.
    """
    failed = lines(session, delivery, failed=True)
    return chain(failed, _excluded(session, delivery), _unknown(session, delivery))


def _excluded(session: Session, delivery: Delivery) -> Iterator[MessageLine]:
    rows = (
        select(col(Exclusion.reason), *_PERSON)
        .join(Visitor, col(Visitor.id) == col(Exclusion.visitor_id))
        .join(Service, col(Service.id) == col(Exclusion.service_id))
        .where(col(Exclusion.delivery_id) == delivery.id, col(Exclusion.reason).not_in(_GOT_IT))
        .order_by(col(Exclusion.service_id), col(Exclusion.visitor_id))
    )
    for reason, *person in session.execute(rows.execution_options(yield_per=_LOG_AT_A_TIME)):
        yield _left_out(reason, *person)


def _unknown(session: Session, delivery: Delivery) -> Iterator[MessageLine]:
    """Who is in the list of people and is no visitor."""
    people = Broadcast.model_validate_json(delivery.broadcast).audience.people if delivery.broadcast else []
    if not people or not delivery.analysis:
        return
    ids, handles = ids_and_handles(people)
    for x_id in _not_among(session, col(Visitor.external_id), ids):
        yield _left_out(ExclusionReason.UNKNOWN, None, x_id, None, None)
    for handle in _not_among(session, func.lower(col(Visitor.username)), handles):
        yield _left_out(ExclusionReason.UNKNOWN, None, None, handle, None)


def _not_among(session: Session, column: SQLColumnExpression[Any], values: Sequence[str]) -> list[str]:
    known = session.scalars(select(column).where(among(session, column, values, String())))
    return sorted(set(values) - set(known))


def _left_out(reason: ExclusionReason, *person: str | None) -> MessageLine:
    return _log_line(EXCLUDED, person, reason=EXCLUSION_SENTENCES[reason])


def of_proofs(session: Session, delivery: Delivery) -> Iterator[tuple[int, MessageLine]]:
    """The messages of the proofs of a broadcast, each with the number of its proof."""
    rows = _messages().where(col(Message.delivery_id) == delivery.id, col(Message.proof_number) > MAIN)
    for message, *person in session.execute(rows.order_by(col(Message.proof_number), col(Message.id))):
        yield message.proof_number, _of_message(message, *person)


def count_sent_proofs(session: Session, delivery: Delivery) -> int:
    """How many proof recipients got a proof: one that is planned, and that X did not take yet, is none."""
    return sum(line.state == MessageState.SENT.value for _, line in of_proofs(session, delivery))


def line_of(session: Session, message: Message) -> MessageLine:
    """One message as a line of the log."""
    row: Row[Any] = session.execute(_messages().where(col(Message.id) == message.id)).one()
    return _of_message(*row)


def _messages() -> Select[Any]:
    return (
        select(Message, *_PERSON)
        # Whoever was erased is nobody any more, and the line stays.
        .join(Visitor, col(Visitor.id) == col(Message.visitor_id), isouter=True)
        .join(Service, col(Service.id) == col(Message.service_id))
    )


def _of_message(message: Message, *person: str | None) -> MessageLine:
    return _log_line(message.state.value, person, message.x_id, message.settled_at, message.reason)


def _log_line(
    state: str, person: Sequence[str | None], x_id: str | None = None, at: datetime | None = None, reason: str = ""
) -> MessageLine:
    service, external_id, username, full_name = (text or "" for text in person)
    return MessageLine(state, service, external_id, username, full_name, wave=None, x_id=x_id, at=at, reason=reason)


def service_of(session: Session, delivery: Delivery, visitor_id: int) -> int | None:
    """The service from which a visitor gets a broadcast; None when from none."""
    found: int | None = session.scalar(
        select(col(Message.service_id)).where(
            col(Message.delivery_id) == delivery.id,
            col(Message.proof_number) == MAIN,
            col(Message.visitor_id) == visitor_id,
        )
    )
    return found


def exclusion_of(session: Session, delivery: Delivery, visitor_id: int) -> tuple[int, ExclusionReason] | None:
    """The first service that leaves a visitor out of a broadcast, and why; None when none does."""
    found = select(col(Exclusion.service_id), col(Exclusion.reason)).where(
        col(Exclusion.delivery_id) == delivery.id, col(Exclusion.visitor_id) == visitor_id
    )
    row = session.execute(found.order_by(col(Exclusion.service_id)).limit(1)).first()
    return (row[0], row[1]) if row else None


__all__ = ["BroadcastReport", "ReasonCount", "ServiceNumbers", "WaveNumbers"]

_UNHAPPY = frozenset({DeliveryState.FAILED, DeliveryState.EXPIRED})
_SHOWN = (MessageState.SENT, MessageState.REFUSED, MessageState.UNCERTAIN, MessageState.CANCELLED)


@dataclass(frozen=True, slots=True)
class BroadcastReport:
    """A broadcast as it stands: `cost` is that of the messages sent, `spend_cap` that of all its services a month."""

    name: str
    label: str
    state: DeliveryState
    reason: str = ""
    targeted: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)
    """How many in the target get nothing, by ExclusionReason."""
    numbers: Numbers = field(default_factory=Numbers)
    refusals: tuple[ReasonCount, ...] = ()
    dropped: tuple[ReasonCount, ...] = ()
    """Cancelled: people who could not be written to any more when it was their turn, or all of the rest."""
    cost: Decimal = Decimal(0)
    spend_cap: Decimal = Decimal(0)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration: timedelta = timedelta()
    services: tuple[ServiceNumbers, ...] = ()
    waves: tuple[WaveNumbers, ...] = ()
    per_hour: tuple[tuple[datetime, int], ...] = ()
    """How many messages were sent in each hour that had any, by its beginning."""
    goes_on_at: datetime | None = None
    ends_about: datetime | None = None

    @property
    def is_unhappy(self) -> bool:
        """Whether a person has to do something; a pause that says why was none of a person's."""
        return self.state in _UNHAPPY or (self.state is DeliveryState.PAUSED and bool(self.reason))

    def as_json(self) -> dict[str, object]:
        """The report as scripts read it."""
        return {
            "name": self.name,
            "label": self.label,
            "state": self.state.value,
            "reason": self.reason or None,
            "targeted": self.targeted,
            "excluded": dict(self.excluded),
            "messages": self.numbers.as_json(),
            "refusals": [one.as_json() for one in self.refusals],
            "cancellations": [one.as_json() for one in self.dropped],
            "cost_usd": usd(self.cost)[1:],
            "spend_cap_usd": usd(self.spend_cap)[1:],
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "took_seconds": round(self.duration.total_seconds(), 1),
            "goes_on_at": iso(self.goes_on_at),
            "ends_about": iso(self.ends_about),
            "services": [one.as_json() for one in self.services],
            "waves": [one.as_json() for one in self.waves],
            "sent_per_hour": [{"hour": hour.isoformat(), "sent": sent} for hour, sent in self.per_hour],
        }

    def as_rows(self) -> list[dict[str, str]]:
        """The report as people read it in a table, one service a row."""
        return [self._row(one) for one in self.services]

    def _row(self, one: ServiceNumbers) -> dict[str, str]:
        numbers = {state.value.capitalize(): f"{one.numbers.of(state):,}" for state in _SHOWN}
        return {
            "Delivery": self.name,
            "Service": f"@{one.service}",
            "State": self.state.value.replace("_", " "),
            "People": f"{one.numbers.total:,}",
            **numbers,
            "Pending": f"{one.numbers.pending:,}",
            "Cost": usd(one.cost),
            "Started": written(self.started_at) if self.started_at else "",
            "Finished": written(self.finished_at) if self.finished_at else "",
            "Took": lasting(self.duration) if self.duration else "",
            "Goes on at": written(self.goes_on_at) if self.goes_on_at else "",
            "Ends about": written(self.ends_about) if self.ends_about else "",
            "Reason": self.reason,
        }


def document_of(report: BroadcastReport) -> Document:
    """Makes the report of a broadcast: its outcome first, then the reasons, the times and the services."""
    state = report.state.value.replace("_", " ")
    lead = f"{report.name} is {state}. {report.reason}".strip()
    costs = f"The messages sent cost {usd(report.cost)}; the monthly spend cap is {usd(report.spend_cap)}."
    blocks = (
        Section(bold=report.numbers.in_words()),
        Section(text=f"{report.targeted:,} people were targeted. {costs}"),
        *(Section(text=sentence) for sentence in _times(report)),
        *([Section(chart=chart_of(report.per_hour))] if report.per_hour else []),
        _services(report.services),
        *_reasons("Refused by X", report.refusals),
        *_reasons("Cancelled", report.dropped),
        *exclusions_section(report.excluded),
        *_waves(report.waves),
    )
    return Document(report.label or report.name, lead, blocks)


def _times(report: BroadcastReport) -> Iterator[str]:
    if report.started_at:
        until = f" to {written(report.finished_at)}" if report.finished_at else ""
        yield f"Went out from {written(report.started_at)}{until}, {lasting(report.duration)}."
    if report.goes_on_at:
        yield f"Continues at {written(report.goes_on_at)}."
    if report.ends_about:
        yield f"Ends about {written(report.ends_about)}."


def _services(services: Sequence[ServiceNumbers]) -> Section:
    columns = ("Service", "People", *(state.value.capitalize() for state in _SHOWN), "Pending", "Cost")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (f"@{one.service}", one.numbers.total, *map(one.numbers.of, _SHOWN), one.numbers.pending, one.cost)
        for one in services
    )
    return Section("Services" if rows else "", columns, rows)


def _reasons(title: str, reasons: Sequence[ReasonCount]) -> Iterator[Section]:
    if reasons:
        rows = tuple((one.sentence or one.code or "Without a reason", one.count) for one in reasons)
        yield Section(title, ("Reason", "Messages"), rows)


def _waves(waves: Sequence[WaveNumbers]) -> Iterator[Section]:
    if waves:
        rows = [(one.number, f"@{one.service}", one.recipients, one.sent, one.begun) for one in waves]
        yield Section("Waves", ("Wave", "Service", "People", "Sent", "Begun"), shortened(rows))


def report_on(delivery: Delivery, goes_on_at: datetime | None = None) -> BroadcastReport:
    """The report of a broadcast as it stands now; `goes_on_at` is when sending goes on, where that is known."""
    now = pendulum.now("UTC")
    with reading() as session:
        return _report(session, deliveries.get(session, delivery.id), goes_on_at, now)


def _report(session: Session, delivery: Delivery, goes_on_at: datetime | None, now: datetime) -> BroadcastReport:
    services, analysis = deliveries.targets_of(session, delivery), analysis_of(delivery)
    counts = by_service(session, delivery.id)
    shares = _shares(services, counts)
    numbers = Numbers(sum(counts.values(), Counter[MessageState]()))
    started_at, finished_at = delivery.started_at, delivery.finished_at
    planned = planned_end(analysis, started_at)
    return BroadcastReport(
        name=delivery.name,
        label=delivery.label,
        state=delivery.state,
        reason=delivery.reason,
        targeted=analysis.targeted,
        excluded=dict(analysis.excluded),
        numbers=numbers,
        refusals=reasons(session, delivery.id, MessageState.REFUSED),
        dropped=reasons(session, delivery.id, MessageState.CANCELLED),
        cost=sum((share.cost for share in shares), Decimal(0)),
        spend_cap=_cap_of(services),
        started_at=started_at,
        finished_at=finished_at,
        duration=(finished_at or now) - started_at if started_at else timedelta(),
        services=tuple(shares),
        waves=tuple(_wave_lines(session, delivery, services, now)),
        per_hour=sent_per_hour(session, delivery.id),
        goes_on_at=None if delivery.is_over else goes_on_at,
        ends_about=None if delivery.is_over else ends_about(numbers, planned, started_at=started_at, now=now),
    )


def _shares(services: Sequence[Service], counts: Mapping[int, Counter[MessageState]]) -> list[ServiceNumbers]:
    """Each service's messages, and what they cost: X charges what it took, so that is the number sent by the price."""
    found = [(service, Numbers(counts.get(service.id, Counter[MessageState]()))) for service in services]
    return [
        ServiceNumbers(service.internal_name, numbers, price_of([service]) * numbers.of(MessageState.SENT))
        for service, numbers in found
    ]


def _wave_lines(session: Session, delivery: Delivery, services: Sequence[Service], now: datetime) -> list[WaveNumbers]:
    names = {service.id: service.internal_name for service in services}
    rows = []
    for wave, sent in sent_by_wave(session, delivery.id):
        begins_at = waves.begins_at(delivery, wave)
        begun = begins_at if begins_at and begins_at <= now else None
        rows.append(WaveNumbers(names.get(wave.service_id, ""), wave.number, wave.recipients, sent, begun))
    return rows


def standing_of(session: Session, delivery: Delivery) -> Standing:
    """What is known of a broadcast before it goes on: its price, its cap, its waves, its end."""
    services = deliveries.targets_of(session, delivery)
    return Standing(
        price=price_of(services),
        spend_cap=_cap_of(services),
        waves=_begins(session, delivery, services),
        planned_end=planned_end(analysis_of(delivery), delivery.started_at),
    )


def _begins(session: Session, delivery: Delivery, services: Sequence[Service]) -> list[datetime]:
    offsets: dict[int, int] = {}
    for service in services:
        for wave in waves.of_service(session, delivery.id, service.id):
            offsets.setdefault(wave.number, wave.offset_seconds)
    start = delivery.started_at or pendulum.now("UTC")
    return [start + timedelta(seconds=offset) for offset in offsets.values()]


def analysis_of(delivery: Delivery) -> Analysis:
    """The last analysis of a broadcast; an empty one before the first."""
    return Analysis.model_validate_json(delivery.analysis) if delivery.analysis else Analysis()


def price_of(services: Sequence[Service]) -> Decimal:
    """What a message costs in US dollars, at most."""
    from campaign.x.gateway import message_terms

    return max((message_terms(service.api_version.value).message_price.usd for service in services), default=Decimal(0))


def _cap_of(services: Sequence[Service]) -> Decimal:
    return sum((service.spend_cap for service in services), Decimal(0))
