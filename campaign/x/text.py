"""The length of a text as X counts it, its links, and when two texts are the same. Pure."""

import re
from bisect import bisect_left
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal, NamedTuple
from unicodedata import normalize
from urllib.parse import unquote

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
    """Tells whether X finds a link in the text, also a bare `example.com`, and so charges 13 times the price.

    How X decides that for the bill is not written; its own rules of linking are taken, in the spelling it stores.
    """
    return next(twitter_text.find_links(twitter_text.compose(text)), None) is not None


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


# X completes and respells links: `Example.com` comes back as `http://example.com/`. Whatever may be one is compared
# without its scheme, the case of its host, a slash at its end and the way its characters are encoded.
_LINK = re.compile(
    r"(?:https?://|(?<![\w.-]))(?P<host>(?:[\w-]++\.)+[^\W\d_]{2,}+(?::\d+)?+)(?!@)(?P<path>[/?#]\S*+)?", re.IGNORECASE
)
_PATH_AND_END = re.compile(r"(.*\w)?(\W*)", re.DOTALL)
_SLASH_BEFORE_QUERY = re.compile(r"^/(?=[?#])")
_BREAK = re.compile(r"\r\n?|\n")


def is_same_text(written: str, shown: str) -> bool:
    """Whether X's `shown`, links expanded and escapes undone, is `written` as far as X keeps a text as it is.

    X stores texts in Unicode's NFC (docs.x.com/fundamentals/counting-characters) and without space around them.
    """
    return comparable(written) == comparable(shown)


def comparable(text: str) -> str:
    """What two texts have in common when they are the same in this sense, to look one up among many."""
    lines = "\n".join(line.rstrip() for line in _BREAK.split(normalize("NFC", text)))
    return _LINK.sub(_plain_link, lines.strip())


def _plain_link(found: re.Match[str]) -> str:
    path, end = _PATH_AND_END.fullmatch(unquote(found["path"] or "")).groups("")  # type: ignore[union-attr]
    return found["host"].lower() + _SLASH_BEFORE_QUERY.sub("", path) + end.replace("/", "")


_LEAST_ALIKE = 0.9
_LEAST_IN_COMMON = 0.6
"""Of their groups of three letters: a quick look that spares most texts the slow comparison."""
_SHORT = 40
"""Shorter texts are alike by chance: they count only when they are equal."""
_COMPARED = 500
"""Of a long text, its first words or characters: beginnings tell, and comparing takes the square of the length."""
_MANY_WORDS = 15
"""With so many a text is compared by them, which is quicker; Chinese and Japanese write none."""


def is_similar(one: str, other: str) -> bool:
    """Whether the texts say nearly the same.

    X forbids "identical or substantially similar content across multiple accounts" (docs.x.com/developer-terms/policy,
    Spam) without a measure. Ours: equal, or nine tenths alike, without case, spaces, digits, links and names.
    """
    first, second = _essence(one), _essence(other)
    if first == second:
        return bool(first) or one.split() == other.split()
    return min(len(first), len(second)) >= _SHORT and _has_much_in_common(first, second) and _is_alike(first, second)


@lru_cache(512)
def _essence(text: str) -> str:
    letters = (character for character in without_links(normalize("NFKC", text)).casefold() if not character.isdigit())
    return " ".join("".join(letters).split())


@lru_cache(512)
def _triples(text: str) -> frozenset[str]:
    return frozenset(text[start : start + 3] for start in range(len(text) - 2))


def _has_much_in_common(first: str, second: str) -> bool:
    one, other = _triples(first), _triples(second)
    return 2 * len(one & other) >= _LEAST_IN_COMMON * (len(one) + len(other))


def _is_alike(first: str, second: str) -> bool:
    words = first.split(), second.split()
    pieces = words if min(map(len, words)) >= _MANY_WORDS else (first, second)
    # Without autojunk=False every common letter of a longer text would count as noise.
    one, other = (piece[:_COMPARED] for piece in pieces)
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _LEAST_ALIKE
