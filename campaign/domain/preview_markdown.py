"""Posts as Markdown, for the page of a run. Whatever a text says, it is only ever text there."""

from collections.abc import Iterable, Sequence

from campaign.domain.content import PollContent
from campaign.domain.plain_markdown import BREAK, SPACE, escaped, escaped_in_link, line, picture, quoted, with_spaces
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


def as_markdown(head: PreviewHead, views: Sequence[PostView]) -> str:
    """Write each post as X will show it, then what all of it costs and what the analysis found."""
    blocks = [f"## {line(head.label)}", line(head.name)]
    for view in views:
        blocks += [_heading(view), quoted(_inside(view)), _footer(view)]
    blocks += ["---", f"**Cost:** {line(usd(head.cost))}", *_findings(head)]
    return "\n\n".join(blocks) + "\n"


def _heading(view: PostView) -> str:
    part = f" · part {view.part} of {view.parts}" if view.parts > 1 else ""
    return f"### {line(view.account_name)} · {line(f'@{view.handle}')}{part}"


def _inside(view: PostView) -> list[str]:
    blocks = [_text(view.text)] if view.text.strip() else []
    blocks += [_file(file, thumbnail) for file, thumbnail in view.pictured]
    blocks += [_poll(view.poll)] if view.poll else []
    return [*blocks, f"*{PAID_PARTNERSHIP}*"] if view.paid_partnership else blocks


def _footer(view: PostView) -> str:
    words = (length_of(view), who_may_reply(view), time_of(view))
    return " · ".join(line(sentence) for sentence in words if sentence)


def _findings(head: PreviewHead) -> Iterable[str]:
    for title, sentences in by_level(head.findings):
        yield f"**{title}**"
        yield "\n".join(f"* {line(sentence)}" for sentence in sentences)


def _file(file: LoadedFile, thumbnail: bytes | None) -> str:
    words = f"{line(name_of(file))} ({line(facts_of(file))}): {line(file.alt_text or NO_ALT_TEXT)}"
    if thumbnail is None:
        return words
    return f"{picture(file.alt_text or NO_ALT_TEXT, thumbnail)}\n\n{words}"


def _poll(poll: PollContent) -> str:
    answers = "\n".join(f"* {line(option)}" for option in poll.options)
    return f"{answers}\n\nPoll, {poll_ends(poll.minutes)}"


def _text(text: str) -> str:
    """A text with its marks, each of its lines on a line of its own."""
    marked = "".join(
        escaped(piece.text) if piece.mark is Mark.PLAIN else _link(piece)
        for piece in pieces("\n".join(BREAK.split(text)))
    )
    return "\\\n".join(with_spaces(each) or SPACE for each in marked.split("\n"))


def _link(piece: Piece) -> str:
    return f"[{escaped_in_link(piece.text)}]({_destination(piece.address)})"


def _destination(address: str) -> str:
    return address.replace("&", "&amp;")
