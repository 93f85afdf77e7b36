"""How long a post is as X counts it, and what X makes links of. Pure."""

import re
import warnings
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, Literal, NamedTuple
from unicodedata import normalize

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
# No name of the Internet in use has so many parts, and twitter-text takes minutes to find out that it is none.
_NO_DOMAIN = re.compile(r"(?<![^\s./?#@:])(?:[^\s./?#@:]++\.){40,}+")
_HALF_CHARACTERS = re.compile(r"[\ud800-\udfff]")
_REMEMBERED = 512


class Span(NamedTuple):
    """What X makes a link of, at `start` to `end - 1` of a text."""

    kind: Kind
    start: int
    end: int
    text: str


@lru_cache(_REMEMBERED)
def weigh(text: str) -> int:
    """The length that X counts: a link is 23, an emoji, Chinese, Japanese or Korean character 2, most others 1."""
    return int(_rules().parse_tweet(_harmless(text)).weightedLength)


def spans(text: str) -> list[Span]:
    """Everything that X makes a link of, in order and without overlaps: a link is stronger than what is inside it."""
    found = links(text)
    for kind, pattern in _NAMES.items():
        found += (Span(kind, one.start(), one.end(), one[0]) for one in pattern.finditer(text))
    free: list[Span] = []
    for span in sorted(found, key=lambda one: (one.kind != "link", one.start)):
        if all(span.end <= other.start or other.end <= span.start for other in free):
            free.append(span)
    return sorted(free, key=lambda one: one.start)


@lru_cache(_REMEMBERED)
def has_link(text: str) -> bool:
    """Whether X finds a link in the text, also a bare `example.com`, and so charges 13 times the price.

    How X decides that for the bill is not written; its own rules of linking are taken, in the spelling it stores.
    """
    return bool(links(normalize("NFC", text)))


def without_links(text: str) -> str:
    """The text with a space in place of each link and each name of an account."""
    kept, position = [], 0
    for span in spans(text):
        if span.kind in {"link", "mention"}:
            kept.append(text[position : span.start])
            position = span.end
    return " ".join([*kept, text[position:]])


def links(text: str) -> list[Span]:
    """The addresses that X makes links of, in order."""
    found = _rules().extract_urls_with_indices(_harmless(text))
    return [Span("link", start, end, text[start:end]) for start, end in (one["indices"] for one in found)]


def _harmless(text: str) -> str:
    """The text, character for character, without what twitter-text fails or hangs on."""
    whole = _HALF_CHARACTERS.sub("\ufffd", text)
    return _NO_DOMAIN.sub(lambda found: found[0].replace(".", "!"), whole)


@cache
def _rules() -> Any:
    """twitter-text, loaded when the first text comes: it takes up to half a second."""
    with warnings.catch_warnings():
        # It reads its list of emoji through pkg_resources; see the bound on setuptools in pyproject.toml.
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)
        return import_module("twitter_text")
