"""The log of a broadcast, line by line: what became of the message to each person."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One message: to whom (X user id, handle, name), in which wave, what X calls it, and why it did not arrive."""

    state: str
    service: str
    external_id: str
    username: str
    full_name: str
    wave: int | None
    """None for a proof, or before the waves are written."""
    x_id: str | None
    at: datetime | None
    reason: str

    def as_json(self) -> dict[str, object]:
        """The line as scripts read it."""
        return {
            "state": self.state,
            "service": self.service,
            "external_id": self.external_id or None,
            "username": self.username or None,
            "full_name": self.full_name or None,
            "wave": self.wave,
            "x_id": self.x_id,
            "at": self.at.isoformat() if self.at else None,
            "reason": self.reason or None,
        }

    def as_row(self) -> dict[str, str]:
        """The line as people read it."""
        return {
            "Service": f"@{self.service}",
            "Person": f"@{self.username}" if self.username else self.external_id,
            "Name": self.full_name,
            "Wave": f"{self.wave:,}" if self.wave else "",
            "State": self.state,
            "Time": f"{self.at:%Y-%m-%d %H:%M:%S %Z}" if self.at else "",
            "Reason": self.reason,
        }
