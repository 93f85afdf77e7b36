"""Whether a broadcast is out in time on each of its services, and what sets the pace."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from campaign.domain.analysis_schedule import LONGEST_VALIDITY, start_of
from campaign.domain.broadcast_plans import Planned
from campaign.domain.broadcast_schedule import paces
from campaign.domain.broadcast_target import BroadcastTarget
from campaign.domain.broadcast_waves import waves_in_words, written
from campaign.domain.budget import WindowName
from campaign.domain.drafts import Draft
from campaign.domain.findings import Finding, error, warning
from campaign.domain.waves import WaveShare

_A_DAY = timedelta(days=1)
_LITTLE_TIME = 8 * 3600
"""A service that is not quiet for less of the day than this has little time."""
_FURTHEST = 1_000 * 366 * 86_400


def time_findings(plans: Sequence[Planned], draft: Draft, now: datetime) -> Iterator[Finding]:
    """When what is out on which service, and what keeps it from being out in time."""
    starts = start_of(draft, now)
    validity = timedelta(days=min(max(draft.validity_days, 1), LONGEST_VALIDITY))
    for one in plans:
        yield waves_in_words(one.waves)
        yield from _validity(one, starts, validity)
        yield from _length(one, starts)
        yield from _overlaps(one, starts)
        yield from _little_time(one.target)


def _validity(one: Planned, starts: datetime, validity: timedelta) -> Iterator[Finding]:
    name, valid_until = one.target.internal_name, written(starts + validity)
    late = next((wave for wave in one.target.waves if wave.offset_seconds >= validity.total_seconds()), None)
    if late:
        yield error(
            "wave_after_validity",
            f"Wave {late.number:,} on @{name} begins only after the validity ends at {valid_until}: lengthen the"
            " validity, or let the wave begin earlier.",
        )
    elif one.ends_at > starts + validity:
        yield warning(
            "ends_after_validity",
            f"On @{name} the last message is out at about {written(one.ends_at)} and the validity ends at"
            f" {valid_until}, after which nothing goes out: lengthen the validity, or write to fewer people.",
        )


def _length(one: Planned, starts: datetime) -> Iterator[Finding]:
    length = one.ends_at - starts
    if length > _A_DAY:
        yield warning(
            "takes_long",
            f"On @{one.target.internal_name} it takes about {in_words(length)}, because {_why(one)}: write to fewer"
            " people if it has to be out sooner.",
        )


def _why(one: Planned) -> str:
    """What sets the pace."""
    target = one.target
    quarter, day = paces(one.limits, target.daily_limit)
    reasons = [f"X takes {quarter:,} messages of an account in 15 minutes and {day:,} in 24 hours"]
    if day == target.daily_limit:
        reasons = [f"the service sends {day:,} messages at most in 24 hours"]
    elif day < paces(target.limits, 0)[1]:
        of_app = target.limits[WindowName.APP_DAY]
        reasons = [f"X takes {of_app:,} messages in 24 hours of all the services that share a developer app"]
    if target.quiet:
        reasons.append(f"its quiet hours are {target.quiet}")
    if waits := _offset(target.waves[-1]):
        reasons.append(f"its last wave begins {in_words(waits)} after the start")
    return " and ".join(reasons)


def _overlaps(one: Planned, starts: datetime) -> Iterator[Finding]:
    """Waves that cannot begin when they should, because the one before is still going out."""
    late = [
        (before, after)
        for share, before, after in zip(one.target.waves[1:], one.waves, one.waves[1:], strict=False)
        if starts + _offset(share) <= before.ends_at
    ]
    if late:
        before, after = late[0]
        others = f" (the first of {len(late):,} such waves)" if len(late) > 1 else ""
        yield warning(
            "waves_overlap",
            f"On @{one.target.internal_name} wave {before.number:,} still goes out when wave {after.number:,} is due,"
            f" which waits until {written(after.begins_at)}{others}: make the waves smaller, or leave more time"
            " between them.",
        )


def _offset(share: WaveShare) -> timedelta:
    """After the start; what is further than any date is as far as one can be told."""
    return timedelta(seconds=min(share.offset_seconds, _FURTHEST))


def _little_time(target: BroadcastTarget) -> Iterator[Finding]:
    open_seconds = int(_A_DAY.total_seconds()) - (target.quiet.seconds() if target.quiet else 0)
    if open_seconds < _LITTLE_TIME:
        left = in_words(timedelta(seconds=open_seconds))
        yield warning(
            "quiet_hours_long",
            f"The quiet hours of @{target.internal_name}, {target.quiet}, leave {left} of a day to send in: shorten"
            " them in the service if it has to be out sooner.",
        )


def in_words(length: timedelta) -> str:
    """A length of time by its two largest units: 6 days and 22 hours."""
    hours, seconds = divmod(length.seconds, 3600)
    units = (("day", length.days), ("hour", hours), ("minute", seconds // 60))
    told = [f"{number:,} {unit}{'s' * (number != 1)}" for unit, number in units if number]
    return " and ".join(told[:2]) or "a moment"
