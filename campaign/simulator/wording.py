"""What X does to a text: trims and normalises it, shortens its links, escapes it, cuts it.

docs.x.com/fundamentals/counting-characters for lengths and links; which texts are links is twitter-text's say. The
shapes of t.co links and their entities are those of docs.x.com/x-api/fundamentals/data-dictionary (`entities.urls`).
"""

import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import accumulate

import idna

from campaign import twitter_text

CODE = string.ascii_letters + string.digits
SHOWN = 27
"""Characters of a link that X displays."""
HALF_ESCAPE = re.compile(r"&[a-z]{0,3}$")
ROOM = 26
"""What of a cut text is left for the dots and the link to the whole."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link in a text, at `start` to `end - 1` of it; `url` is the short one."""

    start: int
    end: int
    url: str
    expanded: str
    display: str
    media_key: str | None = None


@dataclass(frozen=True, slots=True)
class Wording:
    """A text with its links."""

    text: str
    links: tuple[Link, ...] = ()


def normalised(text: str) -> str:
    """Returns the text as X keeps it: NFC, one kind of line end, nothing around it."""
    return twitter_text.compose(text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def weight(text: str) -> int:
    """Returns the length that X counts: a link is 23, an emoji 2."""
    return twitter_text.weigh(text)


def short_link() -> str:
    """Returns a new address at t.co."""
    return "https://t.co/" + "".join(secrets.choice(CODE) for _ in range(10))


def in_punycode(host: str) -> str:
    """Returns a host name as the network knows it; one that has no such name stays as it is."""
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return host


def read(text: str) -> Wording:
    """Returns a normalised text with the links that X finds in it, each with a short one of its own."""
    return Wording(text, tuple(_link(start, end, text[start:end]) for start, end in twitter_text.find_links(text)))


def as_shown(written: Wording, appended: Sequence[Link] = ()) -> Wording:
    """Returns the text as X answers it: with short links, media's link at the end, and `&<>` escaped.

    Positions count the characters of this very text, as X's do.
    """
    shown, links, position = "", [], 0
    for link in written.links:
        shown += escape(written.text[position : link.start], quote=False)
        links.append(replace(link, start=len(shown), end=len(shown) + len(link.url)))
        shown, position = shown + link.url, link.end
    shown += escape(written.text[position:], quote=False)
    return _append(Wording(shown, tuple(links)), appended)


def cut(shown: Wording, most: int, whole: Link) -> Wording:
    """Returns the beginning of a text that weighs more, dots, and a link to the post; cuts no link or escape in two."""
    end = _fitting(shown.text, most - ROOM)
    end = min([end, *(link.start for link in shown.links if link.start < end < link.end)])
    links = tuple(link for link in shown.links if link.end <= end)
    beginning = HALF_ESCAPE.sub("", shown.text[:end]).rstrip()
    return _append(Wording(f"{beginning}…", links), [whole])


def _fitting(text: str, most: int) -> int:
    """Returns how many characters together weigh at most so much."""
    return sum(total <= most for total in accumulate(map(twitter_text.weigh, text[:most])))


def _append(shown: Wording, links: Sequence[Link]) -> Wording:
    """Returns the text with a link at its end; several links with the same short one stand in the same place."""
    if not links:
        return shown
    start = len(shown.text) + 1 if shown.text else 0
    placed = [replace(link, start=start, end=start + len(link.url)) for link in links]
    return Wording(f"{shown.text} {links[0].url}".strip(), (*shown.links, *placed))


def _link(start: int, end: int, written: str) -> Link:
    scheme, _, rest = (written if "://" in written else f"http://{written}").partition("://")
    host, *path = re.split("([/?#:].*)", rest, maxsplit=1)
    bare = rest.removeprefix("www.")
    display = bare if len(bare) <= SHOWN else bare[: SHOWN - 1] + "…"
    expanded = f"{scheme}://{in_punycode(host)}{''.join(path)}"
    # A link that is short already stays what it is.
    url = expanded if host.lower() == "t.co" else short_link()
    return Link(start, end, url, expanded, display)
