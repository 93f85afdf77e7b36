"""The hours in which a service sends no messages, by the clock of its time zone. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaign.errors import WrongUsage

_WRITTEN = re.compile(r"\s*(\d{1,2}):(\d{2})\s*[-\N{EN DASH}]\s*(\d{1,2}):(\d{2})\s*")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begins` until just before `ends`, over midnight where that is earlier."""

    begins: time
    ends: time
    zone: ZoneInfo

    def __str__(self) -> str:
        """Returns them as a person reads them: 22:00 to 08:00 (Europe/Brussels)."""
        return f"{self.begins:%H:%M} to {self.ends:%H:%M} ({self.zone.key})"

    def include(self, moment: datetime) -> bool:
        """Returns whether the moment is quiet."""
        clock = moment.astimezone(self.zone).time()
        if self.begins < self.ends:
            return self.begins <= clock < self.ends
        return clock >= self.begins or clock < self.ends

    def seconds(self) -> int:
        """Returns their length on an ordinary day."""
        minutes = (self.ends.hour - self.begins.hour) * 60 + self.ends.minute - self.begins.minute
        return minutes % (24 * 60) * 60

    def end_after(self, moment: datetime) -> datetime:
        """Returns the first moment after a quiet one that is not quiet, in UTC.

        Where the clock jumps over the end it is as long after the jump: a little late, never early.
        """
        return next(end for end in self._when(moment, self.ends) if not self.include(end))

    def begin_after(self, moment: datetime) -> datetime:
        """Returns when the next quiet hours begin after a moment that is not quiet, in UTC."""
        return next(begin for begin in self._when(moment, self.begins) if self.include(begin))

    def _when(self, moment: datetime, clock: time) -> Iterator[datetime]:
        """Iterates over the later moments at which the clock shows that: twice where an hour is repeated."""
        day = moment.astimezone(self.zone).date() - timedelta(days=1)
        shown = (
            datetime.combine(day + timedelta(days=ahead), clock.replace(fold=fold), self.zone).astimezone(UTC)
            for ahead in range(6)
            for fold in (0, 1)
        )
        return iter(sorted({at for at in shown if at > moment}))


def parse_quiet_hours(text: str, timezone: str = "UTC") -> QuietHours | None:
    """Returns hours written like 22:00-08:00, None for an empty text; raises WrongUsage."""
    if not text.strip():
        return None
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise WrongUsage(f"Invalid quiet hours {text!r}. Write them like 22:00-08:00, or leave them empty.")
    first_hour, first_minute, last_hour, last_minute = map(int, found.groups())
    try:
        begins, ends = time(first_hour, first_minute), time(last_hour, last_minute)
    except ValueError:
        msg = f"Invalid quiet hours {text!r}. Write two times from 00:00 to 23:59, like 22:00-08:00."
        raise WrongUsage(msg) from None
    if begins == ends:
        msg = f"Invalid quiet hours {text!r}: they end when they begin. Write two times, or leave them empty."
        raise WrongUsage(msg)
    try:
        return QuietHours(begins, ends, ZoneInfo(timezone))
    except (ValueError, OSError, LookupError):
        msg = f"Unknown time zone {timezone!r} of the quiet hours. Write it like Europe/Brussels or UTC."
        raise WrongUsage(msg) from None
