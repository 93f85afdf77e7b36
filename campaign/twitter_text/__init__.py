"""How X counts the length of a text, and which links it finds: the rules of its twitter-text, configuration 3.

docs.x.com/fundamentals/counting-characters and github.com/twitter/twitter-text, whose list of top-level domains is
beside this file; what is one emoji is Unicode's list. Every function takes time in proportion to the length of its
text. The simulator uses them too: they are X's rules, not those of this house.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain, groupby
from pathlib import Path
from unicodedata import combining, normalize

# Lengths. All characters but these count twice, and of several joined to one emoji only the emoji counts.
_HEAVY = re.compile("[^\0-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
_LINK_WEIGHT, _EMOJI_WEIGHT = 23, 2
_JOINED = re.compile("[^\u200d\u20e3\ufe0f][\u200d\u20e3\ufe0f\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff\U000e0067]")
# Signs of Tibetan that are no accent themselves, but written as two.
_ACCENTS = str.maketrans({sign: normalize("NFD", sign) for sign in "\u0f73\u0f75\u0f81"})

# Links, as twitter-text's `extractUrl`. A label takes all it can and gives nothing back: no text is read twice.
_PUNCTUATION = r"!'#%&()*+,\\\-./:;<=>?@\[\]^_{|}~$"
_SPACES = r"\t-\r \x85\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_DIRECTIONS = r"\u202a-\u202e\u061c\u200e\u200f\u2066-\u2069"
_INVALID = r"\ufffe\ufeff\uffff"
_LETTERS = rf"(?:(?!https?://)[^{_PUNCTUATION}{_SPACES}{_DIRECTIONS}{_INVALID}])++"
_LABEL = rf"{_LETTERS}(?:[-_]++{_LETTERS})*+"
_HOST = re.compile(
    rf"(?<![a-z0-9@\uff20$#\uff03{_INVALID}])(?P<scheme>https?://)?(?P<domain>{_LABEL}(?:\.{_LABEL})*+)", re.IGNORECASE
)
_LATIN = (
    r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272\u0289\u028b"
    r"\u02bb\u0300-\u036f\u1e00-\u1eff"
)
_LATIN_LABELS = re.compile(rf"(?:[-a-z0-9{_LATIN}]++\.)++", re.IGNORECASE)
_IN_PATH = rf"[a-z\u0400-\u04ff0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&{_LATIN}]"
_BRACKETS = rf"\((?:{_IN_PATH}+|{_IN_PATH}*\({_IN_PATH}+\){_IN_PATH}*)\)"
_ENDS_PATH = rf"[-+a-z\u0400-\u04ff0-9=_#/{_LATIN}]"
_PATH = rf"/(?:{_IN_PATH}*(?:{_BRACKETS}{_IN_PATH}*)*{_ENDS_PATH}|{_BRACKETS}|@{_IN_PATH}+/)*"
_QUERY = r"\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[-a-z0-9_&=#/]"
_REST = re.compile(rf"(?::[0-9]++)?+(?P<path>{_PATH})?(?:{_QUERY})?", re.IGNORECASE)
_SHORT_LINK = re.compile(rf"https?://t\.co/(?P<code>[a-z0-9]++)(?:{_QUERY})?", re.IGNORECASE)
_PUNYCODE = re.compile(r"xn--[-0-9a-z]+", re.IGNORECASE)
_GOES_ON = re.compile(r"[-0-9a-z@+]", re.IGNORECASE)
_LONGEST_LINK, _LONGEST_CODE, _LONGEST_LABEL, _MOST_LABELS = 4096, 40, 63, 40


def weigh(text: str) -> int:
    """Returns the length that X counts: links 23, emoji and Chinese, Japanese or Korean characters 2, most others 1."""
    text = compose(text).replace("\r\n", "\n")
    weight = position = 0
    for start, end in find_links(text):
        weight += _weigh_words(text[position:start]) + _LINK_WEIGHT
        position = end
    return weight + _weigh_words(text[position:])


def compose(text: str) -> str:
    """Returns the text in Unicode's NFC, as X keeps it."""
    if text.isascii():
        return text
    # Accents in order before: Python sorts those of one letter in the square of their number.
    runs = groupby(text.translate(_ACCENTS), key=lambda character: combining(character) > 0)
    ordered = (sorted(run, key=combining) if are_accents else run for are_accents, run in runs)
    return normalize("NFC", "".join(chain.from_iterable(ordered)))


def find_links(text: str) -> Iterator[tuple[int, int]]:
    """Yields start and end of each link, in order."""
    # twitter-text takes the first character for one before a link, unless it is a Latin letter or a digit.
    late = _HOST.match(text, 1)
    position = 1 if late and _find_domain_end(text, late)[0] else 0
    while host := _HOST.search(text, position):
        domain_end, is_valid = _find_domain_end(text, host)
        position = host.end()
        if domain_end and (rest := _REST.match(text, domain_end)):
            position = rest.end() + 1  # the character before a link belongs to no other one
            if is_valid:
                yield from _find_links_at(text, host, rest)


def _find_domain_end(text: str, host: re.Match[str]) -> tuple[int, bool]:
    """Returns the end of the last label that is a top-level domain, or 0; and whether there is a domain before it."""
    end, invalid_end, labels = host.end(), 0, host["domain"].split(".")
    for number in range(len(labels) - 1, 0, -1) if len(labels) <= _MOST_LABELS else ():
        start = end - len(labels[number])
        if found := _find_top_level_end(text, start, end):
            if "_" not in labels[number - 1]:
                return found, True
            invalid_end = invalid_end or found
        end = start - 1
    return invalid_end, False


def _find_top_level_end(text: str, start: int, most: int) -> int:
    """Returns the end of the top-level domain at a place, which is at most so far; 0 when there is none."""
    known, longest = _top_level_domains()
    for end in range(min(start + longest, most), start, -1):
        if text[start:end].lower() in known and not _GOES_ON.match(text, end):
            return end
    punycode = _PUNYCODE.match(text, start)
    return punycode.end() if punycode else 0


def _find_links_at(text: str, host: re.Match[str], rest: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Yields the link at a place; without https:// its Latin parts are several."""
    start, end, domain = host.start(), rest.end(), text[host.start("domain") : rest.start()]
    if not _is_valid(domain, end - start + len(host["scheme"] or "https://")):
        return
    if host["scheme"]:
        short = _SHORT_LINK.match(text, start, end)
        if not short:
            yield start, end
        elif len(short["code"]) <= _LONGEST_CODE:
            yield short.span()
    elif not text.endswith(("-", "_", ".", "/"), 0, start):
        domains = _find_latin_domains(text, start, rest.start())
        if domains and rest["path"]:
            domains[-1] = (domains[-1][0], end)
        yield from domains


def _find_latin_domains(text: str, start: int, end: int) -> list[tuple[int, int]]:
    domains = []
    while labels := _LATIN_LABELS.search(text, start, end):
        dots = (at for at in range(labels.end() - 1, labels.start(), -1) if text[at] == ".")
        found = next((found for dot in dots if (found := _find_top_level_end(text, dot + 1, end))), 0)
        if found:
            domains.append((labels.start(), found))
        start = found or labels.end()
    return domains


def _is_valid(domain: str, length: int) -> bool:
    if max(map(len, domain.split("."))) > _LONGEST_LABEL:
        return False
    try:
        return length + len(domain.encode("idna")) - len(domain) <= _LONGEST_LINK
    except UnicodeError:
        return False


def _weigh_words(text: str) -> int:
    """Returns the weight of what is not a link."""
    weight, position = _weigh_characters(text), 0
    while not text.isascii() and (joined := _JOINED.search(text, position)):
        known, longest = _emoji()
        start = joined.start()
        end = next((end for end in range(start + longest, start + 1, -1) if text[start:end] in known), start)
        if end > start:
            weight += _EMOJI_WEIGHT - _weigh_characters(text[start:end])
        position = max(end, start + 1)
    return weight


def _weigh_characters(text: str) -> int:
    return len(text) + len(_HEAVY.findall(text))


@cache
def _emoji() -> tuple[frozenset[str], int]:
    """Returns the emoji of several characters, and the length of the longest; loaded when the first text has one."""
    from emoji import EMOJI_DATA

    # Many may have the sign after them that makes a picture of a character, also where they are one already.
    pictures = (f"{one}\ufe0f" for one, facts in EMOJI_DATA.items() if facts.get("variant") and len(one) == 1)
    known = frozenset(one for one in chain(EMOJI_DATA, pictures) if len(one) > 1)
    return known, max(map(len, known))


@cache
def _top_level_domains() -> tuple[frozenset[str], int]:
    """Returns the top-level domains that twitter-text knows, and the length of the longest."""
    known = frozenset(Path(__file__).with_name("top_level_domains.txt").read_text(encoding="utf-8").split())
    return known, max(map(len, known))
