"""What the desk asks of Prefect: runs, schedules, workers. `tasks.desk` answers with a real server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from campaign.errors import NotPossible
from models import Delivery


@dataclass(frozen=True, slots=True)
class Workflow:
    """A deployed workflow: whether its schedule is on, and its next run."""

    name: str
    is_enabled: bool
    next_run: datetime | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a workflow that has not ended."""

    id: str
    name: str
    workflow: str
    state: str
    """As Prefect names it: Running, Suspended, Scheduled, Late."""
    starts_at: datetime | None
    url: str


class Runs(Protocol):
    """The server on which the workflows run; every method raises NotPossible where there is none."""

    def schedule(self, delivery: Delivery) -> datetime | None:
        """Schedules the run of a confirmed delivery; deletes waiting runs of one that is not confirmed any more."""
        ...

    def start(self, workflow: str, name: str, parameters: Mapping[str, Any]) -> str:
        """Starts a run of a workflow now; returns the address at which Prefect shows it."""
        ...

    def cancel(self, run_id: str) -> None:
        """Asks a run to end."""
        ...

    def active(self) -> Sequence[Run]:
        """Returns the runs of the workflows that are under way or begin within an hour, the next one first."""
        ...

    def workflows(self) -> Sequence[Workflow]:
        """Returns the deployed workflows, by name."""
        ...

    def switch(self, workflow: str, *, enabled: bool) -> None:
        """Starts or stops the schedule of a workflow."""
        ...

    def workers_online(self) -> int:
        """Counts the workers that reported lately."""
        ...


class NoRuns:
    """Stands where no Prefect server is known: the pages are read, and nothing is started."""

    def __getattr__(self, _name: str) -> Any:
        return self._refuse

    @staticmethod
    def _refuse(*_given: Any, **_more: Any) -> Any:
        raise NotPossible("No Prefect server runs, so nothing can be started. Start one with: campaign up")
