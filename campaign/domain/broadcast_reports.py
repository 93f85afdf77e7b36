"""What came of a broadcast, in the words of its report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from campaign.domain.broadcast_numbers import Numbers
from campaign.domain.broadcast_report_rows import ReasonCount, ServiceNumbers, WaveNumbers, iso
from campaign.domain.broadcast_waves import written
from campaign.domain.broadcast_words import lasting
from campaign.domain.spending import usd
from models import DeliveryState, MessageState

__all__ = ["BroadcastReport", "ReasonCount", "ServiceNumbers", "WaveNumbers"]

_UNHAPPY = frozenset({DeliveryState.FAILED, DeliveryState.EXPIRED})
_SHOWN = (MessageState.SENT, MessageState.REFUSED, MessageState.UNCERTAIN, MessageState.CANCELLED)


@dataclass(frozen=True, slots=True)
class BroadcastReport:
    """A broadcast as it stands: `cost` is that of the messages sent, `spend_cap` that of all its services a month."""

    name: str
    label: str
    state: DeliveryState
    reason: str = ""
    targeted: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)
    """How many in the target get nothing, by ExclusionReason."""
    numbers: Numbers = field(default_factory=Numbers)
    refusals: tuple[ReasonCount, ...] = ()
    dropped: tuple[ReasonCount, ...] = ()
    """Cancelled: people who could not be written to any more when it was their turn, or all of the rest."""
    cost: Decimal = Decimal(0)
    spend_cap: Decimal = Decimal(0)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration: timedelta = timedelta()
    services: tuple[ServiceNumbers, ...] = ()
    waves: tuple[WaveNumbers, ...] = ()
    per_hour: tuple[tuple[datetime, int], ...] = ()
    """How many messages were sent in each hour that had any, by its beginning."""
    goes_on_at: datetime | None = None
    ends_about: datetime | None = None

    @property
    def is_unhappy(self) -> bool:
        """Whether a person has to do something; a pause that says why was none of a person's."""
        return self.state in _UNHAPPY or (self.state is DeliveryState.PAUSED and bool(self.reason))

    def as_json(self) -> dict[str, object]:
        """The report as scripts read it."""
        return {
            "name": self.name,
            "label": self.label,
            "state": self.state.value,
            "reason": self.reason or None,
            "targeted": self.targeted,
            "excluded": dict(self.excluded),
            "messages": self.numbers.as_json(),
            "refusals": [one.as_json() for one in self.refusals],
            "cancellations": [one.as_json() for one in self.dropped],
            "cost_usd": usd(self.cost)[1:],
            "spend_cap_usd": usd(self.spend_cap)[1:],
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "took_seconds": round(self.duration.total_seconds(), 1),
            "goes_on_at": iso(self.goes_on_at),
            "ends_about": iso(self.ends_about),
            "services": [one.as_json() for one in self.services],
            "waves": [one.as_json() for one in self.waves],
            "sent_per_hour": [{"hour": hour.isoformat(), "sent": sent} for hour, sent in self.per_hour],
        }

    def as_rows(self) -> list[dict[str, str]]:
        """The report as people read it in a table, one service a row."""
        return [self._row(one) for one in self.services]

    def as_markdown(self) -> str:
        """The report as the Prefect UI shows it, with a picture."""
        # Only now: what draws it is not loaded by those who draw nothing.
        from campaign.domain.broadcast_report_markdown import as_markdown  # noqa: PLC0415

        return as_markdown(self)

    def _row(self, one: ServiceNumbers) -> dict[str, str]:
        numbers = {state.value.capitalize(): f"{one.numbers.of(state):,}" for state in _SHOWN}
        return {
            "Delivery": self.name,
            "Service": f"@{one.service}",
            "State": self.state.value.replace("_", " "),
            "People": f"{one.numbers.total:,}",
            **numbers,
            "Pending": f"{one.numbers.pending:,}",
            "Cost": usd(one.cost),
            "Started": written(self.started_at) if self.started_at else "",
            "Finished": written(self.finished_at) if self.finished_at else "",
            "Took": lasting(self.duration) if self.duration else "",
            "Goes on at": written(self.goes_on_at) if self.goes_on_at else "",
            "Ends about": written(self.ends_about) if self.ends_about else "",
            "Reason": self.reason,
        }
