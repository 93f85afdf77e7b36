"""A report: its sections, their figures, and how each figure is written."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from campaign.formatting import usd, written
from campaign.reporting.charts import Chart

#: What a spreadsheet would take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Rate(float):
    """A share of one, written as a percentage."""


class Place(NamedTuple):
    """Words that lead somewhere: to an address, or to the page of a delivery or a service."""

    words: str
    address: str


Cell = str | int | Decimal | Rate | Place | datetime | date | None
"""None is what nobody knows, and is shown as nothing."""


def shown(cell: Cell) -> str:
    """A figure as people read it: 1,204 or 3.25 % or $0.20 or 2026-11-26 07:30 UTC."""
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
            return written(cell)
    return "" if cell is None else str(cell)


def plain(cell: Cell) -> str:
    """A figure as a spreadsheet reads it, with nothing in it that would be taken for a formula."""
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
            return harmless(cell.words)
    return harmless(cell or "")


def harmless(words: str) -> str:
    """Words that a spreadsheet takes for words."""
    return f"'{words}" if words.startswith(_FORMULA) else words


def rate(figure: float | None) -> Rate | None:
    """A rate as a cell."""
    return None if figure is None else Rate(figure)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report. The columns of `rows` are named; the first of each row says what the row is about."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    chart: Chart | None = None
    said: str = ""
    """A sentence for people below the title."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is shown: a title, what it is about in one line, and its sections."""

    title: str
    about: str
    sections: tuple[Section, ...]
