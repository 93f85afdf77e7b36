"""The report of a post: its log, part by part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from models import Delivery, DeliveryState, Message, Service


@dataclass(frozen=True, slots=True)
class LogLine:
    """One part on one account."""

    service: str
    handle: str
    part: int
    proof_number: int
    state: str
    x_id: str | None
    at: datetime | None
    reason: str

    @property
    def link(self) -> str:
        """Returns the address on X; empty while it is not out."""
        return f"https://x.com/{self.handle}/status/{self.x_id}" if self.x_id else ""

    def as_json(self) -> dict[str, object]:
        """Returns the line for scripts."""
        return {
            "state": self.state,
            "service": self.service,
            "external_id": None,
            "part": self.part,
            "proof": self.proof_number or None,
            "x_id": self.x_id,
            "at": self.at.isoformat() if self.at else None,
            "link": self.link or None,
            "reason": self.reason or None,
        }

    def as_row(self) -> dict[str, str]:
        """Returns the line for people."""
        return {
            "Account": f"@{self.handle}",
            "Part": str(self.part),
            "Proof": str(self.proof_number or ""),
            "State": self.state,
            "Time": f"{self.at:%Y-%m-%d %H:%M:%S %Z}" if self.at else "",
            "Link": self.link,
            "Reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A delivery with its log."""

    name: str
    label: str
    state: DeliveryState
    reason: str
    lines: tuple[LogLine, ...]

    @property
    def is_unhappy(self) -> bool:
        """Returns whether a person has to do something."""
        return self.state in {DeliveryState.FAILED, DeliveryState.EXPIRED}

    @property
    def first_link(self) -> str:
        """Returns the address of the first post on X."""
        return next((line.link for line in self.lines if line.link), "")


def report_of(delivery: Delivery, log: Sequence[Message], services: Mapping[int, Service]) -> DeliveryReport:
    """Makes the report of a delivery."""
    accounts = ((message, services[message.service_id]) for message in log)
    lines = tuple(
        LogLine(
            service=service.internal_name,
            handle=service.x_username or service.internal_name,
            part=message.part,
            proof_number=message.proof_number,
            state="withdrawn" if message.withdrawn_at else message.state.value,
            x_id=message.x_id,
            at=message.withdrawn_at or message.settled_at,
            reason=message.reason,
        )
        for message, service in accounts
    )
    return DeliveryReport(delivery.name, delivery.label, delivery.state, delivery.reason, lines)
