"""Running the account sync in this process, and what came of it."""

from dataclasses import dataclass

import pytest

from campaign.audience.sync import SyncReport, describe_outcome, synchronise_all
from campaign.errors import WrongUsage
from campaign.services.store import choose_services
from models import SyncMode

both_databases = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@dataclass(frozen=True)
class Outcome:
    """How a sync ended, in one sentence, and its reports."""

    is_completed: bool
    message: str
    reports: list[SyncReport]

    def of(self, service: str) -> SyncReport:
        return next(report for report in self.reports if report.service == service)


def sync(*services: str, mode: SyncMode = SyncMode.FULL, wait: bool = True) -> Outcome:
    """Synchronise as a command does it."""
    try:
        chosen = choose_services(services)
    except WrongUsage as error:
        return Outcome(is_completed=False, message=str(error), reports=[])
    reports = synchronise_all(chosen.services, mode, "a test", wait=wait)
    return Outcome(*describe_outcome(reports, chosen.problems), reports)
