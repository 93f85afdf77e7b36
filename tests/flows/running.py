"""Running the account sync in this process, and what came of it."""

from dataclasses import dataclass

import pytest
from prefect import tags
from prefect.client.schemas.objects import State

from campaign.audience.sync import SyncReport
from flows.account_sync import account_sync
from models import SyncMode
from tasks.continuation import NO_WAIT

both_databases = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@dataclass(frozen=True)
class Outcome:
    """The final state of a run, and the reports it gave."""

    state: State
    reports: list[SyncReport]

    @property
    def is_completed(self) -> bool:
        return self.state.is_completed()

    @property
    def message(self) -> str:
        return self.state.message or ""

    def of(self, service: str) -> SyncReport:
        return next(report for report in self.reports if report.service == service)


def sync(*services: str, mode: SyncMode = SyncMode.FULL, wait: bool = True) -> Outcome:
    """Run the flow without a deployment, as a person's Python does."""
    with tags(*[] if wait else [NO_WAIT]):
        state = account_sync(list(services), mode, return_state=True)
    reports = state.result(raise_on_failure=False)
    return Outcome(state, reports if isinstance(reports, list) else [])
