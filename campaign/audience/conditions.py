"""Conditions that choose visitors, as a person types them: `followers_count > 50 and location contains 'Gent'`.

`docs/conditions.md` is the language, `parse` reads it, `campaign.audience.visitors` makes it a query.
Every part of a condition is either fulfilled or not: a comparison with an unknown value is not fulfilled, and
`Not` is fulfilled exactly when its part is not.
The form of the desk shows a condition as rows: a field, an operator and a value each, all or one of which hold. Pure.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

import pendulum

from campaign.errors import WrongUsage

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

LONGEST = 2_000
"""Characters of a condition."""
DEEPEST = 10
"""Brackets inside each other."""


# Fields: the table that the documentation and the error messages are made from.
class FieldKind(StrEnum):
    """What a field holds, in the words of an error message."""

    TEXT = "text"
    NUMBER = "a number"
    TRUTH = "yes or no"
    MOMENT = "a point in time"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is known of a visitor, or of their following of one service."""

    name: str
    kind: FieldKind
    label: str
    """What Campaign calls it."""
    meaning: str


FIELDS = (
    Field("external_id", FieldKind.TEXT, "External ID", "X's number of the person, which never changes"),
    Field("username", FieldKind.TEXT, "Username", "the handle on X, without the @"),
    Field("full_name", FieldKind.TEXT, "Full name", "the name shown on X"),
    Field("followers_count", FieldKind.NUMBER, "Number of friends", "how many people follow this person on X"),
    Field("verified", FieldKind.TRUTH, "Checked", "whether X shows a check mark"),
    Field("location", FieldKind.TEXT, "Location", "the place that the person wrote into their profile"),
    Field("first_known", FieldKind.MOMENT, "First known", "when a sync first met the person"),
    Field("updated_at", FieldKind.MOMENT, "Updated", "when a sync last found something changed"),
    Field("follows_since", FieldKind.MOMENT, "Follows since", "when a sync first saw the person follow the service"),
    Field("consented", FieldKind.TRUTH, "Consented", "whether the person's consent for the service runs now"),
)
BY_NAME = {field.name: field for field in FIELDS}


# Operators: their words, and the fields that they fit.
class Operator(StrEnum):
    """What is asked of a field; an operator with a "not" in it is the exact opposite of one of these."""

    EQUALS = "="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    CONTAINS = "contains"
    STARTS_WITH = "starts with"
    LIKE = "like"
    INCLUDED = "in"
    BETWEEN = "between"
    EMPTY = "is empty"


@dataclass(frozen=True, slots=True)
class Phrase:
    """An operator as it is written, in one or several words."""

    words: str
    operator: Operator
    is_negated: bool = False


PHRASES = (
    Phrase("=", Operator.EQUALS),
    Phrase("<>", Operator.EQUALS, is_negated=True),
    Phrase("!=", Operator.EQUALS, is_negated=True),
    Phrase("<", Operator.LESS),
    Phrase("<=", Operator.AT_MOST),
    Phrase(">", Operator.MORE),
    Phrase(">=", Operator.AT_LEAST),
    Phrase("contains", Operator.CONTAINS),
    Phrase("does not contain", Operator.CONTAINS, is_negated=True),
    Phrase("starts with", Operator.STARTS_WITH),
    Phrase("does not start with", Operator.STARTS_WITH, is_negated=True),
    Phrase("like", Operator.LIKE),
    Phrase("not like", Operator.LIKE, is_negated=True),
    Phrase("is included in", Operator.INCLUDED),
    Phrase("is not included in", Operator.INCLUDED, is_negated=True),
    Phrase("in", Operator.INCLUDED),
    Phrase("not in", Operator.INCLUDED, is_negated=True),
    Phrase("between", Operator.BETWEEN),
    Phrase("not between", Operator.BETWEEN, is_negated=True),
    Phrase("is empty", Operator.EMPTY),
    Phrase("is not empty", Operator.EMPTY, is_negated=True),
    Phrase("is null", Operator.EMPTY),
    Phrase("is not null", Operator.EMPTY, is_negated=True),
)
_BY_WORDS = {phrase.words: phrase for phrase in PHRASES}

_EVERYWHERE = {Operator.EQUALS, Operator.EMPTY}
_ORDERED = {Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST, Operator.BETWEEN, Operator.INCLUDED}
_WRITTEN = {Operator.CONTAINS, Operator.STARTS_WITH, Operator.LIKE, Operator.INCLUDED}

#: Texts have no order: that of letters differs from database to database.
FITTING = {
    FieldKind.TEXT: _EVERYWHERE | _WRITTEN,
    FieldKind.NUMBER: _EVERYWHERE | _ORDERED,
    FieldKind.TRUTH: _EVERYWHERE,
    FieldKind.MOMENT: _EVERYWHERE | _ORDERED,
}


# The tree: what a condition is once it is read.
class WrongCondition(WrongUsage):
    """The text is not a condition; `position` is the character, counted from 1, at which it goes wrong."""

    def __init__(self, sentence: str, position: int | None = None) -> None:
        super().__init__(sentence)
        self.position = position


@dataclass(frozen=True, slots=True)
class FromNow:
    """So long before (less than 0) or after now; or, of whole days, before or after today."""

    amount: int = 0
    unit: str = "days"
    is_day: bool = False


Value = str | int | bool | date | datetime | FromNow
"""A `date` stands for its whole day in UTC, a `datetime` has a time zone."""


@dataclass(frozen=True, slots=True)
class Compare:
    """A field compared with a value of its kind; never with the operators of several values or of none."""

    field: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Empty:
    """A field that is not known, or a text without a character."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of these, two at least."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of these at least, of two at least."""

    parts: tuple["Condition", ...]


Condition = Compare | Empty | Not | AllOf | AnyOf


# Times: days, moments, and so long ago.

#: Of each unit, how many days it has at most.
UNITS = {"hours": 1, "days": 1, "weeks": 7, "months": 31, "years": 366}
_FARTHEST = 366_000  # days: dates of a thousand years ago and ahead can be stored and compared
_YEARS = range(1900, 3000)
#: The databases know no shorter time.
_MOMENT = timedelta(microseconds=1)


def span(value: Value, now: datetime) -> tuple[datetime, datetime]:
    """Returns the first moment of a day or moment, and the first one beyond it."""
    match value:
        case FromNow():
            start = pendulum.instance(now).in_timezone("UTC")
            first = (start.start_of("day") if value.is_day else start).add(**{value.unit: value.amount})
            return first, first + (timedelta(days=1) if value.is_day else _MOMENT)
        case datetime():
            return value, value + _MOMENT
        case date():
            first_of_day = datetime(value.year, value.month, value.day, tzinfo=UTC)
            return first_of_day, first_of_day + timedelta(days=1)
    raise TypeError(value)  # the parser lets no other value through


def _read_time(text: str) -> date | datetime | None:
    """Reads a day such as 2026-11-01, or a moment such as 2026-11-01 07:30, in UTC unless it says otherwise."""
    when: date
    try:
        when = date.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        when = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return when if when.year in _YEARS else None


# The grammar: terminals are made from the tables above; the higher of two priorities is tried first.
def _words(*phrases: str) -> str:
    """Returns the pattern of one of these, as whole words, in capitals or small letters, with any space between."""
    spelled = []
    for phrase in sorted(phrases, key=len, reverse=True):
        # In ASCII: Python would take a long s for an s.
        words = [f"(?ai:{re.escape(word)})" + (r"\b" if word[-1].isalpha() else "") for word in phrase.split()]
        spelled.append(r"\s+".join(words))
    return f"(?:{'|'.join(spelled)})"


def _spelled(*operators: Operator) -> str:
    return _words(*(phrase.words for phrase in PHRASES if phrase.operator in operators))


_OWN_SHAPE = (Operator.INCLUDED, Operator.BETWEEN, Operator.EMPTY)
_SPAN = rf"[0-9]+\s*{_words(*UNITS, *(unit[:-1] for unit in UNITS))}"
_GRAMMAR = rf"""
?either: both | both (_OR both)+                            -> any_of
?both: one | one (_AND one)+                                -> all_of
?one: test | _NOT test                                      -> opposite
?test: _OPEN either _CLOSE
    | FIELD                                                 -> comparison
    | FIELD EMPTY                                           -> comparison
    | FIELD COMPARISON _value                               -> comparison
    | FIELD BETWEEN _value _AND _value                      -> comparison
    | FIELD LIST _OPEN _value (_COMMA _value)* _CLOSE       -> comparison
_value: TEXT | NUMBER | TRUTH | TIME
unknown: UNCLOSED | UNKNOWN  // in no condition: named for the error

COMPARISON.2: /{_spelled(*(one for one in Operator if one not in _OWN_SHAPE))}/
LIST.2: /{_spelled(Operator.INCLUDED)}/
BETWEEN.2: /{_spelled(Operator.BETWEEN)}/
EMPTY.2: /{_spelled(Operator.EMPTY)}/
TIME.2: /{_words("now", "today")}(\s*[+-]\s*{_SPAN})?|{_SPAN}\s+{_words("ago")}/
FIELD.1: /{_words(*BY_NAME)}/
TRUTH.1: /{_words("true", "yes", "false", "no")}/
NUMBER.1: /(-\s*)?[0-9]+([.e][\w.+-]*)?/
TEXT.1: /'([^']|'')*'|"([^"]|"")*"/
_AND.1: /{_words("and")}/
_OR.1: /{_words("or")}/
_NOT.1: /{_words("not")}/
_OPEN.1: "("
_CLOSE.1: ")"
_COMMA.1: ","
UNCLOSED: /['"].*/s
UNKNOWN.-1: /\w+|./
%ignore /\s+/
"""
_DIGITS = 18  # what both databases hold


def parse(text: str) -> Condition:
    """Reads a condition; raises WrongCondition in one sentence, with the place of what is wrong."""
    if not text.strip():
        raise WrongCondition("The condition is empty; write one such as followers_count > 50.")
    if len(text) > LONGEST:
        raise WrongCondition(f"The condition has {len(text):,} characters; shorten it to {LONGEST:,} at most.")
    for place, character in enumerate(text, start=1):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise WrongCondition(f"Invalid character {character!a} at character {place}; leave it out.", place)
    from lark import UnexpectedToken

    parser: Any = _parser().parse_interactive(text, start="either")
    depth = 0
    try:
        for token in parser.iter_parse():
            depth += {"_OPEN": 1, "_CLOSE": -1}.get(token.type, 0)
            if depth > DEEPEST:
                raise _wrong("Invalid bracket", token, f"put at most {DEEPEST} brackets inside each other")
        tree: Tree[Token] = parser.feed_eof()
    except UnexpectedToken as error:
        raise _misplaced(error.token.type, parser) from None
    return _condition(tree)


@cache
def _parser() -> "Lark":
    """Importing lark and reading the grammar take a tenth of a second: done for the first condition, not before."""
    from lark import Lark

    return Lark(_GRAMMAR, parser="lalr", lexer="basic", start=["either", "unknown"])


# From the tree of the grammar, whose nodes are its aliases, to a condition: what fits what is checked here.
def _condition(node: "Tree[Token]") -> Condition:
    parts: list[Any] = node.children
    match node.data:
        case "any_of":
            return AnyOf(tuple(map(_condition, parts)))
        case "all_of":
            return AllOf(tuple(map(_condition, parts)))
        case "opposite":
            return Not(_condition(parts[0]))
    return _comparison(BY_NAME[parts[0].lower()], *parts)


def _comparison(field: Field, name: "Token", written: "Token | None" = None, *values: "Token") -> Condition:
    if written is None and field.kind != FieldKind.TRUTH:
        advice = f"{field.name} is {field.kind}, write one of {_operators(field)} after it"
        raise _wrong("Incomplete comparison", name, advice)
    if written is None:
        return Compare(field.name, Operator.EQUALS, value=True)
    phrase = _BY_WORDS[" ".join(written.lower().split())]
    if phrase.operator not in FITTING[field.kind]:
        raise _wrong("Invalid operator", written, f"{field.name} is {field.kind}, write one of {_operators(field)}")
    condition = _compared(field.name, phrase.operator, [_value(token, field) for token in values])
    return Not(condition) if phrase.is_negated else condition


def _compared(field: str, operator: Operator, values: list[Value]) -> Condition:
    match operator:
        case Operator.EMPTY:
            return Empty(field)
        case Operator.BETWEEN:
            return AllOf((Compare(field, Operator.AT_LEAST, values[0]), Compare(field, Operator.AT_MOST, values[1])))
        case Operator.INCLUDED:
            equals = tuple(Compare(field, Operator.EQUALS, value) for value in dict.fromkeys(values))
            return AnyOf(equals) if len(equals) > 1 else equals[0]
    return Compare(field, operator, values[0])


def _value(token: "Token", field: Field) -> Value:
    match field.kind, token.type:
        case FieldKind.TEXT, "TEXT":
            return _unquoted(token)
        case FieldKind.NUMBER, "NUMBER":
            digits = "".join(token.removeprefix("-").split())
            if not digits.isdecimal() or len(digits) > _DIGITS:
                raise _wrong("Invalid number", token, f"write at most {_DIGITS} digits, without point or comma")
            return -int(digits) if token.startswith("-") else int(digits)
        case FieldKind.TRUTH, "TRUTH":
            return token.lower() in {"true", "yes"}
        case FieldKind.MOMENT, "TIME":
            words = token.lower()  # now, today - 3 days, 30 days ago
            amount = int("".join(filter(str.isdecimal, words)) or 0)
            unit = next((unit for unit in UNITS if unit[:-1] in words.removeprefix("today")), "days")
            if amount * UNITS[unit] > _FARTHEST:
                raise _wrong("Invalid time", token, "write one of at most 1,000 years before or after now")
            return FromNow(amount if "+" in words else -amount, unit, words.startswith("today"))
        case FieldKind.MOMENT, "TEXT" if when := _read_time(_unquoted(token)):
            return when
    raise _wrong("Invalid value", token, f"{field.name} is {field.kind}, write {_WRITE[field.kind]}")


def _unquoted(token: "Token") -> str:
    quote = token[0]
    return token[1:-1].replace(quote * 2, quote)


# Errors: what is wrong, the value, its place, what to write.

_WRITE = {
    FieldKind.TEXT: "a text in quotes",
    FieldKind.NUMBER: "a whole number",
    FieldKind.TRUTH: "true or false",
    FieldKind.MOMENT: "'2026-11-01', '2026-11-01 07:30', now, today or 30 days ago",
}
_A_VALUE = "a text in straight quotes, a whole number, true, false, or a time such as '2026-11-01' or 30 days ago"
_FIELDS = ", ".join(BY_NAME)
_SHOWN = 40  # characters of a wrong word
#: By a terminal that may stand at a place, the first that may: what is wrong with another one, and what to write.
_EXPECTED = {
    "FIELD": ("Invalid field", f"write one of {_FIELDS}"),
    "TEXT": ("Invalid value", f"write {_A_VALUE}"),
    "_OPEN": ("Invalid list", "write the values in brackets, such as ('a', 'b')"),
    "_COMMA": ("Unexpected", "write a comma, or close the bracket"),
    "_OR": ("Unexpected", "write 'and' or 'or' before it, or leave it out"),
    "_AND": ("Unexpected", "write 'and' with the second value"),
}


def _misplaced(kind: str, parser: Any) -> WrongCondition:
    """Returns the error about the first word that cannot stand where it does, or about what is missing at the end."""
    expected, stack, last = parser.accepts(), parser.parser_state.value_stack, parser.lexer_thread.state.last_token
    if kind == "$END" and "_CLOSE" in expected:
        bracket = next(one for one in reversed(stack) if getattr(one, "type", None) == "_OPEN")
        return _wrong("Unclosed bracket", bracket, "close it")
    if kind == "UNCLOSED":
        return _wrong("Unclosed quote", last, "close it")
    if not expected:  # what is before it is complete
        return _wrong("Unexpected", last, "no bracket is open, leave it out")
    if "COMPARISON" in expected:
        field = BY_NAME[stack[-1].lower()]
        return _wrong("Invalid operator", last, f"after {field.name} write one of {_operators(field)}")
    what, advice = next(row for terminal, row in _EXPECTED.items() if terminal in expected)
    if what == "Invalid field" and (near := get_close_matches(last.lower(), BY_NAME, n=1)):
        advice = f"write {near[0]}, or another of {_FIELDS}"
    return _wrong("Incomplete condition after" if kind == "$END" else what, last, advice)


def _wrong(what: str, token: "Token", advice: str) -> WrongCondition:
    shown = str(token) if len(token) <= _SHOWN else token[: _SHOWN - 1] + "…"
    place = (token.start_pos or 0) + 1
    return WrongCondition(f"{what} {shown!r} at character {place}; {advice}.", place)


def _operators(field: Field) -> str:
    """Returns the operators that fit a field, each in its first spelling."""
    meanings = {(one.operator, one.is_negated): one.words for one in reversed(PHRASES)}
    return ", ".join(words for (operator, _), words in reversed(meanings.items()) if operator in FITTING[field.kind])


_SEVERAL = re.compile(r"\s*[,;\n]\s*")
_TWO = re.compile(r"\s+and\s+", re.IGNORECASE)
_UNITS = "|".join(unit[:-1] for unit in UNITS)
_SO_LONG = rf"\d+\s*(?:{_UNITS})s?"
_FROM_NOW = re.compile(rf"(?:now|today)(?:\s*[+-]\s*{_SO_LONG})?|{_SO_LONG}\s+ago", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ConditionRow:
    """One comparison as it is typed; `operator` is a spelling of the language, such as "does not contain"."""

    field: str = ""
    operator: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class ConditionRows:
    """Comparisons of which all hold, or one at least."""

    rows: tuple[ConditionRow, ...] = ()
    is_any: bool = False


def spellings(field: str) -> list[str]:
    """Returns the operators that fit a field, each in its first spelling; all of them for no field."""
    fitting = FITTING[BY_NAME[field].kind] if field in BY_NAME else set(Operator)
    first = {(phrase.operator, phrase.is_negated): phrase.words for phrase in reversed(PHRASES)}
    return [words for (operator, _), words in reversed(first.items()) if operator in fitting]


def takes_value(operator: str) -> bool:
    """Returns whether something is written after an operator."""
    return not any(phrase.words == operator and phrase.operator is Operator.EMPTY for phrase in PHRASES)


def text_of(condition: ConditionRows) -> str:
    """Writes rows as a condition; rows without a field are left out."""
    joined = " or " if condition.is_any else " and "
    return joined.join(_row_as_text(row) for row in condition.rows if row.field)


def _row_as_text(row: ConditionRow) -> str:
    kind = BY_NAME[row.field].kind if row.field in BY_NAME else FieldKind.TEXT
    operator = next((phrase.operator for phrase in PHRASES if phrase.words == row.operator), None)
    if operator is Operator.EMPTY:
        return f"{row.field} {row.operator}"
    if operator is Operator.INCLUDED:
        values = [_written(one, kind) for one in _SEVERAL.split(row.value) if one.strip()]
        return f"{row.field} {row.operator} ({', '.join(values)})"
    if operator is Operator.BETWEEN:
        values = [_written(one, kind) for one in _TWO.split(row.value, maxsplit=1)]
        return f"{row.field} {row.operator} {' and '.join(values)}"
    return f"{row.field} {row.operator} {_written(row.value, kind)}"


def _written(value: str, kind: FieldKind) -> str:
    value = value.strip()
    is_plain = kind in {FieldKind.NUMBER, FieldKind.TRUTH} or (
        kind is FieldKind.MOMENT and _FROM_NOW.fullmatch(value) is not None
    )
    if kind is FieldKind.NUMBER and value:
        value = re.sub(r"(?<=\d)[ .,'](?=\d{3}\b)", "", value)
    return value if is_plain else "'" + value.replace("'", "''") + "'"


def rows_of(text: str) -> ConditionRows | None:
    """Returns a condition as rows, None where it has brackets that rows cannot show; raises WrongCondition."""
    if not text.strip():
        return ConditionRows()
    condition = parse(text)
    if (single := _row_of(condition)) and parse(_row_as_text(single)) == condition:
        return ConditionRows((single,))
    is_any = isinstance(condition, AnyOf)
    rows = [_row_of(part) for part in condition.parts] if isinstance(condition, AllOf | AnyOf) else [None]
    found = ConditionRows(tuple(row for row in rows if row is not None), is_any)
    # Seconds of a time, or brackets inside of a part, would be lost.
    return found if len(found.rows) == len(rows) and parse(text_of(found)) == condition else None


def _row_of(condition: Condition) -> ConditionRow | None:
    is_negated = isinstance(condition, Not)
    inner = condition.part if isinstance(condition, Not) else condition
    match inner:
        case Empty(field):
            return ConditionRow(field, _in_words(Operator.EMPTY, is_negated=is_negated))
        case Compare(field, operator, value):
            words = _in_words(operator, is_negated=is_negated)
            return ConditionRow(field, words, _shown([value])) if words else None
        case AllOf((Compare(field, Operator.AT_LEAST, low), Compare(other, Operator.AT_MOST, high))) if field == other:
            return ConditionRow(field, _in_words(Operator.BETWEEN, is_negated=is_negated), _shown([low, high], " and "))
        case AnyOf(parts) if len({part.field for part in parts if isinstance(part, Compare)}) == 1:
            equals = [one for one in parts if isinstance(one, Compare) and one.operator is Operator.EQUALS]
            if len(equals) == len(parts) and not any("," in str(one.value) for one in equals):
                included = _in_words(Operator.INCLUDED, is_negated=is_negated)
                return ConditionRow(equals[0].field, included, _shown((one.value for one in equals), ", "))
    return None


def _in_words(operator: Operator, *, is_negated: bool) -> str:
    """Returns the first spelling of an operator, empty where its opposite has none."""
    known = (one.words for one in PHRASES if one.operator is operator and one.is_negated is is_negated)
    return next(known, "")


def _shown(values: Iterable[Value], between: str = "") -> str:
    return between.join(map(_value_as_text, values))


def _value_as_text(value: Value) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case FromNow():
            start, length = "today" if value.is_day else "now", f"{abs(value.amount)} {value.unit}"
            return f"{start} {'+' if value.amount > 0 else '-'} {length}" if value.amount else start
        case datetime():
            return value.isoformat(" ", "minutes")
    return str(value)
