"""Money, times and lists, written for people."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

#: Control characters, by which a text could move the cursor of a terminal or colour what follows.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Replaces control characters, by which a text could move the cursor or colour what follows."""
    return _CONTROL.sub("\ufffd", text)


def format_time(moment: datetime) -> str:
    """Writes a moment to the minute: 2026-11-26 07:30 UTC."""
    return f"{moment:%Y-%m-%d %H:%M %Z}".rstrip()


def format_duration(length: timedelta) -> str:
    """Writes a length of time in its two largest units: 2 days 3 hours; less than a minute in seconds."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    hours, rest = divmod(minutes, 60)
    units = (("day", hours // 24), ("hour", hours % 24), ("minute", rest), ("second", seconds if minutes == 0 else 0))
    parts = [f"{count:,} {unit}{'s' * (count != 1)}" for unit, count in units if count]
    return " ".join(parts[:2]) or "no time"


_MOST_NAMES = 5


def listed(names: Sequence[str]) -> str:
    """Writes accounts in a sentence: @a, @b and @c, or the first of them and how many others."""
    handles = [f"@{name}" for name in names]
    if len(handles) > _MOST_NAMES:
        handles = [*handles[:_MOST_NAMES], f"{len(handles) - _MOST_NAMES} others"]
    return " and ".join(filter(None, [", ".join(handles[:-1]), *handles[-1:]]))


def usd(amount: Decimal) -> str:
    """Writes an amount with at least cents, never rounded down to nothing: $12.00, $0.001."""
    cents = amount.quantize(Decimal("0.01"))
    return f"${cents if cents == amount else amount.normalize():f}"
