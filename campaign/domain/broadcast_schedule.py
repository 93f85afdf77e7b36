"""When the waves of a broadcast begin and end on a service, as if it sent nothing else meanwhile. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil

from campaign.domain.budget import WindowName
from campaign.domain.findings import WavePlan
from campaign.domain.message_budget import Allowance
from campaign.domain.quiet_hours import QuietHours
from campaign.domain.waves import WaveShare

_QUARTER, _DAY = 900, 86_400
_EXACT = 100 * _DAY
"""Longer than a delivery may be valid; what goes out after that is reckoned by whole days."""
_LAST = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


def plan(
    service: str,
    waves: Sequence[WaveShare],
    limits: Mapping[WindowName, int],
    *,
    daily_limit: int,
    quiet: QuietHours | None,
    starts: datetime,
    first: Allowance,
) -> list[WavePlan]:
    """Begin and end of every wave; the end of the last one is when the last message is out.

    `first` is what the service may send when it starts, or until when it may not send.
    """
    starts_at = ceil(starts.timestamp())
    at = max(starts_at, ceil(first.until.timestamp()) if first.until else 0)
    quarter, day = paces(limits, daily_limit)
    sender = _Sender(quarter, day, quiet, at, quarter_left=min(first.messages, quarter) or quarter)
    plans = []
    for wave in waves:
        begins, ends = sender.send(wave.recipients, min(starts_at + wave.offset_seconds, _LAST))
        plans.append(
            WavePlan(
                service=service,
                number=wave.number,
                recipients=wave.recipients,
                begins_at=_moment(begins, starts),
                ends_at=_moment(ends, starts),
            )
        )
    return plans


def paces(limits: Mapping[WindowName, int], daily_limit: int) -> tuple[int, int]:
    """The most messages in 15 minutes and in 24 hours; one call after the other takes about a second each."""
    of_a_day = [limits[name] for name in (WindowName.USER_DAY, WindowName.APP_DAY) if name in limits]
    quarter = min(_QUARTER, limits.get(WindowName.QUARTER_HOUR, _QUARTER))
    return max(1, quarter), max(1, min([*of_a_day, daily_limit or _DAY, _DAY]))


@dataclass(slots=True)
class _Sender:
    """Sends in thought, on a clock of whole seconds: as much as is allowed as soon as it is."""

    quarter: int
    day: int
    quiet: QuietHours | None
    at: int
    quarter_left: int
    quarter_ends: int = field(init=False)
    day_left: int = field(init=False)
    day_ends: int = field(init=False)
    quiet_begins: int = field(init=False)
    exact_until: int = field(init=False)

    def __post_init__(self) -> None:
        self.quarter_ends, self.exact_until = self.at + _QUARTER, self.at + _EXACT
        self.day_left, self.day_ends = self.day, self.at + _DAY
        self.quiet_begins = self.at if self.quiet else _LAST * 2

    def send(self, count: int, not_before: int) -> tuple[int, int]:
        """When the first and the last of so many messages are out."""
        self.at = max(self.at, not_before)
        self._open()
        begins = ends = self.at
        while count:
            self._open()
            sent, ends = self._rest(count) if self.at > self.exact_until else self._quarters(count)
            count -= sent
        return begins, ends

    def _open(self) -> None:
        """Wait until a message may go out."""
        while True:
            self._keep_quiet()
            if self.at >= self.quarter_ends:
                self.quarter_left, self.quarter_ends = self.quarter, self.at + _QUARTER
            if self.at >= self.day_ends:
                self.day_left, self.day_ends = self.day, self.at + _DAY
            if self.quarter_left and self.day_left:
                return
            self.at = self.quarter_ends if self.day_left else self.day_ends

    def _keep_quiet(self) -> None:
        if self.quiet is None or self.at < self.quiet_begins or self.at > self.exact_until:
            return
        if self.quiet.include(_utc(self.at)):
            self.at = int(self.quiet.end_after(_utc(self.at)).timestamp())
        self.quiet_begins = int(self.quiet.begin_after(_utc(self.at)).timestamp())

    def _quarters(self, count: int) -> tuple[int, int]:
        """Send until something is used up: what a quarter of an hour allows, or several whole ones."""
        shut = min(self.day_ends, self.quiet_begins)
        whole = min(count // self.quarter, self.day_left // self.quarter, (shut - self.at) // _QUARTER)
        if self.at != self.quarter_ends - _QUARTER or self.quarter_left < self.quarter or whole < 1:
            sent = min(count, self.quarter_left, self.day_left, self.quiet_begins - self.at)
            self.at, self.quarter_left = self.at + sent, self.quarter_left - sent
            ends = self.at - 1
        else:
            sent = whole * self.quarter
            self.at, self.quarter_left = self.at + whole * _QUARTER, 0
            self.quarter_ends, ends = self.at, self.at - _QUARTER + self.quarter - 1
        self.day_left -= sent
        return sent, ends

    def _rest(self, count: int) -> tuple[int, int]:
        """All that is left, by what a day allows."""
        quiet = self.quiet.seconds() if self.quiet else 0
        a_day = min(self.day, max(self.quarter, self.quarter * (_DAY - quiet) // _QUARTER))
        self.at = min(_LAST, self.at + count * _DAY // a_day)
        return count, self.at


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _moment(seconds: int, like: datetime) -> datetime:
    return _utc(seconds) if seconds == _LAST else _utc(seconds).astimezone(like.tzinfo)
