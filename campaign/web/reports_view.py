"""How a report looks on a page: its cells, and its pictures in two sizes."""

from base64 import b64encode
from datetime import date
from typing import Any

from campaign.domain.charts import Chart
from campaign.domain.charts_drawing import NARROW, WIDE, Size, drawn
from campaign.domain.engagement_cells import Cell, Place, shown
from campaign.domain.engagement_markdown import is_figures
from campaign.domain.engagement_sections import Report, Section

#: Characters from which on words may be broken anywhere, as addresses have to be.
_LONG = 30
#: A table with more columns stands below its picture.
_COLUMNS_BESIDE = 4


def seen(report: Report) -> dict[str, Any]:
    """What the template of a report is given."""
    return {"title": report.title, "about": report.about, "sections": [_section(each) for each in report.sections]}


def _section(section: Section) -> dict[str, Any]:
    heads = [(name, is_figures(section, place)) for place, name in enumerate(section.columns)]
    rows = [[_cell(cell, is_figure=head[1]) for cell, head in zip(row, heads, strict=True)] for row in section.rows]
    chart = section.chart and _picture(section.chart)
    is_beside = bool(chart and rows) and len(heads) <= _COLUMNS_BESIDE
    facts = {"title": section.title, "said": section.said, "chart": chart, "heads": heads, "rows": rows}
    return {**facts, "is_beside": is_beside}


def _cell(cell: Cell, *, is_figure: bool) -> dict[str, Any]:
    words = shown(cell)
    kind = "figure" if is_figure else "time" if isinstance(cell, date) else "long" if len(words) > _LONG else "words"
    return {"words": words, "address": cell.address if isinstance(cell, Place) else "", "kind": kind}


def _picture(chart: Chart) -> dict[str, str]:
    return {"alt": chart.alt_text, "wide": _address(chart, WIDE), "narrow": _address(chart, NARROW)}


def _address(chart: Chart, size: Size) -> str:
    """The picture in the page itself: nothing more is asked for, and no script or style of it counts outside it."""
    return f"data:image/svg+xml;base64,{b64encode(drawn(chart, size, follows_page=True)).decode()}"
