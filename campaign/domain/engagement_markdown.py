"""A report as Markdown, with pictures that need no server."""

from collections.abc import Iterator

from campaign.domain.charts_drawing import drawn
from campaign.domain.engagement_cells import Cell, shown
from campaign.domain.engagement_sections import Report, Section
from campaign.domain.plain_markdown import picture, strange_line, table


def as_markdown(report: Report) -> str:
    """Write a report as the Prefect UI shows it."""
    blocks = [f"## {strange_line(report.title)}", strange_line(report.about)]
    for section in report.sections:
        blocks += _section(section)
    return "\n\n".join(blocks) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"### {strange_line(section.title)}"
    if section.said:
        yield strange_line(section.said)
    if section.chart:
        yield picture(section.chart.alt_text, drawn(section.chart), "image/svg+xml")
    if section.rows:
        rows = [dict(zip(section.columns, map(shown, row), strict=True)) for row in section.rows]
        yield table(rows, numbers=[name for place, name in enumerate(section.columns) if is_figures(section, place)])


def is_figures(section: Section, place: int) -> bool:
    """Whether a column holds figures, which stand on the right."""
    return any(_is_figure(row[place]) for row in section.rows)


def _is_figure(cell: Cell) -> bool:
    return not isinstance(cell, str | tuple) and cell is not None and not hasattr(cell, "isoformat")
