"""What the program itself wrote, as a person at the desk reads it: with local times, and its words in a language."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from campaign.reporting.document import Block, Cell, Document, Findings, Message, Post, Section
from campaign.web.desk.wording import N_, gettext, with_local_times

#: What their modules write in pieces.
_OF_MESSAGES = (N_("The shortest"), N_("The longest"), N_("One at random"), N_("The chosen one"))
_OF_PARTS = (N_("The post"), N_("The post on {1}"), N_("Part {1} of {2}"), N_("Part {1} of {2} on {3}"))


def localised(document: Document, language: str, zone: str) -> Document:
    """Returns a report or a preview with local times, in a language."""
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
                return replace(one, sentences=tuple(with_local_times(say(text), zone) for text in one.sentences))
            case Post():
                return replace(one, at=one.at and one.at.astimezone(ZoneInfo(zone)))
            case Message():
                return replace(one, kind=say(one.kind))

    lead = " · ".join(map(say, document.lead.split(" · ")))
    return replace(document, title=say(document.title), lead=lead, blocks=tuple(map(block, document.blocks)))


def find_texts(file: BinaryIO, *_: Any, **__: Any) -> Iterator[tuple[int, str, str, list[str]]]:
    """Yields headings and sentences of a module of the program, which are marked nowhere, for Babel.

    The fields of a sentence are {1}, {2}. What has neither a capital nor a space is no text for people.
    """
    tree = ast.parse(file.read())
    left_out = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for one in ast.walk(tree):
        if isinstance(one, ast.JoinedStr):
            left_out |= {id(piece) for piece in ast.walk(one) if piece is not one}
        elif isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "__all__":
            left_out |= {id(name) for name in ast.walk(one)}
    for one in ast.walk(tree):
        text = _text_of(one) if id(one) not in left_out else ""
        is_text = re.fullmatch("[A-Z][a-z]{2,}:?", text) or (" " in text.strip() and re.search("[a-z]{3}", text))
        if is_text and "\\" not in text and "{}" not in text:
            yield one.lineno, "_", text, []  # type: ignore[attr-defined]  # each text has a line


def _text_of(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return ""
    number, pieces = count(1), list[str]()
    for one in node.values:
        pieces.append(str(one.value) if isinstance(one, ast.Constant) else f"{{{next(number)}}}")
    return "".join(pieces)
