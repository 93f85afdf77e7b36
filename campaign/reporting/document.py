"""The document: every report and preview, before it is written as Markdown, a page, a table or a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from io import StringIO
from typing import NamedTuple

from campaign.formatting import format_time, usd, write_csv
from campaign.reporting.charts import Chart

_MOST_ROWS = 10
FIGURES = ("Section", "Row", "Column", "Value")
"""The headings of a document as comma separated values."""


class Rate(float):
    """A share of one, written as a percentage."""


class Place(NamedTuple):
    """Words that lead somewhere: to an address, or to the page of a delivery or a service."""

    words: str
    address: str


Cell = str | int | Decimal | Rate | Place | datetime | date | None
"""None is an unknown figure, and is shown as nothing."""


def shown(cell: Cell) -> str:
    """Formats a figure for people: 1,204 or 3.25 % or $0.20 or 2026-11-26 07:30 UTC."""
    match cell:
        case Rate():
            return f"{100 * cell:.2f} %"
        case Decimal():
            return usd(cell)
        case int():
            return f"{cell:,}"
        case Place():
            return cell.words
        case datetime():
            return format_time(cell)
    return "" if cell is None else str(cell)


def plain(cell: Cell) -> str:
    """Formats a figure for spreadsheets."""
    match cell:
        case Rate():
            return f"{cell:.6f}"
        case Decimal():
            return f"{cell:f}"
        case datetime() | date():
            return cell.isoformat()
        case int():
            return str(cell)
        case Place():
            return cell.words
    return cell or ""


def rate(figure: float | None) -> Rate | None:
    """Returns a rate as a cell."""
    return None if figure is None else Rate(figure)


def shortened(rows: Sequence[tuple[Cell, ...]]) -> tuple[tuple[Cell, ...], ...]:
    """Returns the first ten rows and the last; a row between them says how many are left out."""
    left_out = len(rows) - _MOST_ROWS - 1
    if left_out <= 0:
        return tuple(rows)
    return (*rows[:_MOST_ROWS], (f"{left_out:,} more", *[None] * (len(rows[0]) - 1)), rows[-1])


@dataclass(frozen=True, slots=True)
class Section:
    """A paragraph, a chart and a table under a title; each may be missing.

    The columns of `rows` are named; the first cell of each row names its subject. `text` begins with `bold`.
    """

    title: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    chart: Chart | None = None
    text: str = ""
    bold: str = ""

    def is_figures(self, place: int) -> bool:
        """Returns whether a column holds figures, which stand on the right."""
        return any(isinstance(row[place], int | float | Decimal) for row in self.rows)


@dataclass(frozen=True, slots=True)
class Findings:
    """The sentences of one level of an analysis; `level` is error, warning or info."""

    level: str
    sentences: tuple[str, ...]

    @property
    def name(self) -> str:
        """Returns the label of one finding of the level."""
        return {"error": "Error", "warning": "Warning", "info": "Note"}[self.level]

    @property
    def title(self) -> str:
        """Returns the heading of the list."""
        return self.name if len(self.sentences) == 1 else f"{self.name}s"


class Mark(StrEnum):
    """The way X shows a piece of a text; all but plain ones are links."""

    PLAIN = ""
    LINK = "link"
    MENTION = "mention"
    HASHTAG = "hashtag"
    CASHTAG = "cashtag"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text that is shown one way; `address` is where it leads, http or https."""

    text: str
    mark: Mark = Mark.PLAIN
    address: str = ""


NO_ALT_TEXT = "No alternative text"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a post or a message; `thumbnail` is a small JPEG, empty where there is none."""

    name: str
    facts: str = ""
    """The facts of the file: an image, 1200 by 800, 85 kB."""
    alt_text: str = ""
    thumbnail: bytes = b""
    kind: str = ""
    path: str = ""
    media_type: str = ""
    size: int = 0
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Post:
    """A post as its account will show it; `weight` is its length as X counts it."""

    account_name: str
    handle: str
    label: str
    part: int
    parts: int
    pieces: tuple[Piece, ...]
    weight: int
    limit: int
    at: datetime | None = None
    """When it goes out; None for as soon as it is confirmed."""
    who_may_reply: str = ""
    everyone_may_reply: bool = True
    files: tuple[Attachment, ...] = ()
    answers: tuple[str, ...] = ()
    """The answers of its poll."""
    poll_ends: str = ""
    disclosures: tuple[str, ...] = ()
    """How X labels it: paid partnership, made with AI."""

    @property
    def time(self) -> str:
        """Returns when it goes out: Thursday 26 November 2026, 07:30 UTC."""
        return f"{self.at:%A %d %B %Y, %H:%M %Z}" if self.at else "As soon as it is confirmed"

    @property
    def length(self) -> str:
        """Returns the length as X counts it, beside what the account may write: `123 of 280`."""
        return f"{self.weight:,} of {self.limit:,}"


@dataclass(frozen=True, slots=True)
class Message:
    """A direct message as its recipient will see it; `kind` says which one it is: the shortest, one at random."""

    kind: str
    recipient: str
    sender: str
    pieces: tuple[Piece, ...]
    files: tuple[Attachment, ...] = ()


Block = Section | Findings | Post | Message


@dataclass(frozen=True, slots=True)
class Document:
    """A title, a line that says what it is about, and its blocks."""

    title: str
    lead: str
    blocks: tuple[Block, ...]

    @property
    def sections(self) -> tuple[Section, ...]:
        """Returns the paragraphs, charts and tables."""
        return tuple(block for block in self.blocks if isinstance(block, Section))

    def figures(self) -> Iterator[tuple[str, ...]]:
        """Yields every figure with its section, row and column, under FIGURES."""
        for section in self.sections:
            for row in section.rows:
                for column, cell in zip(section.columns[1:], row[1:], strict=True):
                    yield section.title, plain(row[0]), column, plain(cell)

    def as_csv(self) -> str:
        """Writes every figure as a comma separated line of its own."""
        text = StringIO()
        write_csv(text, FIGURES, self.figures())
        return text.getvalue()
