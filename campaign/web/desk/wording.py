"""The words of the desk in a person's language: its catalogues, the sentences of the program, times and amounts."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from zoneinfo import ZoneInfo

from babel import Locale, negotiate_locale
from babel.dates import format_datetime
from babel.lists import format_list
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

from campaign.formatting import dollars, usd
from campaign.reporting.document import Cell, Rate, shown

SOURCE = "en"
"""The language in which templates are written."""
_FOLDER = files("campaign.web.desk") / "locales"
#: A longer text is of a person, or a file.
_LONGEST = 4_000
#: How a sentence about a part goes on after its name.
_VERBS = frozenset({"costs", "has", "is", "names", "says", "shows", "weighs"})
_WHERE = r"(?P<where>(?:The post|Part \d+ of \d+)(?: on .+?)?|The file|\S+) "
_UNIT = re.compile(r"([\d,]+) (day|hour|minute|second)s?")
_LENGTH = re.compile(f"{_UNIT.pattern}(?: {_UNIT.pattern})?")
_MOMENT = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d)(:\d\d)? UTC\b")
_FIELD = re.compile(r"\{(\w+)(?::,|!r)?\}")
#: What a field matches, by how it is written.
_KINDS = {
    ":,}": "-?[0-9,]+",
    "!r}": "'.*?'|\".*?\"",
    "endpoint}": r"[A-Z]+ \S+",
    "handle}": r"\w+",
    "detail}": "|: .*?",
}
#: More sentences are a text of a person.
_MOST_SENTENCES = 50
_END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9@`])")
_SEMICOLON = re.compile(r";\s+")
#: Between the lines of a file that are named in one sentence.
_NEXT_LINE = re.compile(r"; (?=line \d+: |and [\d,]+ more lines)")
_PIECE = re.compile(r"[^,;()\s](?:[^,;()]|(?<=\d),(?=\d{3}))*[^,;()\s]")
_NUMBER = re.compile(r"(\$?)(-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?)( ?%| [kM]B|)")
_QUOTED = re.compile(r"""(['"`]).*\1""", re.DOTALL)
_LISTED = re.compile(r"([@\d]\S*(?:, [@\d]\S*)*) (and|or) ([@\d]\S*|\d+ others)")


def N_(text: str) -> str:  # noqa: N802  # the name under which Babel finds texts to translate
    """Marks a text for translation."""
    return text


@cache
def languages() -> list[str]:
    """Returns the languages of the pages: the source's, and each for which there is a catalogue."""
    return [SOURCE, *sorted(folder.name for folder in _FOLDER.iterdir() if folder.is_dir())]


def choose_language(wanted: str, accepted: str) -> str:
    """Returns the wanted language where there is one of ours, else the first of ours that the browser accepts."""
    if wanted in languages():
        return wanted
    asked = [part.split(";")[0].strip() for part in accepted.split(",")]
    return negotiate_locale([one for one in asked if one], languages(), sep="-") or SOURCE


@cache
def _catalogue(language: str) -> Catalog:
    """Reads the catalogue of a language, a text file that translators edit."""
    with (_FOLDER / language / "desk.po").open("rb") as file:
        return read_po(file, locale=language)


@cache
def translations(language: str) -> NullTranslations:
    """Returns the texts of a language."""
    if language == SOURCE:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, _catalogue(language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def gettext(language: str, text: str) -> str:
    """Translates what the program says: a text marked with `N_`, or sentences with their fields filled in.

    Each sentence is translated for itself; another text stays as it is. In a template this is the filter `translated`:
    `_()` is for its own texts only, which it takes for HTML with fields at per cent signs.
    """
    return text if language == SOURCE or not text or len(text) > _LONGEST else _translate(language, text)


@lru_cache(maxsize=10_000)
def _translate(language: str, text: str) -> str:
    if own := _with_comment(language, text):
        return own
    ends = [found.end() for found in _END_OF_SENTENCE.finditer(text)]
    if len(ends) > _MOST_SENTENCES:
        return text
    if ends and (each := _in_sentences(language, text, [*ends, len(text)])):
        return each
    if whole := _as_one(language, text):
        return whole
    # One of them may be X's, or of a library.
    parts = [text[begin:end] for begin, end in zip([0, *ends], [*ends, len(text)], strict=True)]
    return " ".join(_as_one(language, part.strip()) or part.strip() for part in parts) if ends else text


def _in_sentences(language: str, text: str, ends: list[int]) -> str | None:
    """Translates a text that can be cut at some of these places into sentences that all are known."""
    later: dict[int, str | None] = {len(text): ""}
    for begin in reversed([0, *ends[:-1]]):
        later[begin] = _with_comment(language, text[begin:])
        for end in ends if later[begin] is None else ():
            sentence = text[begin:end].rstrip(" \n;")
            if end > begin and later[end] is not None and (known := _as_one(language, sentence)):
                later[begin] = f"{known}{text[begin + len(sentence) : end]}{later[end]}"
                break
    return later[0]


def _with_comment(language: str, text: str) -> str | None:
    """Translates a sentence with a person's comment, whose own sentences stay."""
    ones = (one for one in _candidates(language, text) if one.english.endswith("{comment}"))
    return next(filter(None, (one.translated(language, text) for one in ones)), None)


def _as_one(language: str, text: str) -> str | None:
    """Translates one sentence or one label; returns None for another text."""
    found = translations(language).gettext(text)
    # What belongs to no text is the head of a catalogue.
    if not text or found != text:
        return found if text else None
    if length := _LENGTH.fullmatch(text):
        units = {f"{unit}s": int(count.replace(",", "")) for count, unit in _UNIT.findall(length[0])}
        return duration(timedelta(**units), language)
    known = next((known for one in _candidates(language, text) if (known := one.translated(language, text))), None)
    if known or " " not in text or text.endswith((".", "?", ":")):
        return known
    # In a list a sentence ends without a full stop.
    return sentence.removesuffix(".") if (sentence := _as_one(language, f"{text}.")) else None


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence of the program with fields, and its translation."""

    english: str
    literal: str
    """Its longest piece without a field."""
    pattern: re.Pattern[str]
    translation: str

    def translated(self, language: str, text: str) -> str | None:
        """Translates a text that is this sentence; returns None for another one."""
        found = self.pattern.fullmatch(text) if self.literal in text else None
        if not found:
            return None
        filled = {}
        for name, value in found.groupdict("").items():
            # What a person named, or X called so, is in no language.
            is_named = not name[1:].isdigit() and name not in {"where", "ffile"}
            is_verbatim = is_named or text[: found.start(name)].endswith(("'", '"', "`")) or _QUOTED.fullmatch(value)
            filled[name] = _listed(language, value) if is_verbatim else fields(language, value)
        sentence = _FIELD.sub(lambda field: filled[f"f{field[1]}"], self.translation)
        return f"{where} {sentence}" if (where := filled.get("where")) else sentence


@cache
def _sentences(language: str) -> dict[str, list[_Sentence]]:
    """Returns the sentences with fields by their first word, with those that begin with a field; the longest first."""
    every = list[tuple[tuple[str, ...], _Sentence]]()
    for message in _catalogue(language):
        if not message.id or message.pluralizable or not message.string:
            continue
        english, translation = _bare(str(message.id)), _bare(str(message.string))
        first = english.partition(" ")[0]
        is_of_part = first in _VERBS or (english[0].islower() and english.endswith("."))
        if not (is_of_part or _FIELD.search(english)):
            continue
        pattern = re.compile((f"(?:{_WHERE})?" if is_of_part else "") + _pattern_of(english), re.DOTALL)
        literal = max(_FIELD.split(english)[::2], key=len)
        firsts = ("",) if is_of_part or "{" in first else (first,)
        every.append((firsts, _Sentence(english, literal, pattern, translation)))
    words = {first for firsts, _ in every for first in firsts}
    by_length = sorted(every, key=lambda one: -len(one[1].english))
    return {word: [one for firsts, one in by_length if word in firsts or "" in firsts] for word in words | {""}}


def _bare(text: str) -> str:
    """Leaves out what joins a piece to the sentence that it goes into."""
    text = text.strip(" ,;")
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def _pattern_of(english: str) -> str:
    pieces, seen = list[str](), set[str]()
    for place, piece in enumerate(_FIELD.split(english)):
        if place % 2 == 0:
            pieces.append(re.escape(piece))
        elif piece in seen:
            pieces.append(f"(?P=f{piece})")
        else:
            seen.add(piece)
            written = english[english.index(f"{{{piece}") + 1 :]
            kind = next((kind for end, kind in _KINDS.items() if re.match(rf"\w*?{re.escape(end)}", written)), ".*?")
            pieces.append(f"(?P<f{piece}>{kind})")
    return "".join(pieces)


def _candidates(language: str, text: str) -> list[_Sentence]:
    by_first = _sentences(language)
    return by_first.get(text.partition(" ")[0], by_first[""])


def fields(language: str, value: str) -> str:
    """Translates a field of a sentence: as a whole, else the pieces of a list; amounts are written anew."""
    if language == SOURCE:
        return value
    if len(lines := _NEXT_LINE.split(value)) > 1:
        return "; ".join(fields(language, line) for line in lines)
    ends = [] if value.startswith("line ") else [found.end() for found in _SEMICOLON.finditer(value)]
    if ends and (each := _in_sentences(language, value, [*ends, len(value)])):
        return each
    if (whole := _piece(language, value)) != value:
        return whole
    return _PIECE.sub(lambda piece: _piece(language, piece[0]), value)


def _piece(language: str, value: str) -> str:
    if number := _NUMBER.fullmatch(value):
        amount = Decimal(number[2].replace(",", ""))
        if number[1]:
            return money(amount, language) + number[3]
        if not number[3] and "," not in value:
            return value
        written: str = format_decimal(amount, locale=language, decimal_quantization=False)
        return written + number[3].replace(" %", "%")
    if (listed := _listed(language, value)) != value:
        return listed
    return gettext(language, value)


def _listed(language: str, value: str) -> str:
    listed = _LISTED.fullmatch(value)
    if not listed:
        return value
    last = listed[3] if " " not in listed[3] else gettext(language, listed[3])
    return f"{listed[1]} {gettext(language, listed[2])} {last}"


def label(language: str, text: str) -> str:
    """Translates a label of the program; what a person wrote stays as it is, whatever sentence it looks like."""
    return translations(language).gettext(text) if text else text


def money(amount: Decimal, language: str) -> str:
    """Writes US dollars, with at least cents: $0.20, US$ 0,20."""
    if language == SOURCE:
        return usd(amount)
    written = Decimal(dollars(amount))
    return format_currency(written, "USD", locale=language, currency_digits=False, decimal_quantization=False)


def figure(cell: Cell, language: str) -> str:
    """Formats a figure of a report for people: 1.204 or 3,25% or US$ 0,20."""
    match cell:
        case Rate() if language != SOURCE:
            return f"{format_decimal(100 * cell, '#,##0.00', locale=language)}%"
        case Decimal():
            return money(cell, language)
        case int():
            return format_decimal(cell, locale=language)
    return shown(cell)


def long_time(moment: datetime, language: str) -> str:
    """Writes a moment that is in its zone already: Thursday 26 November 2026, 07:30 CET."""
    return f"{format_datetime(moment.replace(tzinfo=None), 'EEEE d MMMM y, HH:mm', locale=language)} {moment:%Z}"


def local_time(moment: datetime, zone: tzinfo | str, language: str = SOURCE) -> str:
    """Writes a moment in a zone, which it names: Thu 26 Nov 2026, 07:30 (Europe/Brussels)."""
    import pendulum

    local = pendulum.instance(moment).in_timezone(str(zone))
    written = format_datetime(local, "EEE d MMM y, HH:mm", locale=Locale.parse(language))
    return f"{written} ({local.timezone_name})"


def with_local_times(text: str, zone: str) -> str:
    """Writes the moments of a sentence of the program in a zone: 2026-11-26 07:30 UTC becomes 2026-11-26 08:30 CET."""

    def local(found: re.Match[str]) -> str:
        moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
        return f"{moment:%Y-%m-%d %H:%M}{found[2] or ''} {moment:%Z}"

    return _MOMENT.sub(local, text)


def duration(length: timedelta, language: str) -> str:
    """Writes a length of time in its two largest units: 1 day, 3 hours."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    counts = {"day": days, "hour": hours, "minute": minutes, "second": seconds}
    units = [format_unit(count, f"duration-{name}", locale=language) for name, count in counts.items() if count]
    return format_list(units[:2] or [format_unit(0, "duration-second", locale=language)], "unit", locale=language)
