"""Money, times and lists, written for people and read from them."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from itertools import chain
from typing import TextIO
from unicodedata import category, normalize
from zoneinfo import ZoneInfo

from campaign.errors import WrongUsage

#: Control characters of both sets, which move the cursor of a terminal or colour what follows, and those that begin
#: a line or turn around what follows. Marks of direction stay: names in Arabic and Hebrew have them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Replaces control characters, by which a text could move the cursor or change how what follows is shown."""
    return _CONTROL.sub("\ufffd", re.sub(r"\r\n?", "\n", text))


def printable_json(document: str) -> str:
    """Escapes the control characters in a JSON document, which means the same afterwards."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def fold(text: str) -> str:
    """Returns text as it is compared: without case, in Unicode's one form, without characters that are not shown.

    The dots of a Turkish i make no difference, as a text does not say whether it is Turkish.
    """
    if text.isascii():
        return text.lower()
    folded = normalize("NFKC", normalize("NFKC", text).casefold()).replace("i\u0307", "i").replace("\u0131", "i")
    return "".join(character for character in folded if category(character) != "Cf")


_REMARK = re.compile(r"\{#.*?#\}", re.DOTALL)


def without_remarks(text: str) -> str:
    """Returns a text without its remarks, `{# like this #}`, which never go out."""
    return _REMARK.sub("", text)


_BEFORE_SIGN = r"[\s'\"\u2018\u2019\u201c\u201d\u200b-\u200f\u2060\ufeff]*"
_SIGN = r"[=+\-@\uff1d\uff0b\uff0d\u2212\uff20\ufe62\ufe63\ufe66\ufe6b]"
_BREAK = r"[;,|\t\r\n\uff0c\uff1b]"
#: Where a spreadsheet may begin a cell that it takes for a formula: at the beginning, and behind all that may separate.
_FORMULA = re.compile(rf"^(?={_BEFORE_SIGN}(?:{_SIGN}|[\t\r]))|(?<={_BREAK})(?={_BEFORE_SIGN}{_SIGN})")
_STOPPED = re.compile(rf"^'(?={_BEFORE_SIGN}(?:{_SIGN}|[\t\r]))|(?<={_BREAK})'(?={_BEFORE_SIGN}{_SIGN})")
#: Text that a spreadsheet takes for a number or a date, and saves as another one: it rounds the ids of X to 15 digits,
#: drops the zeros at the beginning, and reads the handle 1e5 as 100000, the handle march8 as the eighth of March.
_MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?)"
)
_CONVERTED = re.compile(rf"[0-9]{{16,}}|0[0-9]+|[0-9]+e[0-9]+|{_MONTH}[0-9]{{1,4}}|[0-9]{{1,2}}{_MONTH}", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def for_spreadsheet(text: str) -> str:
    """Returns text that a spreadsheet shows as it is: an apostrophe stops formulas and conversions to numbers."""
    if _CONVERTED.fullmatch(text.lstrip("'")):
        return f"'{text}"
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub("'", text)


def from_spreadsheet(text: str) -> str:
    """Returns the text from which `for_spreadsheet` made this one."""
    if text.startswith("'") and _CONVERTED.fullmatch(text.lstrip("'")):
        return text[1:]
    return _STOPPED.sub("", text)


def csv_lines(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yields comma separated lines as they come, each cell as a spreadsheet shows it; None is an empty cell.

    A terminal may show them: no cell has control characters.
    """
    buffer = StringIO()
    writer = csv.writer(buffer)
    for row in chain([head], rows):
        writer.writerow("" if cell is None else for_spreadsheet(printable(str(cell))) for cell in row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def byte_order_mark() -> str:
    """Returns how a file of comma separated values begins: without the mark, spreadsheets show broken letters."""
    from campaign.settings import load_settings  # which imports Pydantic, and the help needs no settings

    return "\ufeff" if load_settings().csv_bom else ""


def write_csv(file: TextIO, head: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Writes comma separated rows as they come, see `csv_lines`."""
    file.writelines(csv_lines(head, rows))


def format_time(moment: datetime) -> str:
    """Writes a moment to the minute: 2026-11-26 07:30 UTC."""
    return f"{moment:%Y-%m-%d %H:%M %Z}".rstrip()


def iso(moment: datetime | None) -> str | None:
    """Formats a time for scripts."""
    return moment.isoformat() if moment else None


def format_duration(length: timedelta) -> str:
    """Writes a length of time in its two largest units: 2 days 3 hours; less than a minute in seconds."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    hours, rest = divmod(minutes, 60)
    units = (("day", hours // 24), ("hour", hours % 24), ("minute", rest), ("second", seconds if minutes == 0 else 0))
    parts = [f"{count:,} {unit}{'s' * (count != 1)}" for unit, count in units if count]
    return " ".join(parts[:2]) or "no time"


#: What is still counted on from a moment: a time without one that comes after it cannot be used.
_AFTER_IT = timedelta(days=366)


def read_time(text: str, zone: str, *, earliest: bool = False) -> datetime:
    """Reads an ISO time, in this zone unless it names another one; raises WrongUsage in one sentence.

    When clocks are changed, a time exists twice or not at all: it is refused, or with `earliest` the earlier one meant.
    """
    try:
        written = datetime.fromisoformat(text.strip())
        meant = written if written.tzinfo else written.replace(tzinfo=ZoneInfo(zone))
        _ = meant + _AFTER_IT, meant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise WrongUsage(f"{text!r} is not a time; write it like 2026-12-24T09:00 or 2026-12-24T09:00+01:00.") from None
    later = meant.replace(fold=1)
    if written.tzinfo or meant.utcoffset() == later.utcoffset():
        return meant
    if earliest:
        return min(meant, later, key=datetime.timestamp)
    if _exists(meant):
        digits = "seconds" if meant.second else "minutes"
        both = " or ".join(one.isoformat(timespec=digits) for one in (meant, later))
        raise WrongUsage(f"{text!r} exists twice in {zone}, as clocks are put back then; write {both}.")
    minute = timedelta(minutes=1)
    before = after = meant.replace(second=0, microsecond=0)
    while not _exists(before):
        before -= minute
    while not _exists(after):
        after += minute
    nearest = " and ".join(one.isoformat(timespec="minutes") for one in (before, after))
    raise WrongUsage(
        f"{text!r} does not exist in {zone}, as clocks are put forward then; the nearest times are {nearest}."
    )


def _exists(local: datetime) -> bool:
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)


_MOST_NAMES = 5


#: More digits do not fit into a column.
_MOST_DIGITS = 18


def whole_number(text: str) -> int | None:
    """Reads a whole number that a database can hold; None for any other text."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def listed(names: Sequence[str]) -> str:
    """Writes accounts in a sentence: @a, @b and @c, or the first of them and how many others."""
    handles = [f"@{name}" for name in names]
    if len(handles) > _MOST_NAMES:
        handles = [*handles[:_MOST_NAMES], f"{len(handles) - _MOST_NAMES} others"]
    return " and ".join(filter(None, [", ".join(handles[:-1]), *handles[-1:]]))


def usd(amount: Decimal) -> str:
    """Writes an amount with at least cents, never rounded down to nothing: $12.00, $0.001."""
    return f"${dollars(amount)}"


def dollars(amount: Decimal) -> str:
    """Writes an amount for scripts, exactly and with at least cents: 12.00, 0.001."""
    cents = amount.quantize(Decimal("0.01"))
    return f"{cents if cents == amount else amount.normalize():f}"
