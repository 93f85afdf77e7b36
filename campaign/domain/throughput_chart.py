"""How many messages went out when, as a picture; and how anything that has its hours is shown over time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from campaign.domain.charts import Chart

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
MOST_HOURS = 96
"""What takes longer is shown by the day."""


def chart_of(per_hour: Sequence[tuple[datetime, int]]) -> Chart:
    """The messages sent in each hour, or on each day of a long broadcast; one hour at least."""
    return over_time("Messages sent", "Sent", per_hour)


def over_time(what: str, name: str, per_hour: Sequence[tuple[datetime, int]]) -> Chart:
    """A chart of what there was in each hour, or on each day where there are many; one hour at least."""
    unit, bars = bars_of(per_hour)
    words, form = ("day", "%m-%d") if unit == _DAY else ("hour", "%m-%d %H:%M")
    if unit == _HOUR and bars[0][0].date() == bars[-1][0].date():
        form = "%H:%M"
    labels = tuple(f"{begins:{form}}" for begins, _ in bars)
    return Chart(f"{what} in each {words} (UTC)", labels, ((name, tuple(count for _, count in bars)),))


def bars_of(per_hour: Sequence[tuple[datetime, int]]) -> tuple[timedelta, list[tuple[datetime, int]]]:
    """How long a bar is, and all of them from the first message to the last, empty ones too."""
    hours = [(hour.astimezone(UTC), sent) for hour, sent in per_hour]
    first, last = min(hours)[0], max(hours)[0]
    unit = _DAY if last - first >= MOST_HOURS * _HOUR else _HOUR
    begins = first.replace(hour=0) if unit == _DAY else first
    heights = dict.fromkeys((begins + place * unit for place in range((last - begins) // unit + 1)), 0)
    for hour, sent in hours:
        heights[begins + (hour - begins) // unit * unit] += sent
    return unit, list(heights.items())
