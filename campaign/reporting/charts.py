"""Charts: their figures, and their drawing as SVG."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement


class Measure(Enum):
    """The format of the figures of a chart."""

    COUNT = "{:,.0f}"
    RATE = "{:.2%}"


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of figures: each series by its name has one figure for each label, None where there is none."""

    title: str
    labels: tuple[str, ...]
    series: tuple[tuple[str, tuple[float | None, ...]], ...]
    measure: Measure = Measure.COUNT
    is_line: bool = False
    write: Callable[[float], str] | None = None
    """Writes a figure; by default its measure does."""
    description: str = ""
    """Stands for `alt_text` in another language."""

    @property
    def written(self) -> Callable[[float], str]:
        """Returns what writes a figure."""
        return self.write or self.measure.value.format

    @property
    def alt_text(self) -> str:
        """Describes the picture: its title, its first and last label, and the peak."""
        figures = [figure for _, series in self.series for figure in series if figure is not None]
        if self.description:
            return self.description
        if not figures:
            return f"{self.title}: nothing yet"
        across = f"{self.labels[0]} to {self.labels[-1]}" if len(self.labels) > 1 else self.labels[0]
        return f"{self.title}, {across}, at most {self.written(max(figures))}"


_MOST_LABELS = 12
_FEW = 10
"""Up to this count, every whole number has a line of its own, and no half has one."""
# Nothing moves: a picture might be captured half-way.
_LINES = "* { transition: none !important; } .line-graph .series .line { stroke-width: 3px !important; }"
_STYLE: dict[str, Any] = {
    "background": "white",
    "plot_background": "white",
    "foreground": "#536471",
    "foreground_strong": "#0f1419",
    "foreground_subtle": "#cfd9de",
    # Apart from each other in grey too, and from both backgrounds.
    "colors": ("#0a66b8", "#c4142c"),
    "opacity": "1",
    "guide_stroke_color": "#cfd9de",
    "major_guide_stroke_color": "#cfd9de",
    "guide_stroke_dasharray": "1,0",
    "major_guide_stroke_dasharray": "1,0",
    "font_family": "sans-serif",
    "title_font_size": 17,
    "label_font_size": 13,
    "major_label_font_size": 13,
    "legend_font_size": 13,
    "no_data_font_size": 24,
}
# The picture is dark by the computer's setting, as the page is.
_DARK = """@media (prefers-color-scheme: dark) {
svg, .background { background-color: #16181c !important; fill: #16181c !important; }
text { fill: #e7e9ea !important; }
.axis .line { stroke: #71767b !important; }
.axis .guide.line { stroke: #3a3f45 !important; }
.color-0 { fill: #4db2f7 !important; stroke: #4db2f7 !important; }
.color-1 { fill: #ff7a8a !important; stroke: #ff7a8a !important; }
.line-graph .color-0 .line, .line-graph .color-1 .line { fill: none !important; }
}"""


class Size(NamedTuple):
    """The size of a picture: its width and height, and how many characters fit below it."""

    width: int
    height: int
    across: int


WIDE, NARROW = Size(760, 300, 90), Size(400, 300, 46)
"""For a page or a sheet of paper, and for a telephone."""


def drawn(chart: Chart, size: Size = WIDE, *, follows_page: bool = False) -> bytes:
    """Draws a chart as SVG; with `follows_page` it is dark where the computer is."""
    # Only a process that draws pays for loading it.
    from pygal import Bar, Line
    from pygal.style import Style

    kind: Callable[..., Any] = Line if chart.is_line else Bar
    # How many labels are shown, so that they do not overlap.
    most = min(_MOST_LABELS, max(1, size.across // max(map(len, chart.labels), default=1)))
    figures = [figure for _, series in chart.series for figure in series if figure is not None]
    is_few = figures and max(figures) <= _FEW and chart.measure is not Measure.RATE
    picture = kind(
        js=(),
        style=Style(**_STYLE),
        width=size.width,
        height=size.height,
        title=chart.title,
        show_legend=len(chart.series) > 1,
        legend_at_bottom=True,
        show_dots=len(chart.labels) <= _MOST_LABELS,
        print_values=False,
        truncate_label=-1,
        x_label_rotation=0,
        x_labels_major_every=-(-len(chart.labels) // most) or 1,
        show_minor_x_labels=False,
        value_formatter=chart.written,
        min_scale=2,
        max_scale=8,
        spacing=8,
        include_x_axis=not chart.is_line,
        no_data_text="Nothing yet",
    )
    picture.x_labels = chart.labels
    picture.y_labels = list(range(int(max(figures)) + 2)) if is_few else None
    for name, series in chart.series:
        picture.add(name, list(series))
    picture.add_xml_filter(lambda root: _finished(root, _LINES + _DARK if follows_page else _LINES))
    picture_as_svg: bytes = picture.render()
    return picture_as_svg


def _finished(root: Element, style: str) -> Element:
    """Adds the style; leaves out comments, which hold today's date, and scripts, which a page would have to allow."""
    for parent in list(root.iter()):
        # The tag of a comment is the function that makes one.
        for child in [each for each in parent if callable(each.tag) or str(each.tag).endswith("script")]:
            parent.remove(child)
    SubElement(root, "style").text = style
    return root


_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
MOST_HOURS = 96
"""A longer time is shown by the day."""


def over_time(what: str, name: str, per_hour: Sequence[tuple[datetime, int]]) -> Chart:
    """Makes a chart of the number in each hour, or on each day where there are many; one hour at least."""
    unit, bars = bars_of(per_hour)
    each, form = ("on each day", "%m-%d") if unit == _DAY else ("in each hour", "%m-%d %H:%M")
    if unit == _HOUR and bars[0][0].date() == bars[-1][0].date():
        form = "%H:%M"
    labels = tuple(f"{begins:{form}}" for begins, _ in bars)
    return Chart(f"{what} {each} (UTC)", labels, ((name, tuple(count for _, count in bars)),))


def bars_of(per_hour: Sequence[tuple[datetime, int]]) -> tuple[timedelta, list[tuple[datetime, int]]]:
    """Returns how long a bar is, and all of them from the first message to the last, empty ones too."""
    hours = [(hour.astimezone(UTC), sent) for hour, sent in per_hour]
    first, last = min(hours)[0], max(hours)[0]
    unit = _DAY if last - first >= MOST_HOURS * _HOUR else _HOUR
    begins = first.replace(hour=0) if unit == _DAY else first
    heights = dict.fromkeys((begins + place * unit for place in range((last - begins) // unit + 1)), 0)
    for hour, sent in hours:
        heights[begins + (hour - begins) // unit * unit] += sent
    return unit, list(heights.items())
