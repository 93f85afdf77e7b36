"""What the Prefect UI shows of a run: a progress bar per service while it runs, a table at the end."""

import time
from collections.abc import Sequence
from uuid import UUID

from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact

from campaign.domain.reports import SyncReport
from models import Service, SyncRun, SyncState
from tasks.twitter_service import block_name


class SyncProgress:
    """The progress artifact of one service's sync."""

    def __init__(self, service: Service, run: SyncRun) -> None:
        self._next = 0.0
        self._expected = max(service.followers_count or 0, 1)
        self._artifact: UUID = create_progress_artifact(  # type: ignore[assignment]
            progress=self._percent(run),
            key=f"account-sync-{block_name(service.internal_name)}",
            description=f"Followers of @{service.internal_name} read",
        )

    def show(self, run: SyncRun) -> None:
        """Move the bar to where the reading stands, at most once a second until it is finished."""
        if run.state is SyncState.RUNNING and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 1
        update_progress_artifact(self._artifact, progress=self._percent(run))

    def _percent(self, run: SyncRun) -> float:
        if run.state is SyncState.FINISHED:
            return 100.0
        # Below 100 until it is finished: the count is up to a day old.
        return min(99.0, round(100 * run.followers_read / self._expected, 1))


def publish_report(reports: Sequence[SyncReport]) -> None:
    """Show the report of a sync as a table, one service a row."""
    rows = [report.as_row() for report in reports]
    columns = [name for name in (rows[0] if rows else {}) if any(row[name] for row in rows)]
    create_table_artifact(
        key="account-sync",
        table=[{name: row[name] for name in columns} for row in rows],
        description="What the account sync did. Cost is in US dollars, at the highest price X may ask.",
    )
