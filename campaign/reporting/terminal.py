"""Documents in a terminal, also a narrow one without colours."""

import sys
from collections.abc import Iterator, Sequence
from typing import IO

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from campaign.formatting import printable
from campaign.reporting.document import (
    NO_ALT_TEXT,
    Block,
    Document,
    Findings,
    Mark,
    Message,
    Post,
    Section,
    shown,
)

_WIDEST = 80
_PIPE = 400
"""Characters in a line where a pipe reads: nothing is cut there."""
_BAR = 10
_STYLES = {
    Mark.PLAIN: "",
    Mark.LINK: "underline blue",
    Mark.MENTION: "cyan",
    Mark.HASHTAG: "cyan",
    Mark.CASHTAG: "cyan",
}
_LEVEL_STYLES = {"error": "bold red", "warning": "bold yellow", "info": "bold"}


def console_for(file: IO[str] | None = None) -> Console:
    """Returns a console that writes to a file, by default standard output."""
    file = file or sys.stdout
    return Console(file=file, highlight=False, markup=False, emoji=False, width=None if file.isatty() else _PIPE)


def print_document(document: Document, console: Console | None = None) -> None:
    """Prints a document: its title, its lead and its blocks; charts are left out."""
    console = console or console_for()
    console.print(_words(document.title, "bold"))
    if document.lead:
        console.print(_words(document.lead, "dim"))
    print_blocks(document.blocks, console)


def print_blocks(blocks: Sequence[Block], console: Console | None = None) -> None:
    """Prints blocks of a document."""
    console = console or console_for()
    for block in blocks:
        match block:
            case Findings():
                for sentence in block.sentences:
                    console.print(Text.assemble((f"{block.name}: ", _LEVEL_STYLES[block.level]), _words(sentence)))
            case Post() | Message():
                console.print(_panel(block, min(console.width, _WIDEST), plain=console.options.ascii_only))
            case Section():
                if block.title:
                    console.print()
                    console.print(_words(block.title, "bold"))
                if block.bold or block.text:
                    gap = " " * bool(block.bold and block.text)
                    console.print(Text.assemble(_words(block.bold, "bold"), gap, _words(block.text)))
                places = [place for place in range(len(block.columns)) if any(shown(row[place]) for row in block.rows)]
                if places:
                    table = Table(
                        *(block.columns[place] for place in places), box=None, header_style="bold", pad_edge=False
                    )
                    for row in block.rows:
                        table.add_row(*(_words(shown(row[place])) for place in places))
                    console.print(table)


def _panel(sample: Post | Message, width: int, *, plain: bool) -> Panel:
    if isinstance(sample, Post):
        part = f" {sample.part}/{sample.parts}" if sample.parts > 1 else ""
        title = Text.assemble(_words(sample.account_name, "bold"), " ", _words(f"@{sample.handle}", "dim"), part)
        done = min(_BAR, -(-_BAR * sample.weight // sample.limit))
        full, empty = ("#", "-") if plain else ("■", "□")
        bar = (full * done + empty * (_BAR - done), "red" if sample.weight > sample.limit else "green")
        too_long = ", too long" if sample.weight > sample.limit else ""
        lines = filter(None, [f" {sample.length}{too_long}", sample.who_may_reply, sample.time])
        inside = [*_inside(sample), Text(), Text.assemble(bar, _words("\n".join(lines), "dim"))]
    else:
        to = f", to {sample.recipient}, from @{sample.sender}" if sample.recipient else ""
        title = _words(" ".join(f"{sample.kind}{to}".split()))
        inside = [*_inside(sample)]
    frame = box.ASCII if plain else box.ROUNDED
    return Panel(Group(*inside), title=title, title_align="left", width=width, box=frame)


def _inside(sample: Post | Message) -> Iterator[Text]:
    if any(piece.text.strip() for piece in sample.pieces):
        yield Text.assemble(*(_words(piece.text, _STYLES[piece.mark]) for piece in sample.pieces), overflow="fold")
    for file in sample.files:
        alt_text = _words(file.alt_text) if file.alt_text else _words(NO_ALT_TEXT, "yellow")
        yield Text.assemble(_words(f"[{file.facts or file.name}] ", "magenta"), alt_text)
    if not isinstance(sample, Post):
        return
    if sample.answers:
        yield from (_words(f"( ) {answer}") for answer in sample.answers)
        yield _words(f"Poll, {sample.poll_ends}", "dim")
    yield from (_words(disclosure, "italic") for disclosure in sample.disclosures)


def _words(words: str, style: str = "") -> Text:
    return Text(printable(words), style)
