"""What the program itself wrote, as a person at the desk reads it: with local times, and its words in a language."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from campaign.broadcasts.analysis import EXCLUSION_LABELS, EXCLUSION_SENTENCES
from campaign.reporting.document import Block, Cell, Document, Findings, Message, Post, Section
from campaign.web.desk.layout import N_, gettext, with_local_times

_OF_MESSAGES = (N_("The shortest"), N_("The longest"), N_("One at random"), N_("The chosen one"))
"""Which message a preview shows, for Babel: their module writes them in another way."""


def localised(document: Document, language: str, zone: str) -> Document:
    """Returns a report or a preview with local times and its headings in a language; sentences stay English."""
    say = partial(gettext, language)

    def cell(value: Cell) -> Cell:
        if isinstance(value, datetime):
            return value.astimezone(ZoneInfo(zone))
        return say(value) if type(value) is str else value

    def block(one: Block) -> Block:
        match one:
            case Section():
                rows = tuple(tuple(map(cell, row)) for row in one.rows)
                text = with_local_times(say(one.text), zone)
                columns, chart = tuple(map(say, one.columns)), one.chart
                if chart:
                    series = tuple((say(name), figures) for name, figures in chart.series)
                    chart = replace(chart, title=say(chart.title), labels=tuple(map(say, chart.labels)), series=series)
                return replace(
                    one, title=say(one.title), columns=columns, rows=rows, chart=chart, text=text, bold=say(one.bold)
                )
            case Findings():
                return replace(one, sentences=tuple(with_local_times(text, zone) for text in one.sentences))
            case Post():
                return replace(one, at=one.at and one.at.astimezone(ZoneInfo(zone)))
            case Message():
                return replace(one, kind=say(one.kind))

    return replace(document, title=say(document.title), blocks=tuple(map(block, document.blocks)))


def find_headings(file: BinaryIO, *_: Any, **__: Any) -> Iterator[tuple[int, str, str, list[str]]]:
    """Yields the headings of a module of reports, which are marked nowhere, for Babel (`make languages`)."""
    tree = ast.parse(file.read())
    docstrings = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    pieces = {id(piece) for one in ast.walk(tree) if isinstance(one, ast.JoinedStr) for piece in ast.walk(one)}
    texts = (one for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str))
    for one in texts:
        if id(one) not in docstrings | pieces and re.match("[A-Z][^{]*$", str(one.value)):
            yield one.lineno, "_", str(one.value), []


def find_exclusions(*_: Any, **__: Any) -> Iterator[tuple[int, str, str, list[str]]]:
    """Yields why a person gets no message, for Babel (`make languages`)."""
    yield from ((0, "_", text, []) for text in (*EXCLUSION_LABELS.values(), *EXCLUSION_SENTENCES.values()))
