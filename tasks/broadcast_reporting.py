"""How a broadcast stands: put together from what the database counts; knows nothing of Prefect."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pendulum
from sqlmodel import Session

from campaign.domain.broadcast_numbers import Numbers, Standing, ends_about, planned_end
from campaign.domain.broadcast_reports import BroadcastReport, ServiceNumbers, WaveNumbers
from campaign.domain.findings import Analysis
from campaign.store import broadcast_reports, deliveries, waves
from campaign.store.engine import reading
from campaign.x.gateway import message_terms
from models import Delivery, MessageState, Service


def report_on(delivery: Delivery, goes_on_at: datetime | None = None) -> BroadcastReport:
    """The report of a broadcast as it stands now; `goes_on_at` is when sending goes on, where that is known."""
    now = pendulum.now("UTC")
    with reading() as session:
        return _report(session, deliveries.get(session, delivery.id), goes_on_at, now)


def _report(session: Session, delivery: Delivery, goes_on_at: datetime | None, now: datetime) -> BroadcastReport:
    services, analysis = deliveries.targets_of(session, delivery), analysis_of(delivery)
    counts = broadcast_reports.by_service(session, delivery.id)
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
        refusals=broadcast_reports.reasons(session, delivery.id, MessageState.REFUSED),
        dropped=broadcast_reports.reasons(session, delivery.id, MessageState.CANCELLED),
        cost=sum((share.cost for share in shares), Decimal(0)),
        spend_cap=_cap_of(services),
        started_at=started_at,
        finished_at=finished_at,
        duration=(finished_at or now) - started_at if started_at else timedelta(),
        services=tuple(shares),
        waves=tuple(_waves(session, delivery, services, now)),
        per_hour=broadcast_reports.sent_per_hour(session, delivery.id),
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


def _waves(session: Session, delivery: Delivery, services: Sequence[Service], now: datetime) -> list[WaveNumbers]:
    names = {service.id: service.internal_name for service in services}
    rows = []
    for wave, sent in broadcast_reports.sent_by_wave(session, delivery.id):
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
    return max((message_terms(service.api_version.value).message_price.usd for service in services), default=Decimal(0))


def _cap_of(services: Sequence[Service]) -> Decimal:
    return sum((service.spend_cap for service in services), Decimal(0))
