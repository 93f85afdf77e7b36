"""A post as X will show it, before it is there. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import quote, urlsplit

from campaign.deliveries.draft import LoadedFile, PollContent, RenderedPart, Target
from campaign.formatting import usd
from campaign.reporting.markdown import BREAK, SPACE, escaped, escaped_in_link, line, picture, quoted, with_spaces
from campaign.x.text import spans, weigh
from campaign.x.types import MediaKind, ReplySettings

_HAS_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_ADDRESS_CHARACTERS = "/:?#@!$&'*+,;=%~[]"


class Found(Protocol):
    """What is shown of a finding of the analysis."""

    @property
    def level(self) -> str:
        """One of error, warning, info."""

    @property
    def code(self) -> str:
        """The name scripts know it by."""

    @property
    def sentence(self) -> str:
        """What is the matter and what to do."""


@dataclass(frozen=True, slots=True)
class PreviewHead:
    """What is said of the delivery as a whole: `cost` in US dollars, and what its analysis found."""

    label: str
    name: str
    cost: Decimal
    findings: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class PostView:
    """One post on one account; `thumbnails` are small JPEGs, one for each file, None where there is none."""

    account_name: str
    handle: str
    label: str
    part: int
    parts: int
    text: str
    weight: int
    limit: int
    files: tuple[LoadedFile, ...] = ()
    thumbnails: tuple[bytes | None, ...] = ()
    poll: PollContent | None = None
    reply_settings: ReplySettings | None = None
    paid_partnership: bool = False
    at: datetime | None = None
    """None is as soon as it is confirmed."""

    @property
    def pictured(self) -> list[tuple[LoadedFile, bytes | None]]:
        """Each file with its thumbnail."""
        missing = (None,) * len(self.files)
        return list(zip(self.files, (*self.thumbnails, *missing), strict=False))


class Mark(StrEnum):
    """How X shows a piece of a text; all but plain ones lead somewhere."""

    PLAIN = ""
    LINK = "link"
    MENTION = "mention"
    HASHTAG = "hashtag"
    CASHTAG = "cashtag"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text that is shown one way; `address` is where it leads, http or https."""

    text: str
    mark: Mark = Mark.PLAIN
    address: str = ""


def view_of(
    target: Target,
    part: RenderedPart,
    *,
    parts: int,
    thumbnails: Sequence[bytes | None] = (),
    at: datetime | None = None,
) -> PostView:
    """See a part, one of so many, as the account will show it."""
    return PostView(
        account_name=target.name or target.internal_name,
        handle=target.internal_name,
        label=target.label,
        part=part.part,
        parts=parts,
        text=part.text,
        weight=weigh(part.text),
        limit=target.longest_post,
        files=part.files,
        thumbnails=tuple(thumbnails),
        poll=part.poll,
        reply_settings=part.reply_settings,
        paid_partnership=part.paid_partnership,
        at=at,
    )


def pieces(text: str) -> list[Piece]:
    """Cut a text where X begins and ends a link, a mention, a hashtag or a cashtag; nothing of it is lost."""
    found, end = [], 0
    for span in spans(text):
        marked = text[span.start : span.end]
        found += [Piece(text[end : span.start]), Piece(marked, Mark(span.kind), _address(Mark(span.kind), marked))]
        end = span.end
    return [piece for piece in (*found, Piece(text[end:])) if piece.text]


def _address(mark: Mark, text: str) -> str:
    name = quote(text[1:], safe="/")
    match mark:
        case Mark.MENTION:
            return f"https://x.com/{name}"
        case Mark.HASHTAG:
            return f"https://x.com/hashtag/{name}"
        case Mark.CASHTAG:
            return f"https://x.com/search?q=%24{name}"
    return quote(text if _HAS_SCHEME.match(text) else f"https://{text}", safe=_ADDRESS_CHARACTERS)


NO_ALT_TEXT = "No alternative text"
PAID_PARTNERSHIP = "Paid partnership"

_WHO_MAY_REPLY = {
    None: "Everyone can reply",
    ReplySettings.FOLLOWING: "Only accounts that @{} follows or mentions can reply",
    ReplySettings.MENTIONED: "Only accounts that @{} mentions can reply",
    ReplySettings.SUBSCRIBERS: "Only subscribers of @{} and accounts it mentions can reply",
    ReplySettings.VERIFIED: "Only verified accounts and those that @{} mentions can reply",
}
_KINDS = {MediaKind.IMAGE: "image", MediaKind.GIF: "GIF", MediaKind.VIDEO: "video"}
_LEVELS = {"error": ("Error", "Errors"), "warning": ("Warning", "Warnings"), "info": ("Note", "Notes")}


def length_of(view: PostView) -> str:
    """The length as X counts it, beside what the account may write: `123 of 280`."""
    return f"{view.weight:,} of {view.limit:,}"


def time_of(view: PostView) -> str:
    """When it goes out."""
    return f"{view.at:%A %d %B %Y, %H:%M %Z}" if view.at else "As soon as it is confirmed"


def who_may_reply(view: PostView) -> str:
    """X's line under a post; the parts after the first have one only where they say so themselves."""
    if view.part > 1 and view.reply_settings is None:
        return ""
    return _WHO_MAY_REPLY[view.reply_settings].format(view.handle)


def poll_ends(minutes: int) -> str:
    """How long a poll is open, in the largest unit that is not left empty: `1 day 3 hours left`."""
    left = timedelta(minutes=minutes)
    hours, rest = divmod(left.seconds // 60, 60)
    units = (("day", left.days), ("hour", hours), ("minute", rest))
    return " ".join(f"{count} {unit}{'s' * (count != 1)}" for unit, count in units if count) + " left"


def name_of(file: LoadedFile) -> str:
    """The file's name, without the folders or the address it came from."""
    return PurePosixPath(urlsplit(file.source).path if "://" in file.source else file.source).name or file.source


def facts_of(file: LoadedFile) -> str:
    """What the file is: an image, 1200 by 800, 85 kB."""
    measured = f" {file.width}\N{MULTIPLICATION SIGN}{file.height}" if file.width and file.height else ""
    return f"{_KINDS[file.kind]}{measured}, {_size(file.size)}"


def by_level(findings: Iterable[Found]) -> list[tuple[str, list[str]]]:
    """The sentences under the name of their level, errors first; a level without any is left out."""
    said: dict[str, list[str]] = {level: [] for level in _LEVELS}
    for finding in findings:
        said[str(finding.level)].append(finding.sentence)
    return [(_LEVELS[level][len(sentences) != 1], sentences) for level, sentences in said.items() if sentences]


def _size(count: int) -> str:
    kilobyte, megabyte = 1_000, 1_000_000
    return f"{count / megabyte:.1f} MB" if count >= megabyte else f"{max(1, round(count / kilobyte))} kB"


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
