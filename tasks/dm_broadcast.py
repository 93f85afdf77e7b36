"""Tasks of dm-broadcast: begin, send, conclude, and the progress and reports of broadcasts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass
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
from campaign.reporting.text import as_markdown
from models import Delivery, MessageState, Service
from tasks.continuation import MESSAGES, RETRIES, publish_asset, publish_table

_EVERY_SECONDS = 1.0


@dataclass(slots=True)
class _Bar:
    """The progress bar of one broadcast."""

    delivery: Delivery
    standing: Standing
    counts: Counter[MessageState]
    goes_on_at: datetime | None = None
    artifact: UUID | None = None
    is_new: bool = False
    """Whether something is not shown yet."""

    def describe(self) -> tuple[float, str]:
        """Returns the percentage, and the line below the bar."""
        numbers, now, started_at = Numbers(self.counts), pendulum.now("UTC"), self.delivery.started_at
        line = progress_line(numbers, self.standing, started_at=started_at, goes_on_at=self.goes_on_at, now=now)
        return numbers.percentage, line

    def show(self, percentage: float, line: str) -> None:
        """Creates or updates the artifact; errors are only logged, so that messages go on."""
        try:
            if self.artifact is None:
                key = f"progress-{self.delivery.name}"
                self.artifact = create_progress_artifact(percentage, key=key, description=line)  # type: ignore[assignment]
            else:
                update_progress_artifact(self.artifact, percentage, line)
        except Exception as error:  # noqa: BLE001
            get_logger(__name__).debug("The progress of %s is not shown: %s", self.delivery.name, error)


class BroadcastProgress:
    """A progress bar for each of these broadcasts, in a run; outside of a run it does nothing.

    Receives changes from any thread, also in the middle of a transaction. A thread of its own shows them, at most once
    a second, so that its errors cannot fail a message.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._lock, self._showing = Lock(), Lock()
        self._timer: Timer | None = None
        self._context = copy_context()
        self._bars: dict[int, _Bar] = {}
        if runtime.flow_run.id is not None:
            with read_session() as session:
                for delivery in (deliveries.named(session, name) for name in names):
                    counts = waves.count_by_state(session, delivery.id)
                    self._bars[delivery.id] = _Bar(delivery, standing_of(session, delivery), counts)
            self._show()

    def change(self, delivery_id: int, change: Counter[MessageState]) -> None:
        """Adds a change of the counts of a broadcast's messages, by state."""
        bar = self._bars.get(delivery_id)
        if bar is None:
            return
        with self._lock:
            for state, count in change.items():
                bar.counts[state] += count
            bar.is_new = True
            self._show_soon()

    def goes_on(self, moments: Mapping[int, datetime | None]) -> None:
        """Shows when each broadcast continues, by delivery id."""
        with self._lock:
            for bar in self._bars.values():
                bar.goes_on_at, bar.is_new = moments.get(bar.delivery.id), True
            if self._bars:
                self._show_soon()

    def finish(self) -> None:
        """Shows the final counts, read from the database."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
        for bar in self._bars.values():
            with read_session() as session:
                counts = waves.count_by_state(session, bar.delivery.id)
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
                changed = [(bar, *bar.describe()) for bar in self._bars.values() if bar.is_new or bar.artifact is None]
                for bar, _, _ in changed:
                    bar.is_new = False
            for bar, percentage, line in changed:
                bar.show(percentage, line)


def publish_reports(reports: Sequence[BroadcastReport]) -> None:
    """Shows the results of the broadcasts of this run: a table of all, and of each its waves and its report."""
    if runtime.flow_run.id is None:
        return
    rows = [row for report in reports for row in report.as_rows()]
    if reports:
        publish_asset("message", MESSAGES, deliveries=len(reports))
    publish_table("dm-broadcast", rows, "What was sent. Cost is in US dollars, of the messages that are out.")
    for report in reports:
        if len(report.waves) > 1:
            table = [wave.as_row() for wave in report.waves]
            create_table_artifact(key=f"waves-{report.name}", table=table, description=f"The waves of {report.name}.")
        description = f"The results of {report.name}."
        create_markdown_artifact(as_markdown(document_of(report)), key=f"report-{report.name}", description=description)


@task(name="begin", task_run_name="begin {name}")
def begin_broadcast(name: str, actor: str) -> Rendered:
    """Starts a confirmed broadcast; raises NotPossible when it is not confirmed, or changed since."""
    return sending.begin_broadcast(name, actor)


@task(name="send", task_run_name="send from {service.internal_name}", cache_policy=NO_CACHE, **RETRIES)
def work_for(service: Service, broadcasts: dict[int, OutgoingBroadcast], on_change: OnChange) -> Progress:
    """Reads a service's inbox, then sends as many of its messages as X allows now; never fails other services.

    One step of the run for each service: a thousand services are a thousand steps.
    """
    return sending.work_for(service, broadcasts, on_change, get_run_logger().info)


@task(name="conclude", task_run_name="conclude {name}")
def conclude_broadcast(name: str) -> Delivery:
    """Updates the state of a broadcast from its log."""
    return sending.conclude_broadcast(name)
