"""Documents as Markdown, in which all input stays text."""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence

from campaign.reporting.charts import drawn
from campaign.reporting.document import (
    NO_ALT_TEXT,
    Block,
    Document,
    Findings,
    Message,
    Post,
    Section,
    shown,
)

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
