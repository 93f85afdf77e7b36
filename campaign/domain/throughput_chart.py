"""How many messages went out when, as a picture."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element

from pygal import Bar
from pygal.style import Style

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
MOST_HOURS = 96
"""What takes longer is shown by the day."""
_LABELS = 12
# Its own background: one of Prefect's UIs is dark when the computer is not.
_STYLE = Style(
    background="white",
    plot_background="white",
    foreground="#536471",
    foreground_strong="#0f1419",
    foreground_subtle="#cfd9de",
    colors=("#0a66b8",),
    font_family="sans-serif",
    title_font_size=17,
    label_font_size=12,
    major_label_font_size=12,
)


def chart_of(per_hour: Sequence[tuple[datetime, int]]) -> bytes:
    """Draw the messages sent in each hour, or on each day of a long broadcast, as SVG; one hour at least."""
    unit, bars = bars_of(per_hour)
    words = "day" if unit == _DAY else "hour"
    chart = Bar(
        js=(),
        style=_STYLE,
        width=760,
        height=280,
        show_legend=False,
        print_values=False,
        title=f"Messages sent in each {words} (UTC)",
        x_label_rotation=0,
        x_labels_major_every=-(-len(bars) // _LABELS),
        show_minor_x_labels=False,
        value_formatter=lambda sent: f"{sent:,.0f}",
        min_scale=1,
        spacing=8,
    )
    chart.x_labels = [f"{begins:%m-%d}" if unit == _DAY else f"{begins:%H:%M}" for begins, _ in bars]
    chart.add("Sent", [sent for _, sent in bars])
    chart.add_xml_filter(_without_scripts)
    drawn: bytes = chart.render()
    return drawn


def _without_scripts(root: Element) -> Element:
    """Leave out what only a page could run, and would have to be let run."""
    for parent in list(root.iter()):
        for child in [each for each in parent if str(each.tag).endswith("script")]:
            parent.remove(child)
    return root


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
