"""Posts as Markdown, for the page of a run. Whatever a text says, it is only ever text there."""

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence

from campaign.domain.content import PollContent
from campaign.domain.preview import Mark, Piece, PostView, PreviewHead, pieces
from campaign.domain.preview_words import (
    NO_ALT_TEXT,
    PAID_PARTNERSHIP,
    by_level,
    facts_of,
    length_of,
    name_of,
    poll_ends,
    time_of,
    who_may_reply,
)
from campaign.domain.rendered import LoadedFile
from campaign.domain.spending import usd

_BREAK = re.compile(r"\r\n?|[\n\v\f\x85\u2028\u2029]")
# The prefix of a line, or what would be shown as one space.
_SPACES = re.compile(r"^[ \t]+|[ \t]{2,}|[ \t]+$", re.MULTILINE)
_SPACE = "&nbsp;"
# Entities for what HTML begins with, because some readers of Markdown look for tags first.
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ESCAPES = str.maketrans({**{mark: f"\\{mark}" for mark in "\\`*_{}[]()#+-.!|~:@/=$^"}, **_ENTITIES})
# One of Prefect's two UIs shows the words of a link as they stand: only what would end or style them is escaped.
_ESCAPES_IN_LINK = str.maketrans({**{mark: f"\\{mark}" for mark in "\\`*_[]~"}, **_ENTITIES})


def as_markdown(head: PreviewHead, views: Sequence[PostView]) -> str:
    """Write each post as X will show it, then what all of it costs and what the analysis found."""
    blocks = [f"## {_line(head.label)}", _line(head.name)]
    for view in views:
        blocks += [_heading(view), _quoted(_inside(view)), _footer(view)]
    blocks += ["---", f"**Cost:** {_line(usd(head.cost))}", *_findings(head)]
    return "\n\n".join(blocks) + "\n"


def _heading(view: PostView) -> str:
    part = f" · part {view.part} of {view.parts}" if view.parts > 1 else ""
    return f"### {_line(view.account_name)} · {_line(f'@{view.handle}')}{part}"


def _inside(view: PostView) -> list[str]:
    blocks = [_text(view.text)] if view.text.strip() else []
    blocks += [_file(file, thumbnail) for file, thumbnail in view.pictured]
    blocks += [_poll(view.poll)] if view.poll else []
    return [*blocks, f"*{PAID_PARTNERSHIP}*"] if view.paid_partnership else blocks


def _footer(view: PostView) -> str:
    words = (length_of(view), who_may_reply(view), time_of(view))
    return " · ".join(_line(sentence) for sentence in words if sentence)


def _findings(head: PreviewHead) -> Iterable[str]:
    for title, sentences in by_level(head.findings):
        yield f"**{title}**"
        yield "\n".join(f"* {_line(sentence)}" for sentence in sentences)


def _file(file: LoadedFile, thumbnail: bytes | None) -> str:
    words = f"{_line(name_of(file))} ({_line(facts_of(file))}): {_line(file.alt_text or NO_ALT_TEXT)}"
    if thumbnail is None:
        return words
    picture = f"data:image/jpeg;base64,{b64encode(thumbnail).decode()}"
    return f"![{_line(file.alt_text or NO_ALT_TEXT)}]({picture})\n\n{words}"


def _poll(poll: PollContent) -> str:
    answers = "\n".join(f"* {_line(option)}" for option in poll.options)
    return f"{answers}\n\nPoll, {poll_ends(poll.minutes)}"


def _quoted(blocks: Sequence[str]) -> str:
    return "\n".join(f"> {line}" for line in "\n\n".join(blocks).split("\n"))


def _text(text: str) -> str:
    """A text with its marks, each of its lines on a line of its own."""
    marked = "".join(
        _escaped(piece.text) if piece.mark is Mark.PLAIN else _link(piece)
        for piece in pieces("\n".join(_BREAK.split(text)))
    )
    return "\\\n".join(_with_spaces(line) or _SPACE for line in marked.split("\n"))


def _link(piece: Piece) -> str:
    return f"[{piece.text.translate(_ESCAPES_IN_LINK)}]({_destination(piece.address)})"


def _line(words: str) -> str:
    return _with_spaces(_escaped(" ".join(_BREAK.split(words))))


def _escaped(words: str) -> str:
    return words.translate(_ESCAPES)


def _with_spaces(line: str) -> str:
    return _SPACES.sub(lambda found: _SPACE * len(found[0]), line)


def _destination(address: str) -> str:
    return address.replace("&", "&amp;")
