"""What the program itself wrote, as a person at the desk reads it: with local times, and its words in a language."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from babel.messages.extract import extract_python

from campaign.reporting.charts import Chart, Measure
from campaign.reporting.document import Attachment, Block, Cell, Document, Findings, Message, Post, Rate, Section
from campaign.web.desk.wording import N_, SOURCE, fields, figure, gettext, label, with_local_times

#: What their modules write in pieces.
_OF_MESSAGES = (N_("The shortest"), N_("The longest"), N_("One at random"), N_("The chosen one"))
_OF_PARTS = (N_("The post"), N_("The post on {1}"), N_("Part {1:,} of {2:,}"), N_("Part {1:,} of {2:,} on {3}"))
_OF_SENTENCES = (
    *(N_("being edited"), N_("analysed"), N_("confirmed"), N_("in progress"), N_("finished"), N_("paused")),
    *(N_("stopped"), N_("failed"), N_("expired"), N_("pending"), N_("sending"), N_("uncertain"), N_("refused")),
    *(N_("withdrawn"), N_("agreed"), N_("recovered"), N_("running"), N_("waiting"), N_("interrupted")),
    *(N_("image"), N_("video"), N_("an image"), N_("a GIF"), N_("a video"), N_("broadcast"), N_("template")),
    *(N_("consumer key"), N_("consumer secret"), N_("access token"), N_("access token secret")),
    *(N_("Running"), N_("Scheduled"), N_("Late"), N_("Pending"), N_("Suspended"), N_("Cancelling")),
    *(
        N_("read"),
        N_("invited"),
        N_("counted"),
        N_("none yet"),
        N_("{1:,} others"),
        N_("Was {1}."),
        N_("Rejected by {actor}."),
        N_("and"),
        N_("or"),
    ),
)
_OF_PREVIEWS = (
    *(N_("{1:,} of {2:,} person gets it."), N_("{1:,} of {2:,} people get it.")),
    N_("Paid partnership"),
    N_("Made with AI"),
    N_("image {1}\N{MULTIPLICATION SIGN}{2}"),
    N_("video {1}\N{MULTIPLICATION SIGN}{2}"),
)
_OF_REPORTS = (N_("Post on {names}"), N_("Direct messages on {names}"))
_OF_CHARTS = (N_("{1} in each hour (UTC)"), N_("{1} on each day (UTC)"))
#: How the fields of a sentence end that no catalogue has words for.
_NAMES = re.compile("(^|_)(actor|by|called|column|comment|fields|file|folder|handle|names?|operators|person|who|zone)$")


def localised(document: Document, language: str, zone: str) -> Document:
    """Returns a report or a preview with local times, in a language."""
    say = partial(gettext, language)

    def cell(value: Cell) -> Cell:
        if isinstance(value, datetime):
            return value.astimezone(ZoneInfo(zone))
        if type(value) is not str:
            return value
        # How many rows are left out; others are labels, or what a person wrote.
        return say(value) if re.fullmatch(r"[\d,]+ more", value) else label(language, value)

    def block(one: Block) -> Block:
        match one:
            case Section():
                return replace(
                    one,
                    title=say(one.title),
                    columns=tuple(map(say, one.columns)),
                    rows=tuple(tuple(map(cell, row)) for row in one.rows),
                    chart=one.chart and _localised_chart(one.chart, language),
                    text=with_local_times(fields(language, one.text), zone),
                    bold=say(one.bold),
                )
            case Findings():
                return replace(one, sentences=tuple(with_local_times(say(text), zone) for text in one.sentences))
            case Post():
                return localised_post(one, language, zone)
            case Message():
                return localised_message(one, language)

    lead = " · ".join(map(say, document.lead.split(" · ")))
    title = label(language, document.title)
    return replace(document, title=title, lead=lead, blocks=tuple(map(block, document.blocks)))


def localised_post(post: Post, language: str, zone: str) -> Post:
    """Returns a post of a preview with its local time, in a language; what is posted stays as it is."""
    left = post.poll_ends.removesuffix(" left")
    return replace(
        post,
        at=post.at and post.at.astimezone(ZoneInfo(zone)),
        who_may_reply=gettext(language, post.who_may_reply),
        poll_ends=left and gettext(language, N_("%(time)s left")) % {"time": gettext(language, left)},
        disclosures=tuple(label(language, one) for one in post.disclosures),
        files=_localised_files(post.files, language),
    )


def localised_message(message: Message, language: str) -> Message:
    """Returns a message of a preview in a language; what is sent stays as it is."""
    kinds = [gettext(language, one) for one in message.kind.split(" and ")]
    return replace(
        message,
        kind=f" {gettext(language, 'and')} ".join(kinds),
        recipient=label(language, message.recipient),
        files=_localised_files(message.files, language),
    )


def _localised_files(files: Sequence[Attachment], language: str) -> tuple[Attachment, ...]:
    return tuple(replace(one, facts=fields(language, one.facts)) for one in files)


def _localised_chart(chart: Chart, language: str) -> Chart:
    say = partial(gettext, language)

    def write(value: float) -> str:
        return figure(Rate(value) if chart.measure is Measure.RATE else round(value), language)

    if language == SOURCE:
        return chart
    figures = [value for _, series in chart.series for value in series if value is not None]
    title, labels = say(chart.title), tuple(map(say, chart.labels))
    words = {"title": title, "first": labels[0], "last": labels[-1], "most": write(max(figures, default=0))}
    says = N_("%(title)s, from %(first)s to %(last)s, at most %(most)s") if figures else N_("%(title)s: nothing yet")
    series = tuple((say(name), values) for name, values in chart.series)
    return replace(chart, title=title, labels=labels, series=series, write=write, description=say(says) % words)


def find_texts(file: BinaryIO, *_: Any, **__: Any) -> Iterator[tuple[int, str, str, list[str]]]:
    """Yields headings and sentences of a module of the program, which are marked nowhere, for Babel.

    The fields of a sentence are {1}, {2}. What has neither a capital nor a space is no text for people.
    """
    for node, text in _texts_in(ast.parse(file.read())):
        if re.fullmatch("[A-Z][a-z]{2,}:?", text) or _is_words(text):
            yield node.lineno, "_", text, []


def find_sentences(file: BinaryIO, *_: Any, **__: Any) -> Iterator[tuple[int, str, str, list[str]]]:
    """Yields what a module raises, and its other sentences, for Babel: its remaining texts are for no page."""
    tree = ast.parse(file.read())
    raised = {
        id(one)
        for each in ast.walk(tree)
        if isinstance(each, ast.Raise) and each.exc and not re.match(r"\w+Error\b", ast.unparse(each.exc))
        for one in ast.walk(each)
    }
    for node, text in _texts_in(tree):
        if _is_words(text) and (id(node) in raised or re.search(r"[.?](\s|$)", text)):
            yield node.lineno, "_", text, []


def find_of_page(file: BinaryIO, keywords: Any, comment_tags: Any, options: Any) -> Iterator[tuple[Any, ...]]:
    """Yields the marked texts of a module of pages, and what it raises, for Babel."""
    yield from extract_python(file, keywords, comment_tags, options)
    file.seek(0)
    yield from find_sentences(file)


def _is_words(text: str) -> bool:
    fixed = re.sub(r"\{\w+\}", "", text)
    return (
        " " in text.strip()
        and bool(re.search("[A-Za-z][a-z]{2}", fixed))
        and not re.search(r"[\n\\]|{}|\*\*|%[.\d]*[sdr]", text)
    )


def _texts_in(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Yields the texts of a module but those of docstrings, logs and `__all__`, with the fields of each as {1}, {2}."""
    left_out = set[int]()
    for one in ast.walk(tree):
        if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant):
            left_out.add(id(one.value))
        elif annotation := getattr(one, "annotation", None) or getattr(one, "returns", None):
            left_out |= {id(each) for each in ast.walk(annotation)}
        elif isinstance(one, ast.JoinedStr):
            left_out |= {id(piece) for piece in ast.walk(one) if piece is not one}
        elif (isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "__all__") or (
            isinstance(one, ast.Call) and re.search(r"\blog(ger)?\.", ast.unparse(one.func))
        ):
            left_out |= {id(each) for each in ast.walk(one)}
    for one in ast.walk(tree):
        if isinstance(one, ast.expr) and id(one) not in left_out and (text := _text_of(one)):
            yield one, text


def _text_of(node: ast.AST) -> str:
    """Returns a text with its fields: {1}, {2:,} for a number, {3!r} in quotes, {name} for what a person named."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return ""
    number, pieces = count(1), list[str]()
    for one in node.values:
        if isinstance(one, ast.FormattedValue):
            value = one.value.func if isinstance(one.value, ast.Call) else one.value
            place, name = next(number), ast.unparse(value).rpartition(".")[2].strip("_").lower()
            form = (
                ":,"
                if one.format_spec and ast.unparse(one.format_spec) == "f','"
                else "!r" * (one.conversion in {ord("r"), ord("a")})
            )
            pieces.append(f"{{{name if name.isidentifier() and _NAMES.search(name) else place}{form}}}")
        else:
            pieces.append(str(one.value))  # type: ignore[attr-defined]  # the other pieces are constants
    return "".join(pieces)
