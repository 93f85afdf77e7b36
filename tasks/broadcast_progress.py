"""The live progress of broadcasts in the Prefect UI: fed by every thread that sends, and never in its way."""

from collections import Counter
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock, Timer
from uuid import UUID

import pendulum
from prefect import runtime
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.logging import get_logger
from sqlmodel import Session

from campaign.domain.broadcast_numbers import Numbers, Standing, planned_end, progress_line
from campaign.domain.findings import Analysis
from campaign.store import deliveries, waves
from campaign.store.engine import reading
from campaign.x.gateway import message_terms
from models import Delivery, MessageState, Service

_EVERY_SECONDS = 1.0


@dataclass(slots=True)
class _Bar:
    """One broadcast's bar, and what it says."""

    delivery: Delivery
    standing: Standing
    counts: Counter[MessageState]
    goes_on_at: datetime | None = None
    artifact: UUID | None = None
    is_new: bool = field(default=False)
    """Whether something is not shown yet."""

    def words(self) -> tuple[float, str]:
        numbers, now = Numbers(self.counts), pendulum.now("UTC")
        said = progress_line(
            numbers, self.standing, started_at=self.delivery.started_at, goes_on_at=self.goes_on_at, now=now
        )
        return numbers.percentage, said


class BroadcastProgress:
    """A progress bar for each of these broadcasts; without a run around it there is none.

    Hears of changes from any thread, also in the middle of a transaction: what it says goes out from a thread of its
    own, at most once a second, and nothing that fails there fails a message.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._lock, self._showing = Lock(), Lock()
        self._timer: Timer | None = None
        self._context = copy_context()
        self._bars: dict[int, _Bar] = {}
        if runtime.flow_run.id is not None:
            self._bars = {bar.delivery.id: bar for bar in map(_read, names)}
            self._show()

    def change(self, delivery_id: int, change: Counter[MessageState]) -> None:
        """Take in by how much the numbers of a broadcast's messages change, by state."""
        bar = self._bars.get(delivery_id)
        if bar is None:
            return
        with self._lock:
            for state, count in change.items():
                bar.counts[state] += count
            bar.is_new = True
            self._show_soon()

    def goes_on(self, at: datetime | None) -> None:
        """Say when sending goes on."""
        with self._lock:
            for bar in self._bars.values():
                bar.goes_on_at, bar.is_new = at, True
            if self._bars:
                self._show_soon()

    def finish(self) -> None:
        """Show the last numbers, as they are in the database."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
        for bar in self._bars.values():
            counts = _counts(bar.delivery)
            with self._lock:
                bar.counts, bar.is_new = counts, True
        self._show()

    def _show_soon(self) -> None:
        if self._timer is None:
            self._timer = Timer(_EVERY_SECONDS, self._context.copy().run, [self._show])
            self._timer.daemon = True
            self._timer.start()

    def _show(self) -> None:
        with self._showing:
            with self._lock:
                self._timer = None
                told = [(bar, *bar.words()) for bar in self._bars.values() if bar.is_new or bar.artifact is None]
                for bar, _, _ in told:
                    bar.is_new = False
            for bar, percentage, said in told:
                _tell(bar, percentage, said)


def _tell(bar: _Bar, percentage: float, said: str) -> None:
    try:
        if bar.artifact is None:
            key = f"progress-{bar.delivery.name}"
            bar.artifact = create_progress_artifact(percentage, key=key, description=said)  # type: ignore[assignment]
        else:
            update_progress_artifact(bar.artifact, percentage, said)
    except Exception as error:  # noqa: BLE001 - whatever it is, messages go on
        get_logger(__name__).debug("The progress of %s is not shown: %s", bar.delivery.name, error)


def _read(name: str) -> _Bar:
    with reading() as session:
        delivery = deliveries.named(session, name)
        return _Bar(delivery, standing_of(session, delivery), waves.count_by_state(session, delivery.id))


def _counts(delivery: Delivery) -> Counter[MessageState]:
    with reading() as session:
        return waves.count_by_state(session, delivery.id)


def standing_of(session: Session, delivery: Delivery) -> Standing:
    """What is known of a broadcast before it goes on: its price, its cap, its waves, its end."""
    services = deliveries.targets_of(session, delivery)
    analysis = Analysis.model_validate_json(delivery.analysis) if delivery.analysis else Analysis()
    return Standing(
        price=price_of(services),
        spend_cap=sum((service.spend_cap for service in services), Decimal(0)),
        waves=_begins(session, delivery, services),
        planned_end=planned_end(analysis, delivery.started_at),
    )


def _begins(session: Session, delivery: Delivery, services: Sequence[Service]) -> list[datetime]:
    offsets: dict[int, int] = {}
    for service in services:
        for wave in waves.of_service(session, delivery.id, service.id):
            offsets.setdefault(wave.number, wave.offset_seconds)
    start = delivery.started_at or pendulum.now("UTC")
    return [start + timedelta(seconds=offset) for offset in offsets.values()]


def price_of(services: Sequence[Service]) -> Decimal:
    """What a message costs in US dollars, at most."""
    return max((message_terms(service.api_version.value).message_price.usd for service in services), default=Decimal(0))
