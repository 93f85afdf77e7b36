"""What a monitoring system watches, in the format of Prometheus: read from our own database at each request."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

import pendulum
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select, text
from sqlmodel import Session, col

from models import (
    TRIED,
    Agreement,
    AgreementState,
    AudienceDay,
    Budget,
    Charge,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Message,
    MessageState,
    PostMetrics,
    Service,
    SyncRun,
    SyncState,
)

_UNKNOWN = (MessageState.SENDING, MessageState.UNCERTAIN)


def metrics_text(session: Session, now: datetime) -> bytes:
    """Writes all metrics as they are now."""
    registry = CollectorRegistry()
    registry.register(_Reading(session, now))
    return generate_latest(registry)


class _Reading(Collector):
    """The metrics of one moment."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session, self._now = session, now
        self._names = dict(session.execute(select(col(Service.id), col(Service.internal_name))).tuples().all())

    def describe(self) -> list[Any]:
        """Returns nothing: otherwise registering would read everything for the names alone."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yields every metric; each costs a statement or two."""
        family = _gauge(
            "campaign_messages", "Posts and direct messages in the log, proofs included.", "service", "state"
        )
        counted = select(col(Message.service_id), col(Message.state), func.count())
        for service_id, state, count in self._rows(counted.group_by(col(Message.service_id), col(Message.state))):
            family.add_metric([self._names.get(service_id, ""), state.value], count)
        yield family
        family = _gauge("campaign_service_blocked", "1 while X lets a service do nothing, else 0.", "service")
        for name, blocked in self._rows(_connected(col(Service.internal_name), col(Service.blocked))):
            family.add_metric([name], int(blocked))
        yield family
        yield self._due()
        labels = "service", "endpoint", "window"
        limit = _gauge("campaign_window_limit", "Calls that X allows in a window that is open now.", *labels)
        remaining = _gauge("campaign_window_remaining", "Calls that X still allows in it.", *labels)
        columns = col(Budget.service_id), col(Budget.endpoint), col(Budget.window)
        query = select(*columns, col(Budget.limit), col(Budget.remaining)).where(col(Budget.reset_at) > self._now)
        for service_id, endpoint, window, most, left in self._rows(query):
            place = [self._names.get(service_id, ""), endpoint, window.value]
            limit.add_metric(place, most)
            remaining.add_metric(place, left)
        yield from (limit, remaining)
        cap = _gauge("campaign_spend_cap_dollars", "The spend cap of a service in a calendar month (UTC).", "service")
        left = _gauge("campaign_spend_cap_left_dollars", "What is left of it; reserved money is not.", "service")
        month = pendulum.instance(self._now).in_timezone("UTC").start_of("month")
        charged = select(col(Charge.service_id), func.sum(col(Charge.amount))).where(col(Charge.at) >= month)
        spent = dict(self._rows(charged.group_by(col(Charge.service_id))).all())
        for service_id, name, most in self._rows(
            _connected(col(Service.id), col(Service.internal_name), col(Service.spend_cap))
        ):
            cap.add_metric([name], float(most))
            left.add_metric([name], max(0.0, float(most - spent.get(service_id, 0))))
        yield from (cap, left)
        yield self._successes()

    def _due(self) -> GaugeMetricFamily:
        family = _gauge("campaign_due_seconds", "Age of the oldest work of a kind that is due; 0 without any.", "work")
        is_ready = col(Delivery.state) == DeliveryState.CONFIRMED
        since = func.coalesce(col(Delivery.contact_date), col(Delivery.confirmed_at))
        oldest: dict[str, Any] = {
            "delivery": select(func.min(since)).where(is_ready, since <= self._now),
            "answer": select(func.min(col(Delivery.asked_at))).where(col(Delivery.state) == DeliveryState.ANALYSED),
            "sync": select(func.min(col(SyncRun.goes_on_at))).where(
                col(SyncRun.state) == SyncState.WAITING, col(SyncRun.goes_on_at) <= self._now
            ),
            "profile": select(func.min(col(Agreement.agreed_at))).where(col(Agreement.state) == AgreementState.AGREED),
            "unknown_outcome": select(func.min(col(Message.armed_at))).where(
                # By service and state, as the index has them: the messages are millions.
                col(Message.service_id).in_(self._names),
                col(Message.state).in_(_UNKNOWN),
            ),
        }
        for work, query in oldest.items():
            moment = _moment(self._session.scalar(query))
            family.add_metric([work], max(0.0, self._now.timestamp() - moment) if moment else 0)
        return family

    def _successes(self) -> GaugeMetricFamily:
        family = _gauge(
            "campaign_last_success_timestamp_seconds",
            "When a workflow last did its work (Unix time): finished a sync, sent a post or a message, recovered a"
            " profile, saved statistics; absent before the first time.",
            "workflow",
        )
        posts = select(col(Delivery.id)).where(col(Delivery.kind) == DeliveryKind.POST)
        is_sent = col(Message.state) == MessageState.SENT
        last: dict[str, list[Any]] = {
            "account-sync": [
                select(func.max(col(SyncRun.finished_at))).where(col(SyncRun.state) == SyncState.FINISHED)
            ],
            "post-publication": [
                select(func.max(col(Message.armed_at))).where(col(Message.delivery_id).in_(posts), is_sent)
            ],
            # In the same words as the index of the messages that were tried, which has the newest last.
            "dm-broadcast": [
                select(func.max(col(Message.armed_at))).where(col(Message.service_id) == one, text(TRIED), is_sent)
                for one in self._names
            ],
            "contact-acquisition": [select(func.max(col(Agreement.recovered_at)))],
            "engagement-statistics": [
                select(func.max(col(PostMetrics.taken_at))),
                select(func.max(col(AudienceDay.day))),
            ],
        }
        for workflow, queries in last.items():
            moments = [moment for query in queries if (moment := _moment(self._session.scalar(query)))]
            if moments:
                family.add_metric([workflow], max(moments))
        return family

    def _rows(self, query: Any) -> Any:
        return self._session.execute(query).tuples()


def _gauge(name: str, help_text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, labels=labels)


def _connected(*columns: Any) -> Any:
    return select(*columns).where(col(Service.removed_at).is_(None)).order_by(col(Service.id))


def _moment(value: date | None) -> float | None:
    """Returns a moment or a day as Unix time."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.timestamp()
    return datetime.combine(value, time(tzinfo=UTC)).timestamp()
