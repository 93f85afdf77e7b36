"""Times as people write them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from campaign.errors import WrongUsage
from campaign.settings import load_settings

#: What is still counted on from a moment: a time without one that comes after it cannot be used.
_AFTER_IT = timedelta(days=366)


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
