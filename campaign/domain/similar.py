"""Whether two texts are nearly the same in the eyes of X's rules against spam. Pure."""

from difflib import SequenceMatcher
from functools import lru_cache
from unicodedata import normalize

from campaign.domain.weight import without_links

_LEAST_ALIKE = 0.9
_SHORT = 40
"""Shorter texts are alike by chance: they count only when they are equal."""
_COMPARED = 1000
"""Characters of a long text that are compared: beginnings tell, and comparing takes the square of the length."""


def is_similar(one: str, other: str) -> bool:
    """Whether the texts say nearly the same.

    X forbids "identical or substantially similar content across multiple accounts" (docs.x.com/developer-terms/policy,
    Spam) without a measure. Ours: equal, or nine tenths alike, without case, spaces, digits, links and names.
    """
    first, second = _essence(one), _essence(other)
    if first == second:
        return bool(first) or one.split() == other.split()
    return min(len(first), len(second)) >= _SHORT and _is_alike(first[:_COMPARED], second[:_COMPARED])


@lru_cache(512)
def _essence(text: str) -> str:
    letters = (character for character in without_links(normalize("NFKC", text)).casefold() if not character.isdigit())
    return " ".join("".join(letters).split())


def _is_alike(first: str, second: str) -> bool:
    # Without autojunk=False every common letter of a longer text would count as noise.
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    quick = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)
    return all(ratio() >= _LEAST_ALIKE for ratio in quick)
