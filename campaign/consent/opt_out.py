"""Whether a message is an opt-out, may be one, or is neither; and the line that says how to opt out. Pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from unicodedata import category, name, normalize

from campaign.formatting import without_remarks
from campaign.opt_out_words import (
    AGAIN,
    ALONE,
    ALWAYS,
    BEGINNINGS,
    COURTESIES,
    DOUBTS,
    MESSAGES,
    NO,
    NO_ALONE,
    NOT_NO,
    REFUSALS,
)
from campaign.settings import load_settings
from models import PLAIN_OPT_OUT_LINE

# Letters that Unicode does not take apart, as they are typed without the right keyboard.
_LETTERS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe"})  # noqa: RUF001
# Letters and signs that look like Latin letters.
_LOOKALIKES = str.maketrans("асеікморѕтухвнαεικορτυχν$5†7310", "aceikmopstyxbhaeikoptuxvsstteio")
_LATIN_LETTER = re.compile(r"LATIN .*\b([A-Z])$")
"""The name of a letter in a box, or of a small capital."""
_FLAGS = re.compile("(?:[\U0001f1e6-\U0001f1ff] ?){4,}")
"""Letters that make flags two by two."""
_FLAG_LETTERS = {0x1F1E6 + place: chr(ord("a") + place) for place in range(26)}
_WITH_LETTER = re.compile(r"\S*[^\W\d_]\S*")
_INSIDE = re.compile(r"(?<=\w)['’ʼ`\-\u2010](?=\w)")  # noqa: RUF001
"""What joins two halves of one word: don't, opt-out."""
_HYPHEN = re.compile(r"[\-\u2010]")
#: A French or Italian word in front of another one: d'arrêter.
_ELIDED = re.compile(r"(?<!\w)(?:[cdjlmnst]|qu|all|dall|dell|nell)['’ʼ](?=\w)")  # noqa: RUF001
_WORD = re.compile(r"[^\W_]+")
_MENTION = re.compile(rf"(?<!\w)@(?!{ALWAYS}\b)\w+")
_REPEATED = re.compile(r"(\w)\1{2,}")
_TWICE = re.compile(r"^(.{3,}?)\1+$")
_DIGITS = re.compile(r"\d+|\D+")
#: Scripts that put no space between words, or one anywhere: a word is looked for inside of the text.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_HANGUL = re.compile("[\uac00-\ud7af]")
_STOP_SIGNS = frozenset("🛑⛔🚫🔕📵🙅🖕")
_DOUBT_SIGNS = frozenset("👎😡🤬😠❌❎✖✋🤚🖐⏹⏸🤮💩🙄😤🤐🤫🔇📴🗑🚷🚯💤")
_QUOTES = "\"'`*«»‹›“”„‚‘’「」『』"  # noqa: RUF001
_SHORT = 12
"""Words of a short message: a listed word anywhere in it is an opt-out, in a longer one a doubt."""
_SHORT_UNSPACED = 40
"""Letters of a short message without spaces."""
_FEW = 4
"""Words of a message in which any word for no is a doubt."""
_UP_TO = 3
"""So many words may stand between "reply" and the word to reply: `Reply with the word STOP`."""
_LONGEST = 4
"""So many pieces are looked at for an opt-out word of several words."""
#: Endings are attached to words of so many letters, up to so many letters: unsubscribed, durdurun, odhlaste.
_STEM, _ENDING = 6, 3
_ATTACHED = frozenset(("it", "now", "pls", "plz", "please", "me", "this", "all", "dm", "dms", "sms", "thx", "thanks"))
_KOREAN_ENDINGS = tuple("아어해하합할햇했요을를이가좀바부처신원시됩돼되두둬주보")
#: Before an opt-out word they turn it around, as in "don't stop": a doubt. "No" alone does not: "no, stop".
_TURN_AROUND = frozenset(("dont", "not", "never", "cant", "wont", "nicht", "nie", "ne", "nao", "inte", "ikke", "niet"))
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

_Phrase = tuple[str, ...]
_Phrases = frozenset[_Phrase]


class Meaning(StrEnum):
    """The meaning of a message for the consent of its sender."""

    OPT_OUT = "opt_out"
    UNCLEAR = "unclear"
    """It may be an opt-out: no consent is recorded, and a person decides."""
    OTHER = "other"


def meaning_of(text: str, words: Collection[str]) -> Meaning:
    """Judges a message: a wrong opt-out costs one message, a missed one costs trust.

    An opt-out begins with one of `words`, or is short and has one anywhere, after mentions and courtesies, with
    attached endings, inside of a text without spaces, or as a sign. Capitals, accents, punctuation and Unicode's forms
    make no difference. A listed word in a long text, or turned around ("don't stop"), and any other no are unclear, as
    is a short text in a script of which no word is listed.
    """
    return max((_meaning_of(reading, text, words) for reading in _readings(text)), key=_WEIGHT.index)


_WEIGHT = (Meaning.OTHER, Meaning.UNCLEAR, Meaning.OPT_OUT)


def _meaning_of(tokens: _Phrase, text: str, words: Collection[str]) -> Meaning:
    phrases, joined = _phrases(frozenset(words)), "".join(tokens)
    unspaced = len(_UNSPACED.findall(joined)) + len(_HANGUL.findall(joined))
    is_short = len(tokens) <= _SHORT and unspaced <= _SHORT_UNSPACED
    start = next((place for place, word in enumerate(tokens) if word not in _fixed(COURTESIES).words), len(tokens))
    rest = tuple(word for word in tokens if word not in _fixed(COURTESIES).words)
    alone = _fixed(ALONE).phrases
    ends_something = any(word.startswith(_beginnings()) for word in tokens)
    if ends_something and len(rest) == 1:
        return Meaning.OPT_OUT
    if _begins(tokens[start:], phrases) or (joined,) in phrases or rest in alone or ("".join(rest),) in alone:
        return Meaning.OPT_OUT
    found = [*_found(tokens, _index(frozenset(words))), *_found(tokens, _fixed(REFUSALS))]
    if any(place is None or not place or tokens[place - 1] not in _TURN_AROUND for place in found):
        return Meaning.OPT_OUT if is_short else Meaning.UNCLEAR
    if found:
        return Meaning.UNCLEAR
    signs = set(text)
    if signs & _STOP_SIGNS:
        return Meaning.OPT_OUT if is_short else Meaning.UNCLEAR
    says_no = _has(tokens, NO) and not _has(tokens, NOT_NO)
    is_doubtful = (
        (signs & _DOUBT_SIGNS and is_short)
        or (says_no and len(rest) <= _FEW and unspaced <= _SHORT)
        or rest in _fixed(NO_ALONE).phrases
        or (says_no and _has(tokens, MESSAGES))
        or (is_short and _has(tokens, AGAIN) and _has(tokens, (*NO, "ne", "nu")))
        or (is_short and (ends_something or _has(tokens, DOUBTS)))
        or (is_short and _is_in_unlisted_script(joined, frozenset(words)))
    )
    return Meaning.UNCLEAR if is_doubtful else Meaning.OTHER


def _readings(text: str) -> set[_Phrase]:
    """Returns the words of a text in each of the ways in which a person may have meant them."""
    bare = _MENTION.sub(" ", _fold(text))
    spaced = _MENTION.sub(" ", _fold("".join(" " if category(sign) == "Cf" else sign for sign in text)))
    alike = _WITH_LETTER.sub(lambda piece: piece[0].translate(_LOOKALIKES), _MENTION.sub(" ", _fold(_in_latin(text))))
    found = {_words_of(bare), _words_of(spaced), _words_of(_HYPHEN.sub(" ", bare)), _words_of(alike)}
    found.add(_words_of(_ELIDED.sub("", bare)))
    for tokens in tuple(found):
        found |= {
            _spelled_out(tokens),
            tuple(_REPEATED.sub(r"\1", word) for word in tokens),
            tuple(_REPEATED.sub(r"\1\1", word) for word in tokens),
            tuple(part for word in tokens for part in _DIGITS.findall(word)),
            tuple(_TWICE.sub(r"\1", word) for word in tokens),
            tuple(_without_article(word) for word in tokens),
        }
    return found


def _in_latin(text: str) -> str:
    """Returns a text with the letters in boxes, small capitals and flags as plain letters."""
    flat = _FLAGS.sub(lambda flags: flags[0].replace(" ", "").translate(_FLAG_LETTERS), text)
    named = ((sign, sign.isascii() or _LATIN_LETTER.search(name(sign, ""))) for sign in flat)
    return "".join(letter[1] if isinstance(letter, re.Match) else sign for sign, letter in named)


def _spelled_out(tokens: _Phrase) -> _Phrase:
    """Joins single letters: s t o p."""
    joined: list[str] = []
    was_single = False
    for word in tokens:
        if len(word) == 1 and was_single:
            joined[-1] += word
        else:
            joined.append(word)
        was_single = len(word) == 1
    return tuple(joined)


def _without_article(word: str) -> str:
    """Removes what Arabic and Hebrew write before a word without a space: and, the."""
    for prefix in ("وال", "ال", "و", "ה", "ו"):  # noqa: RUF001
        if word.startswith(prefix) and len(word) > len(prefix) + 1:
            return word.removeprefix(prefix)
    return word


class _Index:
    """Phrases as they are looked for: of whole words, with endings, and inside of a text."""

    def __init__(self, phrases: _Phrases) -> None:
        self.phrases = phrases
        self.words = {phrase[0] for phrase in phrases if len(phrase) == 1}
        self.longest = max(map(len, phrases), default=0)
        joined = {"".join(phrase) for phrase in phrases}
        self.inside = [one for one in joined if _UNSPACED.search(one) or (_HANGUL.search(one) and len(one) > 2)]  # noqa: PLR2004
        self.korean = tuple(one for one in joined if _HANGUL.search(one) and len(one) <= 2)  # noqa: PLR2004


def _found(tokens: _Phrase, index: _Index) -> Iterator[int | None]:
    """Yields the places at which a phrase stands; None for one inside of a text without spaces."""
    for place, word in enumerate(tokens):
        if (
            any(tokens[place : place + count] in index.phrases for count in range(1, index.longest + 1))
            or any((len(word) - ending >= _STEM and word[:-ending] in index.words) for ending in range(1, _ENDING + 1))
            or any(word.endswith(ending) and word.removesuffix(ending) in index.words for ending in _ATTACHED)
            or any(word.startswith(one) and word[len(one) :].startswith(_KOREAN_ENDINGS) for one in index.korean)
        ):
            yield place
    joined = "".join(tokens)
    if any(one in joined for one in index.inside):
        yield None


def _has(tokens: _Phrase, words: tuple[str, ...]) -> bool:
    return any(True for _ in _found(tokens, _fixed(words)))


def _is_in_unlisted_script(joined: str, words: frozenset[str]) -> bool:
    """Returns whether most letters of a text are of scripts in which no word of a list is written."""
    scripts = [_script_of(sign) for sign in joined if category(sign) in _LETTER_KINDS]
    return 2 * sum(script not in _listed_scripts(words) for script in scripts) > len(scripts)


_LETTER_KINDS = frozenset(("Lu", "Ll", "Lo"))


@lru_cache(1024)
def _script_of(letter: str) -> str:
    """Returns the first word of the letter's name in Unicode: LATIN, TAMIL, CJK."""
    return name(letter, "").partition(" ")[0]


@lru_cache(64)
def _listed_scripts(words: frozenset[str]) -> frozenset[str]:
    return frozenset(_script_of(sign) for word in (*words, *REFUSALS, *NO, *MESSAGES) for sign in _fold(word))


@lru_cache
def _beginnings() -> tuple[str, ...]:
    return tuple(map(_fold, BEGINNINGS))


@lru_cache(64)
def _index(words: frozenset[str]) -> _Index:
    return _Index(_phrases(words))


@lru_cache
def _fixed(words: tuple[str, ...]) -> _Index:
    return _Index(_phrases(frozenset(words)))


def _fold(text: str) -> str:
    """Returns small letters without accents, in Unicode's one form."""
    apart = normalize("NFKD", normalize("NFKC", text).casefold())
    bare = "".join(sign for sign in apart if category(sign)[0] != "M" and category(sign) != "Cf")
    return normalize("NFC", bare).translate(_LETTERS)


def _words_of(folded: str) -> _Phrase:
    return tuple(_WORD.findall(_INSIDE.sub("", folded)))


@lru_cache(64)
def _phrases(words: frozenset[str]) -> _Phrases:
    """Returns each phrase word by word, and as the single word it is without its spaces."""
    folded = [_fold(word) for word in words]
    apart = {_words_of(reading) for word in folded for reading in (word, _HYPHEN.sub(" ", word))} - {()}
    return frozenset(apart | {("".join(phrase),) for phrase in apart})


def _begins(tokens: Sequence[str], phrases: _Phrases) -> bool:
    """Returns whether a text begins with a phrase."""
    longest = max(map(len, phrases), default=0)
    return any(tuple(tokens[:count]) in phrases for count in range(1, longest + 1))


def with_opt_out_line(text: str, line: str, words: Collection[str]) -> str:
    """Returns a text with the opt-out line below it, unless the text says how to opt out or there is no line.

    It does if it has the line itself, or if one of its lines asks for an opt-out word: "reply", "send", "réponds", ...
    and at most three words later one of `words` in capitals or in quotes, as in `Reply STOP`. A text that says it in
    another way gets the line: twice is better than never.
    """
    line, phrases = line.strip(), _phrases(frozenset(words))
    # A blank text stays one, so that it is still refused.
    if not line or not text.strip() or line in text or any(_asks(each, phrases) for each in text.splitlines()):
        return text
    return f"{text.rstrip()}\n\n{line}"


def _asks(line: str, phrases: _Phrases) -> bool:
    """Returns whether a line asks to reply with an opt-out word that stands out."""
    pieces = line.split()
    asking = (place for place, piece in enumerate(pieces) if _ASKING.intersection(_words_of(_fold(piece))))
    return any(
        (pieces[start].isupper() or pieces[start][0] in _QUOTES)
        and _begins(_words_of(_fold(" ".join(pieces[start : start + _LONGEST]))), phrases)
        for place in asking
        for start in range(place + 1, min(place + 2 + _UP_TO, len(pieces)))
    )


_LEAVE_LINK = re.compile(r"\{\{\s*leave_link\s*\}\}")


def opt_out_line_of(line: str, *, with_link: bool) -> str:
    """Returns the opt-out line of a service; the plain one for a link where no public address makes one."""
    line = without_remarks(line)
    return line if with_link or not _LEAVE_LINK.search(line) else PLAIN_OPT_OUT_LINE


def with_leave_link(line: str, link: str) -> str:
    """Writes the recipient's link into an opt-out line."""
    return _LEAVE_LINK.sub(lambda _: link, line)


def opt_out_words() -> frozenset[str]:
    """Returns the words of all languages that end a consent."""
    return frozenset(word for words in load_settings().opt_out_words.values() for word in words)
