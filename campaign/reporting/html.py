"""Documents as HTML: pages of their own, which need no server, and the sections of the web pages."""

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any
from zlib import crc32

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from campaign.reporting.charts import NARROW, WIDE, drawn
from campaign.reporting.document import (
    Attachment,
    Cell,
    Document,
    Findings,
    Mark,
    Message,
    Piece,
    Place,
    Post,
    Section,
    shown,
)

#: The kinds of picture that every browser shows and none takes for a page with scripts, as SVG is.
_SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_LARGEST_FILE = 5_000_000
#: The size of all real files of a page; further ones are shown by their thumbnails. Browsers open 50 MB, mail less.
_LARGEST_PAGE = 20_000_000
_SHOWN_OF_LINK = 26
_SCHEME = re.compile(r"^https?://(www\.)?", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]")
_COLOURS = 6
"""The number of colours of the circles with initials."""
_NEARLY_FULL = 20
#: A longer text may be broken anywhere, as addresses have to be.
_LONG = 30
#: A table with more columns stands below its picture.
_COLUMNS_BESIDE = 4

environment = Environment(
    loader=PackageLoader("campaign.reporting"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
"""Renders templates: all input is only ever text there."""
# The desk has other languages than that of the templates.
environment.globals["_"] = lambda text, **values: Markup(text) % values  # noqa: S704  texts of our templates
environment.filters["number"] = shown


def as_page(document: Document) -> str:
    """Writes a document as one file: its findings, and the posts of one account after the other, or the messages."""
    return environment.get_template("page.html.jinja").render(document=document, **preview_facts(document))


def preview_facts(document: Document, write: Callable[[Cell], str] = shown) -> dict[str, Any]:
    """Returns the values with which a template shows a preview: figures, findings, posts or messages, tables."""
    album = _Album()
    posts = [block for block in document.blocks if isinstance(block, Post)]
    sections = document.sections
    return {
        "figures": [section for section in sections if not section.title],
        "findings": [block for block in document.blocks if isinstance(block, Findings)],
        "accounts": [[album.post(post) for post in each] for _, each in groupby(posts, key=lambda post: post.handle)],
        "messages": [album.message(block) for block in document.blocks if isinstance(block, Message)],
        "tables": [table(section, write=write) for section in sections if section.title],
        "count": len(posts),
    }


def table(section: Section, under: str = "", write: Callable[[Cell], str] = shown) -> dict[str, Any]:
    """Returns the values with which a template shows a section; the pages it leads to are `under` this path.

    `write` writes the figures.
    """
    heads = [(name, section.is_figures(place)) for place, name in enumerate(section.columns)]
    rows = []
    for row in section.rows:
        cells = []
        for cell, (_, is_figure) in zip(row, heads, strict=True):
            words = write(cell)
            is_time, is_long = isinstance(cell, date), len(words) > _LONG
            address = cell.address if isinstance(cell, Place) else ""
            address = f"{under}{address}" if address.startswith("/") else address  # a post is on X
            kind = "figure" if is_figure else "time" if is_time else "long" if is_long else "words"
            cells.append({"words": words, "address": address, "kind": kind})
        rows.append(cells)
    # The picture in the page itself: nothing more is requested, and no script or style of it counts outside it.
    chart = section.chart and {
        "alt": section.chart.alt_text,
        "wide": _uri("image/svg+xml", drawn(section.chart, WIDE, follows_page=True)),
        "narrow": _uri("image/svg+xml", drawn(section.chart, NARROW, follows_page=True)),
    }
    is_beside = bool(chart and rows) and len(heads) <= _COLUMNS_BESIDE
    return {"section": section, "chart": chart, "heads": heads, "rows": rows, "is_beside": is_beside}


def show_posts(posts: Sequence[Post], address: Callable[[Attachment], str]) -> list[dict[str, Any]]:
    """Returns the values with which `post.html.jinja` shows posts on a page that serves their files at an address."""
    album = _Album(address)
    return [album.post(post) for post in posts]


def show_messages(messages: Sequence[Message], address: Callable[[Attachment], str]) -> list[dict[str, Any]]:
    """Returns the values with which `message.html.jinja` shows messages, like `show_posts`."""
    album = _Album(address)
    return [album.message(message) for message in messages]


def _uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(content).decode()}" if content else ""


@dataclass(frozen=True, slots=True)
class _Tile:
    """A file's place in a post; `source` is a data URI, empty where there is nothing to show."""

    source: str
    file: Attachment


class _Album:
    """The posts and messages of one page, whose pictures share what it may weigh."""

    def __init__(self, address: Callable[[Attachment], str] | None = None) -> None:
        self._address = address
        self._left = _LARGEST_PAGE

    def post(self, post: Post) -> dict[str, Any]:
        letters = [found[0] for word in post.account_name.split() if (found := _WORD.search(word))]
        is_nearly_full = post.weight > post.limit - _NEARLY_FULL
        return {
            "post": post,
            "initials": "".join(letters[:2]).upper() or post.handle[:1].upper(),
            "colour": _colour(post.handle),
            "pieces": [(piece, _as_shown(piece)) for piece in post.pieces],
            "tiles": self._tiles(post.files),
            "full": min(100, 100 * post.weight // post.limit),
            "fullness": "over" if post.weight > post.limit else "nearly" if is_nearly_full else "fits",
        }

    def message(self, message: Message) -> dict[str, Any]:
        has_text = any(piece.text.strip() for piece in message.pieces)
        return {
            "message": message,
            "colour": _colour(message.sender),
            "pieces": message.pieces if has_text else (),
            "tiles": self._tiles([file for file in message.files if file.kind]),
        }

    def _tiles(self, files: Sequence[Attachment]) -> list[_Tile]:
        if self._address:
            return [_Tile(self._address(file), file) for file in files]
        return [_Tile(self._content(file) or _uri("image/jpeg", file.thumbnail), file) for file in files]

    def _content(self, file: Attachment) -> str:
        if file.media_type not in _SHOWN or file.kind == "video" or file.size > min(_LARGEST_FILE, self._left):
            return ""
        try:
            content = Path(file.path).read_bytes()
        except OSError:
            return ""
        self._left -= len(content)
        return _uri(file.media_type, content)


def _colour(name: str) -> int:
    return crc32(name.lower().encode()) % _COLOURS


def _as_shown(piece: Piece) -> str:
    """X leaves out how a link begins, and its end when it is long."""
    if piece.mark is not Mark.LINK:
        return piece.text
    words = _SCHEME.sub("", piece.text)
    return words if len(words) <= _SHOWN_OF_LINK else f"{words[:_SHOWN_OF_LINK]}…"
