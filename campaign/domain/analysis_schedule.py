"""When a delivery goes out, and whether its dates can be kept."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from campaign.domain.drafts import Draft
from campaign.domain.findings import Finding, PlannedPost, error, info
from campaign.domain.remarks import PlacedPart
from campaign.domain.rendered import Target

PAST_ALLOWED = timedelta(minutes=5)
"""A contact date that passes while the delivery is looked at is as good as now."""
FURTHEST = timedelta(days=366)
LONGEST_VALIDITY = 60
"""Days, as in Adobe Campaign's *Resources validity limit*."""

_STEP = timedelta(seconds=1)
"""About what one call takes; the parts of a thread follow each other."""
_WINDOW, _POSTS_A_WINDOW = timedelta(minutes=15), 100
"""docs.x.com, rate limits of POST /2/tweets, per user."""


def date_findings(draft: Draft, now: datetime) -> Iterator[Finding]:
    """What is wrong with the contact date and the validity."""
    date = draft.contact_date
    if not 1 <= draft.validity_days <= LONGEST_VALIDITY:
        days = draft.validity_days
        yield error("validity", f"The validity is {days} days: set it to 1 at least and {LONGEST_VALIDITY} at most.")
    if date is None:
        return
    if date.tzinfo is None:
        yield error("contact_date_without_zone", "The contact date has no time zone: write one, such as 10:00+01:00.")
    elif date < now - PAST_ALLOWED:
        yield error(
            "contact_date_past", f"The contact date {_written(date)} is over: set a later one, or none for now."
        )
    elif date > now + FURTHEST:
        yield error("contact_date_far", f"The contact date {_written(date)} is over a year ahead: set an earlier one.")


def timetable_of(placed: Sequence[PlacedPart], draft: Draft, now: datetime) -> list[PlannedPost]:
    """When each part goes out: on the contact date or now, or as soon as X allows posts on the account again."""
    return [
        PlannedPost(
            service=one.target.internal_name,
            part=one.rendered.part,
            at=max(start_of(draft, now), one.target.open_at or now) + _after_start(one.rendered.part),
        )
        for one in placed
    ]


def timetable_findings(
    targets: Sequence[Target], planned: Sequence[PlannedPost], draft: Draft, now: datetime
) -> Iterator[Finding]:
    """When what is out on which account, and whether that is before the validity ends."""
    valid_until = start_of(draft, now) + timedelta(days=min(max(draft.validity_days, 1), LONGEST_VALIDITY))
    for name in (target.internal_name for target in targets):
        times = [post.at for post in planned if post.service == name]
        if not times:
            continue
        yield info("timetable", f"On @{name} the first post goes out at {_written(times[0])}{_last(times)}.")
        if max(times) > valid_until:
            yield error(
                "ends_after_validity",
                f"X allows posts on @{name} again only when the validity is over, at {_written(valid_until)}:"
                " lengthen the validity, or take another account.",
            )


def start_of(draft: Draft, now: datetime) -> datetime:
    """The contact date where there is a usable one, else now."""
    date = draft.contact_date
    return date if date and date.tzinfo and date > now else now


def _after_start(part: int) -> timedelta:
    windows, place = divmod(part - 1, _POSTS_A_WINDOW)
    return windows * _WINDOW + place * _STEP


def _last(times: Sequence[datetime]) -> str:
    return f", the last of {len(times)} at {_written(times[-1])}" if len(times) > 1 else ""


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}".rstrip()
