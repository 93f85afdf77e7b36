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
        """As a person reads them: 22:00 to 08:00 (Europe/Brussels)."""
        return f"{self.begins:%H:%M} to {self.ends:%H:%M} ({self.zone.key})"

    def include(self, moment: datetime) -> bool:
        """Whether it is quiet at that moment."""
        clock = moment.astimezone(self.zone).time()
        if self.begins < self.ends:
            return self.begins <= clock < self.ends
        return clock >= self.begins or clock < self.ends

    def seconds(self) -> int:
        """How long they are on an ordinary day."""
        minutes = (self.ends.hour - self.begins.hour) * 60 + self.ends.minute - self.begins.minute
        return minutes % (24 * 60) * 60

    def end_after(self, moment: datetime) -> datetime:
        """The first moment after a quiet one that is not quiet, in UTC.

        Where the clock jumps over the end it is as long after the jump: a little late, never early.
        """
        return next(end for end in self._when(moment, self.ends) if not self.include(end))

    def begin_after(self, moment: datetime) -> datetime:
        """When it is quiet again after a moment that is not, in UTC."""
        return next(begin for begin in self._when(moment, self.begins) if self.include(begin))

    def _when(self, moment: datetime, clock: time) -> Iterator[datetime]:
        """Every later moment at which the clock shows that: twice where an hour is repeated."""
        day = moment.astimezone(self.zone).date() - timedelta(days=1)
        shown = (
            datetime.combine(day + timedelta(days=ahead), clock.replace(fold=fold), self.zone).astimezone(UTC)
            for ahead in range(6)
            for fold in (0, 1)
        )
        return iter(sorted({at for at in shown if at > moment}))


def parse_quiet_hours(text: str, timezone: str = "UTC") -> QuietHours | None:
    """Read hours such as 22:00-08:00; None when there are none. Raises WrongUsage in one sentence."""
    if not text.strip():
        return None
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise WrongUsage(f"The quiet hours {text!r} cannot be read: write them like 22:00-08:00, or leave them empty.")
    begins, ends = _clock(text, *found.group(1, 2)), _clock(text, *found.group(3, 4))
    if begins == ends:
        raise WrongUsage(f"The quiet hours {text!r} end when they begin: write two times, or leave them empty.")
    return QuietHours(begins, ends, _zone(timezone))


def _clock(text: str, hour: str, minute: str) -> time:
    try:
        return time(int(hour), int(minute))
    except ValueError:
        msg = f"The quiet hours {text!r} name no time of day: write two from 00:00 to 23:59, like 22:00-08:00."
        raise WrongUsage(msg) from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        msg = f"{name!r} is not a time zone of the quiet hours: write it like Europe/Brussels or UTC."
        raise WrongUsage(msg) from None
