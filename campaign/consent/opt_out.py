"""Whether a message says that its sender wants no more, and the line that says how to say so. Pure."""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from unicodedata import category, normalize

from campaign.settings import load_settings

# Letters that Unicode does not take apart, as they are typed without the right keyboard.
_LETTERS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe"})  # noqa: RUF001
_INSIDE = re.compile(r"(?<=\w)['’ʼ`\-\u2010](?=\w)")  # noqa: RUF001
"""What joins two halves of one word: don't, opt-out."""
_WORD = re.compile(r"[^\W_]+")
_QUOTES = "\"'`*«»‹›“”„‚‘’「」『』"  # noqa: RUF001
_UP_TO = 3
"""So many words may stand between "reply" and the word to reply: `Reply with the word STOP`."""
_LONGEST = 4
"""So many pieces are looked at for an opt-out word of several words."""
# fmt: off
_ASKING = frozenset((
    "reply", "replying", "send", "text", "answer", "write", "message", "respond",
    "reponds", "repondez", "repondre", "envoie", "envoyez", "ecris", "ecrivez",
    "antworte", "antworten", "sende", "senden", "schreib", "schreibe", "schreiben",
    "antwoord", "stuur", "responde", "responda", "envia", "envie", "escribe", "escriba", "escreva",
    "rispondi", "rispondere", "invia", "scrivi", "odpisz", "wyslij", "napisz",
    "svara", "svar", "skicka", "skriv", "vastaa", "laheta", "odpovez", "odpovezte", "posli", "poslete",
    "yanitla", "yanitlayin", "gonder", "gonderin", "yazin", "yaz",
))
# fmt: on

_Phrases = frozenset[tuple[str, ...]]


def is_opt_out(text: str, words: Collection[str]) -> bool:
    """Whether `text` is one of `words`, or begins with one: "STOP", "Stop!", "« arrêt »", "Opt-out, please".

    Capitals, accents, punctuation, emoji and Unicode's forms make no difference, nor do spaces and hyphens inside a
    word. The first word counts, whatever follows: "Stop by our shop" opts out too, "don't stop" and "stopwatch" do
    not. Taking one for an opt-out too many is harmless beside writing to somebody who said stop.
    """
    said, phrases = _words(text), _phrases(frozenset(words))
    return _begins(said, phrases) > 0 or ("".join(said),) in phrases


def with_opt_out_line(text: str, line: str, words: Collection[str]) -> str:
    """`text` with the service's opt-out line below it, unless it says already how to opt out or there is no line.

    It says so when it has the line itself, or when one of its lines asks for an opt-out word: "reply", "send",
    "réponds", ... and at most three words later one of `words` in capitals or in quotes, as in `Reply STOP`. Whatever
    says it in another way gets the line: twice is better than never.
    """
    line, phrases = line.strip(), _phrases(frozenset(words))
    # A blank text stays one, so that it is still refused.
    if not line or not text.strip() or line in text or any(_asks(each, phrases) for each in text.splitlines()):
        return text
    return f"{text.rstrip()}\n\n{line}"


def _words(text: str) -> tuple[str, ...]:
    """The words as they are compared: small letters and digits without accents, in Unicode's one form."""
    apart = normalize("NFKD", normalize("NFKC", text).casefold())
    bare = "".join(sign for sign in apart if category(sign)[0] != "M" and category(sign) != "Cf")
    return tuple(_WORD.findall(_INSIDE.sub("", bare.translate(_LETTERS))))


@lru_cache(64)
def _phrases(words: frozenset[str]) -> _Phrases:
    """Each phrase word by word, and as the single word it is without its spaces."""
    apart = {_words(word) for word in words} - {()}
    return frozenset(apart | {("".join(phrase),) for phrase in apart})


def _begins(said: Sequence[str], phrases: _Phrases) -> int:
    """How many words of a phrase `said` begins with; 0 for none."""
    longest = max(map(len, phrases), default=0)
    return next((count for count in range(min(longest, len(said)), 0, -1) if tuple(said[:count]) in phrases), 0)


def _asks(line: str, phrases: _Phrases) -> bool:
    """Whether a line asks to reply with an opt-out word that stands out."""
    pieces = line.split()
    asking = (place for place, piece in enumerate(pieces) if _ASKING.intersection(_words(piece)))
    return any(
        _stands_out(pieces[start]) and _begins(_words(" ".join(pieces[start : start + _LONGEST])), phrases)
        for place in asking
        for start in range(place + 1, min(place + 2 + _UP_TO, len(pieces)))
    )


def _stands_out(piece: str) -> bool:
    return piece.isupper() or piece[0] in _QUOTES


def opt_out_words() -> frozenset[str]:
    """The words of all languages that end a consent."""
    return frozenset(word for words in load_settings().opt_out_words.values() for word in words)
