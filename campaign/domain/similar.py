"""Whether two texts are nearly the same in the eyes of X's rules against spam. Pure."""

from difflib import SequenceMatcher
from functools import lru_cache
from unicodedata import normalize

from campaign.domain.weight import without_links

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
