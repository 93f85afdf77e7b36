"""How many direct messages a service may send now, and when it may send more. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from campaign.domain.budget import Window, WindowName
from campaign.domain.quiet_hours import QuietHours

UNLIMITED = 1_000_000
"""What is allowed where neither X nor the service names any limit."""
LENGTHS = {
    WindowName.QUARTER_HOUR: timedelta(minutes=15),
    WindowName.USER_DAY: timedelta(hours=24),
    WindowName.APP_DAY: timedelta(hours=24),
}
_WHY = {
    WindowName.QUARTER_HOUR: "X takes {} messages of an account in 15 minutes, and they are used up for now.",
    WindowName.USER_DAY: "X takes {} messages of an account in 24 hours, and they are used up for now.",
    WindowName.APP_DAY: (
        "X takes {} messages in 24 hours of all the services that share a developer app, and they are used up for now."
    ),
}


@dataclass(frozen=True, slots=True)
class Attempts:
    """The moments of what was sent or tried in the last 24 hours, proofs and every delivery included, in any order."""

    own: Sequence[datetime] = ()
    """By this service."""
    app: Sequence[datetime] = ()
    """By all services that share its developer app, this one included."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many messages may go out now; where none may, `until` is when more may, and `why` says it to a person."""

    messages: int
    until: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Gate:
    """One limit: what it lets through now, and when it opens once it is shut."""

    left: int
    opens_at: datetime
    why: str


def allowance(
    windows: Iterable[Window],
    limits: Mapping[WindowName, int],
    attempts: Attempts,
    *,
    daily_limit: int,
    quiet: QuietHours | None,
    now: datetime,
) -> Allowance:
    """What may go out now, by what X last said, else by its documented `limits`; `daily_limit` 0 is none of its own.

    Several windows of one name, as services that share an app know them, all count.
    """
    now = _plain(now)
    gates = [*_gates(list(windows), limits, attempts, now), *_own_limit(attempts, daily_limit, now)]
    shut = [gate for gate in gates if gate.left <= 0]
    opens_at, why = max(((gate.opens_at, gate.why) for gate in shut), default=(now, ""))
    if quiet and quiet.include(opens_at):
        return Allowance(0, quiet.end_after(opens_at), f"The service sends no messages from {quiet}, its quiet hours.")
    if shut:
        return Allowance(0, opens_at, why)
    return Allowance(min((gate.left for gate in gates), default=UNLIMITED))


def _gates(
    windows: Sequence[Window], limits: Mapping[WindowName, int], attempts: Attempts, now: datetime
) -> Iterator[_Gate]:
    for window in windows:
        if window.reset_at > now:
            yield _Gate(window.remaining, window.reset_at, _WHY[window.name].format(f"{window.limit:,}"))
        else:
            yield _counted(window.name, window.limit, attempts, window.reset_at, now)
    told = {window.name for window in windows}
    for name, limit in limits.items():
        if name not in told:
            yield _counted(name, limit, attempts, None, now)


def _counted(name: WindowName, limit: int, attempts: Attempts, since: datetime | None, now: datetime) -> _Gate:
    """A limit whose use X does not tell: full, less what was tried in it, or since it was last reset."""
    moments = attempts.app if name is WindowName.APP_DAY else attempts.own
    later = [moment for moment in moments if since is None or moment >= since]
    return _sliding(later, limit, LENGTHS[name], now, _WHY[name].format(f"{limit:,}"))


def _own_limit(attempts: Attempts, daily_limit: int, now: datetime) -> Iterator[_Gate]:
    if daily_limit > 0:
        why = f"The service sends {daily_limit:,} messages at most in 24 hours, its own limit, and it has for now."
        yield _sliding(attempts.own, daily_limit, LENGTHS[WindowName.USER_DAY], now, why)


def _sliding(moments: Iterable[datetime], limit: int, length: timedelta, now: datetime, why: str) -> _Gate:
    """Never more than `limit` in any time of that length: the next when the limit-th newest is so long ago."""
    recent = sorted((_plain(moment) for moment in moments if moment > now - length), reverse=True)
    left = max(limit, 0) - len(recent)
    opens_at = recent[limit - 1] + length if left <= 0 < limit else now + length
    return _Gate(left, opens_at, why)


def _plain(moment: datetime) -> datetime:
    """In UTC and the standard library's own: what pendulum takes for another time zone it subtracts without any."""
    return datetime.fromtimestamp(moment.timestamp(), UTC)
