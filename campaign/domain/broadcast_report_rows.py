"""The parts of a broadcast's report that there are several of: services, waves, reasons."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from campaign.domain.broadcast_numbers import Numbers
from campaign.domain.broadcast_waves import written
from campaign.domain.spending import usd


@dataclass(frozen=True, slots=True)
class ServiceNumbers:
    """One service's share: its messages by state, and what those that were sent cost in US dollars."""

    service: str
    numbers: Numbers
    cost: Decimal

    def as_json(self) -> dict[str, object]:
        """The share as scripts read it."""
        return {"service": self.service, "messages": self.numbers.as_json(), "cost_usd": usd(self.cost)[1:]}


@dataclass(frozen=True, slots=True)
class WaveNumbers:
    """One wave of a service; `begun` is when it could begin, None while it is to come."""

    service: str
    number: int
    recipients: int
    sent: int
    begun: datetime | None

    def as_json(self) -> dict[str, object]:
        """The wave as scripts read it."""
        return {
            "service": self.service,
            "number": self.number,
            "recipients": self.recipients,
            "sent": self.sent,
            "begun": iso(self.begun),
        }

    def as_row(self) -> dict[str, str]:
        """The wave as people read it."""
        return {
            "Wave": f"{self.number:,}",
            "Service": f"@{self.service}",
            "People": f"{self.recipients:,}",
            "Sent": f"{self.sent:,}",
            "Begun": written(self.begun) if self.begun else "",
        }


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Why so many messages were refused by X, or cancelled at the last moment: a code and a sentence."""

    code: str
    sentence: str
    count: int

    def as_json(self) -> dict[str, object]:
        """The reason as scripts read it."""
        return {"code": self.code or None, "reason": self.sentence or None, "count": self.count}


def iso(moment: datetime | None) -> str | None:
    """A moment as scripts read it."""
    return moment.isoformat() if moment else None
