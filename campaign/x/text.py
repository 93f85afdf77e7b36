"""The length of a text as X counts it, its links, and when two texts are the same. Pure."""

import re
from bisect import bisect_left
from functools import lru_cache
from typing import Literal, NamedTuple
from unicodedata import normalize
from urllib.parse import unquote

import idna

from campaign import twitter_text

Kind = Literal["link", "mention", "hashtag", "cashtag"]

ORDINARY_POST = 280
"""The weight that every account may write (docs.x.com/fundamentals/counting-characters)."""

# What words of many scripts go on after and Python takes for their end: accents, vowel signs, joiners.
_MARKS = (
    r"\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0981-\u0dff\u0e31-\u0e4e"
    r"\u200c\u200d"
)
# The borders of a name, a hashtag and a cashtag are those of X's own twitter-text (github.com/twitter/twitter-text).
_NAMES: dict[Kind, re.Pattern[str]] = {
    "mention": re.compile(r"(?<![A-Za-z0-9_!#$%&*@\uff20])[@\uff20][A-Za-z0-9_]{1,20}+(?![@\uff20\u00c0-\u024f]|://)"),
    "hashtag": re.compile(
        rf"(?<![\w&{_MARKS}])[#\uff03](?![\ufe0f\u20e3])(?=[\w{_MARKS}]*[^\W\d_])[\w{_MARKS}]++(?![#\uff03]|://)"
    ),
    "cashtag": re.compile(
        r"(?<!\S)\$[A-Za-z]{1,6}+(?:[._][A-Za-z]{1,2}+)?(?=$|\s|[!'#%&()*+,\\\-./:;<=>?@\[\]^_{|}~])"
    ),
}
_REMEMBERED = 512
_LONGEST_LABEL = 63
"""Characters of a part of a host (RFC 1035)."""


class Span(NamedTuple):
    """What X makes a link of, at `start` to `end - 1` of a text."""

    kind: Kind
    start: int
    end: int
    text: str


@lru_cache(_REMEMBERED)
def weigh(text: str) -> int:
    """Returns the length that X counts: links 23, emoji and Chinese, Japanese or Korean characters 2, most others 1."""
    return twitter_text.weigh(text)


def spans(text: str) -> list[Span]:
    """Returns everything that X makes a link of, in order and without overlaps: links exclude names inside them."""
    found = links(text)
    starts, ends = [0, *(link.start for link in found)], [0, *(link.end for link in found)]
    names = (Span(kind, *one.span(), one[0]) for kind, pattern in _NAMES.items() for one in pattern.finditer(text))
    free = [name for name in names if ends[bisect_left(starts, name.end) - 1] <= name.start]
    return sorted(found + free, key=lambda one: one.start)


@lru_cache(_REMEMBERED)
def has_link(text: str) -> bool:
    """Returns whether X finds a link in the text, also a bare `example.com`, and so charges 13 times the price.

    How X decides that for the bill is not written; its own rules of linking are taken, in the spelling it stores.
    """
    return next(twitter_text.find_links(twitter_text.compose(text)), None) is not None


# Unicode's default-ignorable characters, and fillers that fonts draw nothing for; spaces and controls are no names.
INVISIBLE = "".join(
    chr(point)
    for first, last in (
        (0x01, 0x20),
        (0x7F, 0xA0),
        (0xAD, 0xAD),
        (0x34F, 0x34F),
        (0x61C, 0x61C),
        (0x115F, 0x1160),
        (0x1680, 0x1680),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x2000, 0x200F),
        (0x2028, 0x202F),
        (0x205F, 0x206F),
        (0x2800, 0x2800),
        (0x3000, 0x3000),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFEFF, 0xFEFF),
        (0xFFA0, 0xFFA0),
        (0xFFF0, 0xFFFB),
        (0x1BCA0, 0x1BCA3),
        (0x1D159, 0x1D159),
        (0x1D173, 0x1D17A),
        (0xE0001, 0xE0001),
        (0xE0020, 0xE007F),
        (0xE0100, 0xE01EF),
    )
    for point in range(first, last + 1)
)
"""The characters of which nothing is seen; without U+0000, which PostgreSQL takes in no text."""
_BLANK = re.compile(rf"[\0{re.escape(INVISIBLE)}]*")


def is_blank(text: str) -> bool:
    """Returns whether a text has no visible character."""
    return _BLANK.fullmatch(text) is not None


def without_links(text: str) -> str:
    """Returns the text with a space in place of each link and each name of an account."""
    kept, position = [], 0
    for span in spans(text):
        if span.kind in {"link", "mention"}:
            kept.append(text[position : span.start])
            position = span.end
    return " ".join([*kept, text[position:]])


def links(text: str) -> list[Span]:
    """Returns the addresses that X makes links of, in order."""
    return [Span("link", start, end, text[start:end]) for start, end in twitter_text.find_links(text)]


# X completes and respells links: `Bücher.example` may come back as `http://xn--bcher-kva.example/`. Whatever may be a
# link is compared without its scheme, the spelling of its host, a slash at its end and the way its path is encoded.
_LABEL = rf"\w\-{_MARKS}\ufe0f\u2600-\u27bf\U0001f000-\U0001fbff"
_SCHEME = re.compile(rf"https?://(?=[{_LABEL}])", re.IGNORECASE)
_LINK = re.compile(
    rf"(?<![{_LABEL}.])(?P<host>(?:[{_LABEL}]++\.)+(?:xn--[a-z0-9-]++|(?:[^\W\d_]|[{_MARKS}]){{2,}}+))"
    r"(?P<port>:\d++)?+(?!@)(?P<path>[/?#]\S*+)?",
    re.IGNORECASE,
)
_PATH_AND_END = re.compile(r"(.*\w)?(\W*)", re.DOTALL)
_NEEDLESS_SLASH = re.compile(r"^/(?=[?#]|[^\x00-\x7f])")
_BREAK = re.compile(r"\r\n?|\n")
# X escapes `&`, `<` and `>`, in links too; others that show its answers also escape quotes.
_ESCAPED = re.compile(r"&(?:amp;)*(?:(lt|gt|quot|apos|#0?39|#x27);)?", re.IGNORECASE)
_UNESCAPED = {"lt": "<", "gt": ">", "quot": '"'}


def is_same_text(written: str, shown: str) -> bool:
    """Returns whether X's `shown`, links expanded, is `written` as far as X stores a text unchanged.

    X stores texts in Unicode's NFC (docs.x.com/fundamentals/counting-characters) and without space around them.
    """
    return comparable(written) == comparable(shown)


def comparable(text: str) -> str:
    """Returns one form for all texts that are the same in this sense, to look one up among many."""
    unescaped = _ESCAPED.sub(lambda found: _UNESCAPED.get(found[1].lower(), "'") if found[1] else "&", text)
    lines = "\n".join(line.rstrip() for line in _BREAK.split(normalize("NFC", unescaped)))
    return _LINK.sub(_plain_link, _SCHEME.sub("", lines.strip()))


def _plain_link(found: re.Match[str]) -> str:
    # Browsers tell `faß.de` from `fass.de`, X may not: as names to be compared they are one.
    decoded = ".".join(map(_decode_label, found["host"].split(".")))
    host = mapped_host(decoded).casefold().translate(_JOINERS)
    port = "" if found["port"] in {":80", ":443"} else found["port"] or ""
    whole_path = normalize("NFC", unquote(found["path"] or ""))
    path, end = _PATH_AND_END.fullmatch(whole_path).groups("")  # type: ignore[union-attr]
    return host + port + _NEEDLESS_SLASH.sub("", path) + end.replace("/", "")


_JOINERS = dict.fromkeys(map(ord, "\u200c\u200d\ufe0f"))
_PUNYCODE = "xn--"


def mapped_host(host: str) -> str:
    """Returns a host in the spelling of UTS 46, as browsers read it; one that they do not accept only in lower case."""
    try:
        return idna.uts46_remap(host, std3_rules=False)
    except idna.IDNAError:
        return host.lower()


def ascii_host(host: str) -> str:
    """Returns a host in ASCII by UTS 46, non-transitional, as browsers do: `faß.de` is not `fass.de`."""
    labels = mapped_host(host).split(".")
    return ".".join(one if one.isascii() else _PUNYCODE + one.encode("punycode").decode() for one in labels)


def _decode_label(label: str) -> str:
    if not label.lower().startswith(_PUNYCODE) or len(label) > _LONGEST_LABEL:
        return label
    try:
        return label[len(_PUNYCODE) :].encode().decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label


_LEAST_ALIKE = 0.9
_SHORT = 40
"""Shorter texts are alike by chance: they count only when they are equal."""


def is_similar(one: str, other: str) -> bool:
    """Returns whether the texts say nearly the same.

    X forbids "identical or substantially similar content across multiple accounts" (docs.x.com/developer-terms/policy,
    Spam) without a measure. Ours: equal, or nine tenths alike, without case, spaces, digits, links and names.
    """
    from rapidfuzz.distance import Indel  # 5 MB that a broadcast does not need

    first, second = _essence(one), _essence(other)
    if first == second:
        return bool(first) or one.split() == other.split()
    likeness = Indel.normalized_similarity(first, second, score_cutoff=_LEAST_ALIKE)
    return min(len(first), len(second)) >= _SHORT and likeness > 0


@lru_cache(512)
def _essence(text: str) -> str:
    letters = (character for character in without_links(normalize("NFKC", text)).casefold() if not character.isdigit())
    return " ".join("".join(letters).split())
