"""A report as Markdown, in which all words stay words."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence

from campaign.reporting.charts import drawn
from campaign.reporting.document import Cell, Report, Section, shown

BREAK = re.compile(r"\r\n?|[\n\v\f\x85\u2028\u2029]")
"""Whatever ends a line, or might for some reader."""
# The prefix of a line, or what would be shown as one space.
_SPACES = re.compile(r"^[ \t]+|[ \t]{2,}|[ \t]+$", re.MULTILINE)
SPACE = "\N{NO-BREAK SPACE}"
"""What an empty line is made of, for it would end the paragraph. One of Prefect's two UIs shows its entity as it is."""
# Entities for what HTML begins with, because some readers of Markdown look for tags first.
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ESCAPES = str.maketrans({**{mark: f"\\{mark}" for mark in "\\`*_{}[]()#+-.!|~:@/=$^"}, **_ENTITIES})
# One of Prefect's two UIs shows the words of a link as they stand: only what would end or style them is escaped.
_ESCAPES_IN_LINK = str.maketrans({**{mark: f"\\{mark}" for mark in "\\`*_[]~"}, **_ENTITIES})
# The other one makes links of addresses once they are read, when nothing is escaped any more.
_ADDRESS = re.compile(r"https?:(?=//)|www(?=\.)|(?<=[-.\w+])@(?=[-\w])", re.IGNORECASE)
#: Nothing to look at; and what it stands before is not cut off where a line begins.
_JOINER = "\N{WORD JOINER}"


def line(words: str) -> str:
    """Words on one line."""
    return with_spaces(escaped(" ".join(BREAK.split(words))))


def strange_line(words: str) -> str:
    """Words of a stranger on one line: no address in them becomes a link."""
    return line(unlinked(words))


def strange_text(text: str) -> str:
    """A text with a stranger's words in it, each of its lines on a line of its own; no address becomes a link."""
    return "\\\n".join(with_spaces(escaped(unlinked(each))) or SPACE for each in BREAK.split(text))


def unlinked(words: str) -> str:
    """The same to look at, with something invisible where an address would be found."""
    return _ADDRESS.sub(rf"\g<0>{_JOINER}", words)


def escaped(words: str) -> str:
    """Words without any mark of Markdown or HTML."""
    return words.translate(_ESCAPES)


def escaped_in_link(words: str) -> str:
    """The words of a link."""
    return words.translate(_ESCAPES_IN_LINK)


def with_spaces(text: str) -> str:
    """Lines that keep their spaces."""
    return _SPACES.sub(lambda found: f"{_JOINER * (not found.start())}{SPACE * len(found[0])}", text)


def quoted(blocks: Sequence[str]) -> str:
    """Blocks of Markdown as a quotation."""
    return "\n".join(f"> {each}" for each in "\n\n".join(blocks).split("\n"))


def picture(alt_text: str, content: bytes, media_type: str = "image/jpeg") -> str:
    """A picture that needs no server; both of Prefect's UIs show it."""
    return f"![{line(alt_text)}](data:{media_type};base64,{b64encode(content).decode()})"


def table(rows: Sequence[Mapping[str, str]], numbers: Sequence[str] = ()) -> str:
    """A table whose cells are words only, at least one row; the columns of `numbers` are on the right."""
    head = list(rows[0])
    lines = [head, ["--:" if name in numbers else "---" for name in head]]
    lines += [[strange_line(row[name]) for name in head] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


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
