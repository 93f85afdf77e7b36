"""What came of the sync of a service, in the words of its report."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from campaign.domain.spending import usd
from models import Service, SyncRun, SyncState

#: States in which the next step is a person's.
_UNHAPPY = frozenset({SyncState.REFUSED, SyncState.FAILED, SyncState.STOPPED})


@dataclass(frozen=True, slots=True)
class SyncReport:
    """One service's line: people counted, cost in US dollars, and when it goes on if it waits for X."""

    service: str
    state: SyncState
    followers: int = 0
    new: int = 0
    changed: int = 0
    ended: int = 0
    pages: int = 0
    cost: Decimal = Decimal(0)
    took: timedelta = timedelta()
    goes_on_at: datetime | None = None
    reason: str = ""

    @property
    def is_unhappy(self) -> bool:
        """Whether a person has to do something."""
        return self.state in _UNHAPPY

    def as_json(self) -> dict[str, object]:
        """The line as scripts read it."""
        return {
            "service": self.service,
            "state": self.state.value,
            "followers": self.followers,
            "new": self.new,
            "changed": self.changed,
            "ended": self.ended,
            "pages": self.pages,
            "cost_usd": f"{self.cost:.2f}" if self.cost == round(self.cost, 2) else f"{self.cost.normalize():f}",
            "took_seconds": round(self.took.total_seconds(), 1),
            "goes_on_at": self.goes_on_at.isoformat() if self.goes_on_at else None,
            "reason": self.reason or None,
        }

    def as_row(self) -> dict[str, str]:
        """The line as people read it, in a table."""
        return {
            "Service": self.service,
            "State": self.state.value,
            "Goes on at": f"{self.goes_on_at:%Y-%m-%d %H:%M:%S %Z}" if self.goes_on_at else "",
            "Reason": self.reason,
            "Followers": f"{self.followers:,}",
            "New": f"{self.new:,}",
            "Changed": f"{self.changed:,}",
            "Ended": f"{self.ended:,}",
            "Pages": f"{self.pages:,}",
            "Cost": usd(self.cost),
            "Took": f"{self.took.total_seconds():.1f} s",
        }


def report_of(service: Service, run: SyncRun, now: datetime) -> SyncReport:
    """Report on a reading."""
    return SyncReport(
        service=service.internal_name,
        state=run.state,
        followers=run.followers,
        new=run.new,
        changed=run.changed,
        ended=run.ended,
        pages=run.pages,
        cost=run.cost,
        took=(run.finished_at or now) - run.started_at,
        goes_on_at=run.goes_on_at,
        reason=run.reason,
    )
