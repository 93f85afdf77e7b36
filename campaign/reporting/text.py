"""Documents as text: Markdown, in which all input stays text, and a terminal, also a narrow one without colours."""

import re
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import IO

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from campaign.formatting import printable
from campaign.reporting.charts import drawn
from campaign.reporting.document import NO_ALT_TEXT, Block, Document, Findings, Mark, Message, Post, Section, shown

BREAK = re.compile(r"\r\n?|[\n\v\f\x85\u2028\u2029]")
"""Ends a line, for every reader or for some."""
# The prefix of a line, or what would be shown as one space.
_SPACES = re.compile(r"^[ \t]+|[ \t]{2,}|[ \t]+$", re.MULTILINE)
SPACE = "\N{NO-BREAK SPACE}"
"""Stands on an empty line, which would else end the paragraph. One of Prefect's two UIs shows its entity as it is."""
# Entities for what HTML begins with, because some readers of Markdown look for tags first.
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ESCAPES = str.maketrans({**{mark: f"\\{mark}" for mark in "\\`*_{}[]()#+-.!|~:@/=$^"}, **_ENTITIES})
# One of Prefect's two UIs shows the words of a link as they stand: only what would end or style them is escaped.
_ESCAPES_IN_LINK = str.maketrans({**{mark: f"\\{mark}" for mark in "\\`*_[]~"}, **_ENTITIES})
# The other one makes links of addresses once they are read, when nothing is escaped any more.
_ADDRESS = re.compile(r"https?:(?=//)|www(?=\.)|(?<=[-.\w+])@(?=[-\w])", re.IGNORECASE)
#: Nothing to look at; and what it stands before is not cut off where a line begins.
_JOINER = "\N{WORD JOINER}"


def in_line(words: str) -> str:
    """Writes any words on one line: no mark in them counts, and no address in them becomes a link."""
    return with_spaces(escaped(" ".join(BREAK.split(unlinked(words)))))


def unlinked(words: str) -> str:
    """Returns the same to look at, with something invisible where an address would be found."""
    return _ADDRESS.sub(rf"\g<0>{_JOINER}", words)


def escaped(words: str) -> str:
    """Escapes every mark of Markdown and HTML."""
    return words.translate(_ESCAPES)


def with_spaces(text: str) -> str:
    """Keeps the spaces of lines."""
    return _SPACES.sub(lambda found: f"{_JOINER * (not found.start())}{SPACE * len(found[0])}", text)


def quoted(blocks: Sequence[str]) -> str:
    """Writes blocks of Markdown as a quotation."""
    return "\n".join(f"> {each}" for each in "\n\n".join(blocks).split("\n"))


def picture(alt_text: str, content: bytes, media_type: str = "image/jpeg") -> str:
    """Writes a picture that needs no server; both of Prefect's UIs show it."""
    return f"![{in_line(alt_text)}](data:{media_type};base64,{b64encode(content).decode()})"


def as_markdown(document: Document) -> str:
    """Writes a document as both of Prefect's UIs show it."""
    blocks = [f"## {in_line(document.title)}", *filter(None, [in_line(document.lead)])]
    follows_sample = False
    for block in document.blocks:
        is_sample = isinstance(block, Post | Message)
        if follows_sample and not is_sample:
            blocks.append("---")
        blocks += _block(block)
        follows_sample = is_sample
    return "\n\n".join(blocks) + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Findings():
            yield f"**{block.title}**"
            yield "\n".join(f"* {in_line(sentence)}" for sentence in block.sentences)
        case Post():
            part = f" · part {block.part} of {block.parts}" if block.parts > 1 else ""
            yield f"### {in_line(block.account_name)} · {in_line(f'@{block.handle}')}{part}"
            yield quoted([*_sample(block)])
            yield " · ".join(map(in_line, filter(None, [block.length, block.who_may_reply, block.time])))
        case Message():
            to = f" · to {block.recipient} · from @{block.sender}" if block.recipient else ""
            yield f"### {in_line(f'{block.kind}{to}')}"
            yield quoted([*_sample(block)])
        case Section():
            if block.title:
                yield f"### {in_line(block.title)}"
            bold = f"**{in_line(block.bold)}** " if block.bold else ""
            if words := f"{bold}{in_line(block.text)}".strip():
                yield words
            if block.chart:
                yield picture(block.chart.alt_text, drawn(block.chart), "image/svg+xml")
            if block.rows:
                aligned = ["--:" if block.is_figures(place) else "---" for place in range(len(block.columns))]
                lines = [[*map(in_line, block.columns)], aligned]
                lines += [[in_line(shown(cell)) for cell in row] for row in block.rows]
                yield "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _sample(sample: Post | Message) -> Iterator[str]:
    """The text, each of its lines on a line of its own, the files, the poll; only a post has links."""
    if isinstance(sample, Message):
        marked = escaped(unlinked("".join(piece.text for piece in sample.pieces)))
    else:
        marked = "".join(
            f"[{piece.text.translate(_ESCAPES_IN_LINK)}]({piece.address.replace('&', '&amp;')})"
            if piece.address
            else escaped(piece.text)
            for piece in sample.pieces
        )
    if marked.strip():
        yield "\\\n".join(with_spaces(each) or SPACE for each in BREAK.split(marked))
    for file in sample.files:
        alt_text, facts = file.alt_text or NO_ALT_TEXT, f" ({in_line(file.facts)})" if file.facts else ""
        words = f"{in_line(file.name)}{facts}: {in_line(alt_text)}"
        yield f"{picture(alt_text, file.thumbnail)}\n\n{words}" if file.thumbnail else words
    if isinstance(sample, Post) and sample.answers:
        yield "\n".join(f"* {in_line(answer)}" for answer in sample.answers)
        yield f"Poll, {sample.poll_ends}"
    if isinstance(sample, Post):
        yield from (f"*{disclosure}*" for disclosure in sample.disclosures)


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
