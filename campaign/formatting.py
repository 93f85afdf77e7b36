"""Money, times and lists as people read them."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

#: What a terminal obeys instead of showing it: a text could move the cursor or colour what follows.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Replaces what could move a terminal's cursor or colour what follows."""
    return _CONTROL.sub("\ufffd", text)


def format_time(moment: datetime) -> str:
    """A moment to the minute: 2026-11-26 07:30 UTC."""
    return f"{moment:%Y-%m-%d %H:%M %Z}".rstrip()


def format_duration(length: timedelta) -> str:
    """How long something takes in its two largest units: 2 days 3 hours; less than a minute in seconds."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    hours, rest = divmod(minutes, 60)
    units = (("day", hours // 24), ("hour", hours % 24), ("minute", rest), ("second", seconds if minutes == 0 else 0))
    told = [f"{count:,} {unit}{'s' * (count != 1)}" for unit, count in units if count]
    return " ".join(told[:2]) or "no time"


_MOST_NAMES = 5


def listed(names: Sequence[str]) -> str:
    """Accounts in a sentence: @a, @b and @c, or the first of them and how many others."""
    format_time = [f"@{name}" for name in names]
    if len(format_time) > _MOST_NAMES:
        format_time = [*format_time[:_MOST_NAMES], f"{len(format_time) - _MOST_NAMES} others"]
    return " and ".join(filter(None, [", ".join(format_time[:-1]), *format_time[-1:]]))


def usd(amount: Decimal) -> str:
    """Write an amount as a person reads it: at least cents, never rounded down to nothing: $12.00, $0.001."""
    cents = amount.quantize(Decimal("0.01"))
    return f"${cents if cents == amount else amount.normalize():f}"
