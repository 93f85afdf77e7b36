"""The preview of a post or a broadcast as a page of its own, which needs no server."""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from zlib import crc32

from jinja2 import Environment, PackageLoader, StrictUndefined

from campaign.broadcasts.preview import (
    NOT_WRITTEN,
    different,
    exclusions,
    goes_out,
    reached,
    title_of,
    to_whom,
    unasked,
    untold,
    waves_shown,
)
from campaign.deliveries.draft import Draft, LoadedFile
from campaign.deliveries.findings import Analysis, WavePlan
from campaign.formatting import usd, written
from campaign.posts.preview import (
    NO_ALT_TEXT,
    PAID_PARTNERSHIP,
    Mark,
    Piece,
    PostView,
    PreviewHead,
    by_level,
    facts_of,
    length_of,
    name_of,
    pieces,
    poll_ends,
    time_of,
    who_may_reply,
)
from campaign.x.types import MediaKind

#: The kinds of picture that every browser shows and none takes for a page with scripts, as SVG is.
_SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_LARGEST_FILE = 5_000_000
#: Of all real files of a page; those after it are shown by their thumbnails. Browsers open 50 MB, and mail takes less.
_LARGEST_PAGE = 20_000_000


@dataclass(frozen=True, slots=True)
class Tile:
    """A file's place in a post; `source` is a data URI, empty where there is nothing to show."""

    source: str
    name: str
    facts: str
    alt_text: str
    badge: str
    is_video: bool
    width: int
    height: int


class Album:
    """The pictures of one page, which share what it may weigh."""

    def __init__(self) -> None:
        self._left = _LARGEST_PAGE

    def tile(self, file: LoadedFile, thumbnail: bytes | None) -> Tile:
        """See a file: itself, or its thumbnail, or only its name."""
        is_video = file.kind is MediaKind.VIDEO
        return Tile(
            source=(not is_video and self._itself(file)) or _uri("image/jpeg", thumbnail or b""),
            name=name_of(file),
            facts=facts_of(file),
            alt_text=file.alt_text,
            badge="GIF" if file.kind is MediaKind.GIF else "",
            is_video=is_video,
            width=file.width,
            height=file.height,
        )

    def _itself(self, file: LoadedFile) -> str:
        if file.media_type not in _SHOWN or file.size > min(_LARGEST_FILE, self._left):
            return ""
        try:
            content = Path(file.path).read_bytes()
        except OSError:
            return ""
        self._left -= len(content)
        return _uri(file.media_type, content)


def _uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(content).decode()}" if content else ""


_SHOWN_OF_LINK = 26
_SCHEME = re.compile(r"^https?://(www\.)?", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]")
COLOURS = 6
"""So many colours the circles with initials have."""
_NEARLY_FULL = 20

environment = Environment(
    loader=PackageLoader("campaign.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
"""What pages are made with: whatever comes in is only ever text there."""
environment.globals |= {"NO_ALT_TEXT": NO_ALT_TEXT, "PAID_PARTNERSHIP": PAID_PARTNERSHIP}


def render_page(head: PreviewHead, views: Sequence[PostView]) -> str:
    """Draw the page: the delivery, what was found, and the posts of one account after the other."""
    album = Album()
    accounts = [list(posts) for _, posts in groupby(views, key=lambda view: view.handle)]
    return environment.get_template("preview.html.jinja").render(
        head=head,
        cost=usd(head.cost),
        findings=by_level(head.findings),
        accounts=[[_post(view, album) for view in posts] for posts in accounts],
        count=len(views),
    )


def _post(view: PostView, album: Album) -> dict[str, object]:
    return {
        "view": view,
        "initials": _initials(view),
        "colour": crc32(view.handle.lower().encode()) % COLOURS,
        "pieces": [(piece, _as_shown(piece)) for piece in pieces(view.text)],
        "tiles": [album.tile(file, thumbnail) for file, thumbnail in view.pictured],
        "poll_ends": poll_ends(view.poll.minutes) if view.poll else "",
        "length": length_of(view),
        "full": min(100, 100 * view.weight // view.limit),
        "fullness": _fullness(view),
        "time": time_of(view),
        "who_may_reply": who_may_reply(view),
    }


def _initials(view: PostView) -> str:
    """The first letters of the first two words that have any; emoji are none."""
    letters = [found[0] for word in view.account_name.split() if (found := _WORD.search(word))]
    return "".join(letters[:2]).upper() or view.handle[:1].upper()


def _as_shown(piece: Piece) -> str:
    """X leaves out how a link begins, and its end when it is long."""
    if piece.mark is not Mark.LINK:
        return piece.text
    shown = _SCHEME.sub("", piece.text)
    return shown if len(shown) <= _SHOWN_OF_LINK else f"{shown[:_SHOWN_OF_LINK]}…"


def _fullness(view: PostView) -> str:
    if view.weight > view.limit:
        return "over"
    return "nearly" if view.weight > view.limit - _NEARLY_FULL else "fits"


Pictures = Sequence[tuple[LoadedFile, bytes | None]]
"""The files of the message, each with its thumbnail, a small JPEG."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A message on a telephone."""

    kinds: str
    whom: str
    sender: str
    text: str


def render_broadcast(name: str, draft: Draft, analysis: Analysis, pictures: Pictures = ()) -> str:
    """Draw the page: the broadcast, what was found, its messages, who gets nothing, and its waves."""
    album = Album()
    tiles = [album.tile(file, thumbnail) for file, thumbnail in pictures]
    return environment.get_template("broadcast.html.jinja").render(
        head=PreviewHead(title_of(draft, name), name, analysis.cost),
        cost=usd(analysis.cost),
        findings=by_level(untold(analysis)),
        reached=reached(analysis),
        unasked=unasked(analysis),
        goes_out=goes_out(analysis),
        messages=[_message(seen, tiles) for seen in _seen(draft, analysis)],
        exclusions=[(words, f"{count:,}") for words, count in exclusions(analysis.excluded)],
        waves=list(_waves(analysis)),
    )


def _seen(draft: Draft, analysis: Analysis) -> Iterator[_Seen]:
    for kinds, sample in different(analysis.samples):
        yield _Seen(kinds, to_whom(sample), sample.service, sample.text)
    if not analysis.samples and draft.content.parts:
        sender = draft.services[0] if draft.services else ""
        yield _Seen(NOT_WRITTEN, "", sender, draft.content.parts[0].text)


def _message(seen: _Seen, tiles: Sequence[Tile]) -> dict[str, object]:
    return {
        "kinds": seen.kinds,
        "whom": seen.whom,
        "sender": seen.sender,
        "initial": seen.sender[:1].upper(),
        "colour": crc32(seen.sender.lower().encode()) % COLOURS,
        "tiles": tiles,
        "pieces": pieces(seen.text) if seen.text.strip() else [],
    }


def _waves(analysis: Analysis) -> Iterator[tuple[str, ...]]:
    first, left_out, last = waves_shown(analysis)
    yield from (_wave(wave) for wave in first)
    if last:
        yield (f"{left_out:,} more", "", "", "", "")
        yield _wave(last)


def _wave(wave: WavePlan) -> tuple[str, ...]:
    times = written(wave.begins_at), written(wave.ends_at)
    return (f"{wave.number:,}", f"@{wave.service}", f"{wave.recipients:,}", *times)
