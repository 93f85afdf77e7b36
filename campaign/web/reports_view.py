"""How a report looks on a page: its cells, and its pictures in two sizes."""

from base64 import b64encode
from typing import Any

from campaign.domain.charts import Chart
from campaign.domain.charts_drawing import NARROW, WIDE, Size, drawn
from campaign.domain.engagement_cells import Cell, Place, shown
from campaign.domain.engagement_markdown import is_figures
from campaign.domain.engagement_sections import Report, Section


def seen(report: Report) -> dict[str, Any]:
    """What the template of a report is given."""
    return {"title": report.title, "about": report.about, "sections": [_section(each) for each in report.sections]}


def _section(section: Section) -> dict[str, Any]:
    heads = [(name, is_figures(section, place)) for place, name in enumerate(section.columns)]
    rows = [[_cell(cell, is_figure=head[1]) for cell, head in zip(row, heads, strict=True)] for row in section.rows]
    chart = section.chart and _picture(section.chart)
    return {"title": section.title, "said": section.said, "chart": chart, "heads": heads, "rows": rows}


def _cell(cell: Cell, *, is_figure: bool) -> dict[str, Any]:
    return {
        "words": shown(cell),
        "address": cell.address if isinstance(cell, Place) else "",
        "is_figure": is_figure,
    }


def _picture(chart: Chart) -> dict[str, str]:
    return {"alt": chart.alt_text, "wide": _address(chart, WIDE), "narrow": _address(chart, NARROW)}


def _address(chart: Chart, size: Size) -> str:
    """The picture in the page itself: nothing more is asked for, and no script or style of it counts outside it."""
    return f"data:image/svg+xml;base64,{b64encode(drawn(chart, size, follows_page=True)).decode()}"
