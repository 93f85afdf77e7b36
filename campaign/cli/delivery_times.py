"""Times as people write them."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from campaign.errors import WrongUsage
from campaign.settings import load_settings

#: What is still counted on from a moment: a time without one that comes after it cannot be used.
_AFTER_IT = timedelta(days=366)
_LENGTH = re.compile(r"(?=\d)(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?", re.IGNORECASE | re.ASCII)
_LONGEST = timedelta(days=60)
"""As long as a delivery may be valid."""


def moment(text: str) -> datetime:
    """Read an ISO time, in CAMPAIGN_TIMEZONE when it says no other; raises WrongUsage in one sentence."""
    try:
        written = datetime.fromisoformat(text.strip())
        meant = written if written.tzinfo else written.replace(tzinfo=ZoneInfo(load_settings().timezone))
        back = meant.astimezone(UTC).astimezone(meant.tzinfo)
        _ = meant + _AFTER_IT
    except (ValueError, OverflowError):
        raise WrongUsage(f"{text!r} is not a time; write it like 2026-12-24T09:00 or 2026-12-24T09:00+01:00.") from None
    if back.replace(tzinfo=None) != written.replace(tzinfo=None):
        raise WrongUsage(f"{text!r} does not exist in {load_settings().timezone}: clocks are put forward then.")
    return meant


def length_of_time(text: str) -> timedelta:
    """Read a length of time such as 1d, 6h, 30m or 1d12h; raises WrongUsage in one sentence."""
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise WrongUsage(f"{text!r} is no length of time; write it like 1d, 6h, 30m or 1d12h.")
    days, hours, minutes = (int(number or 0) for number in found.groups())
    length = timedelta(days=days, hours=hours, minutes=minutes)
    if length > _LONGEST:
        raise WrongUsage(f"{text!r} is longer than the {_LONGEST.days} days in which a delivery may go out.")
    return length
