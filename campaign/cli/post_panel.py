"""A delivery's posts in the terminal, as X will show them."""

import re
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from campaign.domain.preview import Mark, PostView, PreviewHead, pieces
from campaign.domain.preview_words import (
    NO_ALT_TEXT,
    PAID_PARTNERSHIP,
    by_level,
    facts_of,
    length_of,
    poll_ends,
    time_of,
    who_may_reply,
)
from campaign.domain.rendered import LoadedFile
from campaign.domain.spending import usd

WIDEST = 80
"""Panels are no wider, however wide the terminal is."""
_BAR = 10
_STYLES = {
    Mark.PLAIN: "",
    Mark.LINK: "underline blue",
    Mark.MENTION: "cyan",
    Mark.HASHTAG: "cyan",
    Mark.CASHTAG: "cyan",
}
LEVEL_STYLES = {"Error": "bold red", "Warning": "bold yellow", "Note": "bold"}
# What a terminal obeys instead of showing it: a text could move the cursor or colour what follows.
_ORDERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def show_posts(console: Console, head: PreviewHead, views: Sequence[PostView]) -> None:
    """Print a panel for each post, then what all of it costs and what the analysis found."""
    plain = console.options.ascii_only
    console.print(words_of(head.label, "bold"), words_of(head.name, "dim"))
    for view in views:
        console.print(_panel(view, min(console.width, WIDEST), plain=plain))
    console.print(words_of(f"Cost: {usd(head.cost)}", "bold"))
    for title, sentences in by_level(head.findings):
        for sentence in sentences:
            style = LEVEL_STYLES[title.removesuffix("s")]
            console.print(Text.assemble((f"{title.removesuffix('s')}: ", style), words_of(sentence)))


def _panel(view: PostView, width: int, *, plain: bool) -> Panel:
    part = f" {view.part}/{view.parts}" if view.parts > 1 else ""
    title = Text.assemble(words_of(view.account_name, "bold"), " ", words_of(f"@{view.handle}", "dim"), part)
    return Panel(
        Group(*_inside(view), _foot(view, plain=plain)),
        title=title,
        title_align="left",
        width=width,
        box=box.ASCII if plain else box.ROUNDED,
    )


def _inside(view: PostView) -> Iterable[Text]:
    if view.text.strip():
        yield _marked(view.text)
    for file in view.files:
        yield _file(file)
    if view.poll:
        yield from (words_of(f"( ) {option}") for option in view.poll.options)
        yield words_of(f"Poll, {poll_ends(view.poll.minutes)}", "dim")
    if view.paid_partnership:
        yield words_of(PAID_PARTNERSHIP, "italic")
    yield Text()


def _marked(text: str) -> Text:
    return Text.assemble(*(words_of(piece.text, _STYLES[piece.mark]) for piece in pieces(text)), overflow="fold")


def _file(file: LoadedFile) -> Text:
    alt_text = words_of(file.alt_text) if file.alt_text else words_of(NO_ALT_TEXT, "yellow")
    return Text.assemble(words_of(f"[{facts_of(file)}] ", "magenta"), alt_text)


def _foot(view: PostView, *, plain: bool) -> Text:
    done = min(_BAR, -(-_BAR * view.weight // view.limit))
    full, empty = ("#", "-") if plain else ("■", "□")
    bar = (full * done + empty * (_BAR - done), "red" if view.weight > view.limit else "green")
    too_long = ", too long" if view.weight > view.limit else ""
    lines = [f" {length_of(view)}{too_long}", who_may_reply(view), time_of(view)]
    return Text.assemble(bar, words_of("\n".join(line for line in lines if line), "dim"))


def words_of(words: str, style: str = "") -> Text:
    """Words that the terminal only shows, whatever they are."""
    return Text(_ORDERS.sub("\ufffd", re.sub(r"\r\n?", "\n", words)), style)
