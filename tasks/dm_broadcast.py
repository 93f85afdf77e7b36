"""Tasks of dm-broadcast: analyse, prove, begin, send, conclude, show."""

from collections import Counter
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock, Timer
from uuid import UUID

import pendulum
from prefect import runtime, task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_logger, get_run_logger

from campaign.broadcasts import send as sending
from campaign.broadcasts import waves
from campaign.broadcasts.context import OnChange, OutgoingBroadcast
from campaign.broadcasts.report import BroadcastReport, Numbers, Standing, document_of, progress_line, standing_of
from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.deliveries.kind import Progress, Rendered
from campaign.reporting.markdown import as_markdown
from models import Delivery, MessageState, Service
from tasks.continuation import RETRIES

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
        line = progress_line(
            numbers, self.standing, started_at=self.delivery.started_at, goes_on_at=self.goes_on_at, now=now
        )
        return numbers.percentage, line


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
        """Takes in by how much the numbers of a broadcast's messages change, by state."""
        bar = self._bars.get(delivery_id)
        if bar is None:
            return
        with self._lock:
            for state, count in change.items():
                bar.counts[state] += count
            bar.is_new = True
            self._show_soon()

    def goes_on(self, at: datetime | None) -> None:
        """Says when sending goes on."""
        with self._lock:
            for bar in self._bars.values():
                bar.goes_on_at, bar.is_new = at, True
            if self._bars:
                self._show_soon()

    def finish(self) -> None:
        """Shows the last numbers, as they are in the database."""
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
                changed = [(bar, *bar.words()) for bar in self._bars.values() if bar.is_new or bar.artifact is None]
                for bar, _, _ in changed:
                    bar.is_new = False
            for bar, percentage, line in changed:
                _show_bar(bar, percentage, line)


def _show_bar(bar: _Bar, percentage: float, line: str) -> None:
    try:
        if bar.artifact is None:
            key = f"progress-{bar.delivery.name}"
            bar.artifact = create_progress_artifact(percentage, key=key, description=line)  # type: ignore[assignment]
        else:
            update_progress_artifact(bar.artifact, percentage, line)
    except Exception as error:  # noqa: BLE001 - whatever it is, messages go on
        get_logger(__name__).debug("The progress of %s is not shown: %s", bar.delivery.name, error)


def _read(name: str) -> _Bar:
    with read_session() as session:
        delivery = deliveries.named(session, name)
        return _Bar(delivery, standing_of(session, delivery), waves.count_by_state(session, delivery.id))


def _counts(delivery: Delivery) -> Counter[MessageState]:
    with read_session() as session:
        return waves.count_by_state(session, delivery.id)


def publish_wave_table(report: BroadcastReport) -> None:
    """Shows how far each wave is, one a row; there is no table of a single wave."""
    if len(report.waves) > 1 and _is_run():
        create_table_artifact(
            key=f"waves-{report.name}",
            table=[wave.as_row() for wave in report.waves],
            description=f"The waves of {report.name}.",
        )


def publish_report(report: BroadcastReport) -> None:
    """Shows what came of one broadcast: its figures, its waves, and all of it with a picture."""
    publish_reports([report])


def publish_reports(reports: Sequence[BroadcastReport]) -> None:
    """Shows what came of the broadcasts of this run."""
    rows = [row for report in reports for row in report.as_rows()]
    columns = [name for name in (rows[0] if rows else {}) if any(row[name] for row in rows)]
    if not _is_run():
        return
    create_table_artifact(
        key="dm-broadcast",
        table=[{name: row[name] for name in columns} for row in rows],
        description="What was sent. Cost is in US dollars, of the messages that are out.",
    )
    for report in reports:
        publish_wave_table(report)
        description = f"What came of {report.name}."
        create_markdown_artifact(as_markdown(document_of(report)), key=f"report-{report.name}", description=description)


def _is_run() -> bool:
    """Returns whether a run is there to show an artifact in."""
    return runtime.flow_run.id is not None


@task(name="begin", task_run_name="begin {name}")
def begin_broadcast(name: str, actor: str) -> Rendered:
    """Lets a confirmed broadcast go out; raises NotPossible when it is not, or no longer, what was confirmed."""
    return sending.begin_broadcast(name, actor)


@task(name="send", task_run_name="send from {service.internal_name}", cache_policy=NO_CACHE, **RETRIES)
def work_for(service: Service, broadcasts: dict[int, OutgoingBroadcast], on_change: OnChange) -> Progress:
    """Reads a service's inbox, then sends as many of its messages as X allows now; never fails other services.

    One step of the run for each service: a thousand services are a thousand steps.
    """
    return sending.work_for(service, broadcasts, on_change, get_run_logger().info)


@task(name="conclude", task_run_name="conclude {name}")
def conclude_broadcast(name: str) -> Delivery:
    """Brings the state of a broadcast in line with its log."""
    return sending.conclude_broadcast(name)
