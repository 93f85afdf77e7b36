"""The report of a broadcast: numbers by service, wave and reason."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pendulum
from sqlalchemy import case, func, literal_column, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from campaign.broadcasts import waves
from campaign.broadcasts.analysis import describe_consents
from campaign.broadcasts.preview import exclusions_section, time_of
from campaign.db.engine import read_session
from campaign.deliveries import log
from campaign.deliveries import store as deliveries
from campaign.deliveries.findings import Analysis
from campaign.deliveries.kind import Progress
from campaign.formatting import dollars, format_duration, format_time, iso, usd
from campaign.reporting.charts import over_time
from campaign.reporting.document import Cell, Document, Section, shortened
from models import (
    MAIN,
    Delivery,
    DeliveryState,
    Message,
    MessageState,
    Service,
    Wave,
)

_SURE = (MessageState.SENT, MessageState.REFUSED, MessageState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Standing:
    """The facts that do not change while a broadcast goes out: when its waves begin, what a message costs."""

    price: Decimal
    """US dollars for one message."""
    spend_cap: Decimal
    """US dollars a month, of all its services."""
    waves: Sequence[datetime] = ()
    """When each wave begins; a wave that several services have is one."""
    planned_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """The number of messages in each state."""

    by_state: Mapping[MessageState, int] = field(default_factory=Counter[MessageState])

    def of(self, state: MessageState) -> int:
        """Returns the number in a state; differences that come in any order never show less than zero."""
        return max(0, self.by_state.get(state, 0))

    @property
    def total(self) -> int:
        """Counts all messages."""
        return sum(self.of(state) for state in MessageState)

    @property
    def pending(self) -> int:
        """Counts what is not sent yet, messages on their way included."""
        return self.of(MessageState.PENDING) + self.of(MessageState.SENDING)

    @property
    def percentage(self) -> float:
        """Returns the share with an outcome; 100 only when all have one."""
        done = sum(self.of(state) for state in _SURE)
        if done >= self.total:
            return 100.0
        return min(99.9, round(100 * done / self.total, 1))

    def as_json(self) -> dict[str, int]:
        """Returns the numbers for scripts."""
        return {state.value: self.of(state) for state in MessageState}

    def summary(self) -> str:
        """Returns the numbers in one line: sent 1,204, refused 3, uncertain 0, pending 3,793 of 5,000."""
        shown = [MessageState.SENT, MessageState.REFUSED, MessageState.UNCERTAIN]
        if self.of(MessageState.CANCELLED):
            shown.append(MessageState.CANCELLED)
        counts = ", ".join(f"{state.value} {self.of(state):,}" for state in shown)
        return f"{counts}, pending {self.pending:,} of {self.total:,}"


def numbers_of(session: Session, delivery: Delivery) -> Numbers:
    """Counts the messages of a broadcast, or the parts of a post, by state."""
    return Numbers(waves.count_by_state(session, delivery.id))


def progress_line(
    numbers: Numbers, standing: Standing, *, started_at: datetime | None, goes_on_at: datetime | None, now: datetime
) -> str:
    """Writes in one line how far a broadcast is."""
    sent, begun = numbers.of(MessageState.SENT), sum(begins_at <= now for begins_at in standing.waves)
    ends = ends_about(numbers, standing.planned_end, started_at=started_at, now=now)
    facts = [
        numbers.summary(),
        f"wave {max(1, begun):,} of {len(standing.waves):,}" if len(standing.waves) > 1 else "",
        f"{usd(standing.price * sent)} of {usd(standing.spend_cap)} cap",
        f"continues at {time_of(goes_on_at, now)}" if goes_on_at and goes_on_at > now else "",
        f"ends about {format_time(ends)}" if ends else "",
    ]
    return " · ".join(filter(None, facts))


def planned_end(analysis: Analysis, started_at: datetime | None) -> datetime | None:
    """Returns when the last message was to be out, moved to when the broadcast really began."""
    if analysis.ends_at is None or not analysis.waves:
        return analysis.ends_at
    begins_at = min(wave.begins_at for wave in analysis.waves)
    return analysis.ends_at + (started_at - begins_at if started_at else timedelta())


def ends_about(
    numbers: Numbers, planned: datetime | None, *, started_at: datetime | None, now: datetime
) -> datetime | None:
    """Estimates when the last message is out: as planned, later at the speed so far; None when all is done."""
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
    """The share of one service: its messages by state, and the cost of those sent in US dollars."""

    service: str
    numbers: Numbers
    cost: Decimal

    def as_json(self) -> dict[str, object]:
        """Returns the share for scripts."""
        return {"service": self.service, "messages": self.numbers.as_json(), "cost_usd": dollars(self.cost)}


@dataclass(frozen=True, slots=True)
class WaveNumbers:
    """One wave of a service; `begun` is when it could begin, None while it is to come."""

    service: str
    number: int
    recipients: int
    sent: int
    begun: datetime | None

    def as_json(self) -> dict[str, object]:
        """Returns the wave for scripts."""
        return {
            "service": self.service,
            "number": self.number,
            "recipients": self.recipients,
            "sent": self.sent,
            "begun": iso(self.begun),
        }

    def as_row(self) -> dict[str, str]:
        """Returns the wave for people."""
        return {
            "Wave": f"{self.number:,}",
            "Service": f"@{self.service}",
            "People": f"{self.recipients:,}",
            "Sent": f"{self.sent:,}",
            "Begun": format_time(self.begun) if self.begun else "",
        }


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Why so many messages were refused by X, or cancelled at the last moment: a code and a sentence."""

    code: str
    sentence: str
    count: int

    def as_json(self) -> dict[str, object]:
        """Returns the reason for scripts."""
        return {"code": self.code or None, "reason": self.sentence or None, "count": self.count}


_ENDLESS = 1 << 62
#: The hour of a moment; SQLite keeps moments as text in UTC.
_HOUR = {"sqlite": "substr(message.settled_at, 1, 13)", "postgresql": "date_trunc('hour', message.settled_at, 'UTC')"}


def reasons(session: Session, delivery_id: int, state: MessageState) -> tuple[ReasonCount, ...]:
    """Counts the reasons of the messages in a state, the most frequent first.

    One sentence for each code; of what is left to a person each sentence, as a person decides by it.
    """
    count, code, sentence = func.count(), col(Message.reason_code), func.min(col(Message.reason))
    counted = select(code, sentence, count).where(*_of(delivery_id), col(Message.state) == state)
    group = code, case((code == log.FOR_A_PERSON, col(Message.reason)), else_="")
    rows = session.execute(counted.group_by(*group).order_by(count.desc(), code, sentence))
    return tuple(ReasonCount(code, sentence, number) for code, sentence, number in rows)


def sent_per_hour(session: Session, delivery_id: int) -> tuple[tuple[datetime, int], ...]:
    """Counts the messages sent in each hour (UTC) that had any, by its beginning."""
    hour: Any = literal_column(_HOUR[session.get_bind().dialect.name]).label("hour")
    counted = select(hour, func.count()).where(*_of(delivery_id), col(Message.state) == MessageState.SENT)
    timed = counted.where(col(Message.settled_at).is_not(None)).group_by(hour).order_by(hour)
    rows = session.execute(timed)
    # SQLite gives the text of an hour, PostgreSQL a time.
    return tuple(
        (datetime.fromisoformat(f"{begins}:00Z") if isinstance(begins, str) else begins.astimezone(UTC), count)
        for begins, count in rows
    )


def sent_by_wave(session: Session, delivery_id: int) -> list[tuple[Wave, int]]:
    """Counts the messages sent of each wave, by service and number."""
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


def _of(delivery_id: int) -> tuple[Any, ...]:
    return col(Message.delivery_id) == delivery_id, col(Message.proof_number) == MAIN


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
    consents: str = ""
    """How many recipients agreed, only wrote first, or did neither, at the last analysis."""
    agreed: int | None = None
    wrote_first: int | None = None
    numbers: Numbers = field(default_factory=Numbers)
    refusals: tuple[ReasonCount, ...] = ()
    dropped: tuple[ReasonCount, ...] = ()
    """Cancelled: people who could not be written to any more when it was their turn, or all of the rest."""
    unknown: tuple[ReasonCount, ...] = ()
    """Messages that may be out or not: looked up on X, or left to a person."""
    left_out: int = 0
    """Messages in the inbox that could not be read in this run: they may be opt-outs."""
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
    goes_on_because: str = ""
    """Why its services wait until then."""
    ends_about: datetime | None = None

    @property
    def is_unhappy(self) -> bool:
        """Returns whether a person has to act; a pause with a reason was not ordered by a person."""
        is_paused = self.state is DeliveryState.PAUSED and bool(self.reason)
        is_stuck = bool(self.undecided) and self.state is DeliveryState.IN_PROGRESS and not self.numbers.pending
        return is_paused or is_stuck or self.state in {DeliveryState.FAILED, DeliveryState.EXPIRED}

    @property
    def undecided(self) -> int:
        """Counts the messages with an unknown outcome that only a person can decide."""
        return sum(one.count for one in self.unknown if one.code == log.FOR_A_PERSON)

    @property
    def sentence(self) -> str:
        """Returns why a person has to act; empty when no person has to."""
        count = f"{self.undecided:,} message{'s' * (self.undecided > 1)}"
        undecided = (
            f"{count} may be out or not. Look on X, then decide each with: campaign delivery settle {self.name}"
            " --to HANDLE"
        )
        return f"{self.reason} {undecided if self.undecided else ''}".strip()

    def as_json(self) -> dict[str, object]:
        """Returns the report for scripts."""
        return {
            "name": self.name,
            "label": self.label,
            "state": self.state.value,
            "reason": self.reason or None,
            "targeted": self.targeted,
            "excluded": dict(self.excluded),
            "agreed": self.agreed,
            "wrote_first": self.wrote_first,
            "messages": self.numbers.as_json(),
            "refusals": [one.as_json() for one in self.refusals],
            "cancellations": [one.as_json() for one in self.dropped],
            "unknown_outcomes": [one.as_json() for one in self.unknown],
            "unreadable_events": self.left_out,
            "cost_usd": dollars(self.cost),
            "spend_cap_usd": dollars(self.spend_cap),
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "took_seconds": round(self.duration.total_seconds(), 1),
            "goes_on_at": iso(self.goes_on_at),
            "goes_on_because": self.goes_on_because or None,
            "ends_about": iso(self.ends_about),
            "services": [one.as_json() for one in self.services],
            "waves": [one.as_json() for one in self.waves],
            "sent_per_hour": [{"hour": hour.isoformat(), "sent": sent} for hour, sent in self.per_hour],
        }

    def as_rows(self) -> list[dict[str, str]]:
        """Returns a row for people for each service."""
        times = {
            "Started": format_time(self.started_at) if self.started_at else "",
            "Finished": format_time(self.finished_at) if self.finished_at else "",
            "Took": format_duration(self.duration) if self.duration else "",
            "Goes on at": format_time(self.goes_on_at) if self.goes_on_at else "",
            "Ends about": format_time(self.ends_about) if self.ends_about else "",
        }
        return [
            {
                "Delivery": self.name,
                "Service": f"@{one.service}",
                "State": self.state.words,
                "People": f"{one.numbers.total:,}",
                **{state.value.capitalize(): f"{one.numbers.of(state):,}" for state in _SHOWN},
                "Pending": f"{one.numbers.pending:,}",
                "Cost": usd(one.cost),
                **times,
                "Reason": self.sentence,
            }
            for one in self.services
        ]


def document_of(report: BroadcastReport) -> Document:
    """Makes the report of a broadcast: its outcome first, then the reasons, the times and the services."""
    state = report.state.words
    lead = f"{report.name} is {state}. {report.sentence}".strip()
    costs = f"The messages sent cost {usd(report.cost)}; the monthly spend cap is {usd(report.spend_cap)}."
    until = f" to {format_time(report.finished_at)}" if report.finished_at else ""
    length = f"{until}, {format_duration(report.duration)}."
    messages = f"{report.left_out:,} messages in the inbox" if report.left_out > 1 else "1 message in the inbox"
    times = (
        f"Went out from {format_time(report.started_at)}{length}" if report.started_at else "",
        f"Continues at {format_time(report.goes_on_at)}. {report.goes_on_because}".strip() if report.goes_on_at else "",
        f"Ends about {format_time(report.ends_about)}." if report.ends_about else "",
        f"{messages} could not be read, as X left something out; the log of the run names the ids."
        if report.left_out
        else "",
    )
    consents = f"Of the recipients {report.consents}. " if report.consents else ""
    blocks = (
        Section(bold=report.numbers.summary()),
        Section(text=f"{report.targeted:,} people were targeted. {consents}{costs}"),
        *(Section(text=sentence) for sentence in filter(None, times)),
        *([Section(chart=over_time("Messages sent", "Sent", report.per_hour))] if report.per_hour else []),
        *_tables(report),
    )
    return Document(report.label or report.name, lead, blocks)


def _tables(report: BroadcastReport) -> Iterator[Section]:
    services: list[tuple[Cell, ...]] = [
        (f"@{one.service}", one.numbers.total, *map(one.numbers.of, _SHOWN), one.numbers.pending, one.cost)
        for one in report.services
    ]
    if services:
        states = (state.value.capitalize() for state in _SHOWN)
        yield Section("Services", ("Service", "People", *states, "Pending", "Cost"), tuple(services))
    for title, reasons in (
        ("Refused by X", report.refusals),
        ("Cancelled", report.dropped),
        ("Outcome unknown", report.unknown),
    ):
        if reasons:
            rows = tuple((one.sentence or one.code or "Without a reason", one.count) for one in reasons)
            yield Section(title, ("Reason", "Messages"), rows)
    yield from exclusions_section(report.excluded)
    waves = [(one.number, f"@{one.service}", one.recipients, one.sent, one.begun) for one in report.waves]
    if waves:
        yield Section("Waves", ("Wave", "Service", "People", "Sent", "Begun"), shortened(waves))


def continues_at(services: Sequence[Service], ends: Sequence[Progress]) -> datetime | None:
    """Returns when a run continues with a broadcast: with the first of its own services."""
    ids = {service.id for service in services}
    return min((end.until for end in ends if end.until and end.service_id in ids), default=None)


def report_on(delivery: Delivery, ends: Sequence[Progress] = ()) -> BroadcastReport:
    """Reads the report of a broadcast as it stands now; `ends` are those of all services in a run.

    It continues when one of its own services does, unless it is paused or over.
    """
    now = pendulum.now("UTC")
    with read_session() as session:
        delivery = deliveries.get(session, delivery.id)
        services, analysis = deliveries.targets_of(session, delivery), analysis_of(delivery)
        counts = waves.count_by_service(session, delivery.id)
        names = {service.id: service.internal_name for service in services}
        numbers = {service.id: Numbers(counts.get(service.id, Counter())) for service in services}
        # X charges what it accepted: the number sent by the price.
        shares = tuple(
            ServiceNumbers(
                service.internal_name,
                numbers[service.id],
                price_of([service]) * numbers[service.id].of(MessageState.SENT),
            )
            for service in services
        )
        all_numbers = Numbers(sum(counts.values(), Counter[MessageState]()))
        started_at, finished_at = delivery.started_at, delivery.finished_at
        own = [end for end in ends if end.service_id in numbers]
        opens = [delivery.contact_date] if delivery.contact_date and delivery.contact_date > now else []
        moments = [moment for moment in [*opens, continues_at(services, ends)] if moment]
        can_continue = delivery.state in {DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS}
        planned = planned_end(analysis, started_at)
        times = ((wave, sent, waves.begins_at(delivery, wave)) for wave, sent in sent_by_wave(session, delivery.id))
        begun = [(wave, sent, at if at and at <= now else None) for wave, sent, at in times]
        return BroadcastReport(
            name=delivery.name,
            label=delivery.label,
            state=delivery.state,
            reason=delivery.reason,
            targeted=analysis.targeted,
            excluded=dict(analysis.excluded),
            agreed=analysis.agreed,
            wrote_first=analysis.wrote_first,
            consents=""
            if analysis.agreed is None
            else describe_consents(analysis.messages, analysis.agreed, analysis.wrote_first or 0),
            numbers=all_numbers,
            refusals=reasons(session, delivery.id, MessageState.REFUSED),
            dropped=reasons(session, delivery.id, MessageState.CANCELLED),
            cost=sum((share.cost for share in shares), Decimal(0)),
            spend_cap=sum((service.spend_cap for service in services), Decimal(0)),
            started_at=started_at,
            finished_at=finished_at,
            duration=(finished_at or now) - started_at if started_at else timedelta(),
            services=shares,
            waves=tuple(
                WaveNumbers(names.get(wave.service_id, ""), wave.number, wave.recipients, sent, at)
                for wave, sent, at in begun
            ),
            per_hour=sent_per_hour(session, delivery.id),
            unknown=reasons(session, delivery.id, MessageState.UNCERTAIN),
            left_out=sum(end.left_out for end in own),
            goes_on_at=min(moments, default=None) if can_continue else None,
            goes_on_because=" ".join(dict.fromkeys(end.reason for end in own if end.until)) if can_continue else "",
            ends_about=None if delivery.is_over else ends_about(all_numbers, planned, started_at=started_at, now=now),
        )


def standing_of(session: Session, delivery: Delivery) -> Standing:
    """Reads what is known of a broadcast before it continues: its price, its cap, its waves, its end."""
    services = deliveries.targets_of(session, delivery)
    offsets: dict[int, int] = {}
    for service in services:
        for wave in waves.of_service(session, delivery.id, service.id):
            offsets.setdefault(wave.number, wave.offset_seconds)
    start = delivery.started_at or pendulum.now("UTC")
    return Standing(
        price=price_of(services),
        spend_cap=sum((service.spend_cap for service in services), Decimal(0)),
        waves=[start + timedelta(seconds=offset) for offset in offsets.values()],
        planned_end=planned_end(analysis_of(delivery), delivery.started_at),
    )


def analysis_of(delivery: Delivery) -> Analysis:
    """Reads the last analysis of a broadcast; an empty one before the first."""
    return Analysis.model_validate_json(delivery.analysis) if delivery.analysis else Analysis()


def price_of(services: Sequence[Service]) -> Decimal:
    """Returns the price of a message in US dollars, at most."""
    from campaign.x.gateway import message_terms

    return max((message_terms(service.api_version.value).message_price.usd for service in services), default=Decimal(0))
