"""Conditions as rows of a form: a field, an operator and a value each, all of which hold or one of which does. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from campaign.audience.conditions import (
    BY_NAME,
    FITTING,
    PHRASES,
    UNITS,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Empty,
    FieldKind,
    FromNow,
    Not,
    Operator,
    Value,
    parse,
)

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
    return joined.join(_comparison(row) for row in condition.rows if row.field)


def _comparison(row: ConditionRow) -> str:
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
    if (single := _row_of(condition)) and parse(_comparison(single)) == condition:
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
            return ConditionRow(field, _spelled(Operator.EMPTY, is_negated=is_negated))
        case Compare(field, operator, value):
            words = _spelled(operator, is_negated=is_negated)
            return ConditionRow(field, words, _shown([value])) if words else None
        case AllOf((Compare(field, Operator.AT_LEAST, low), Compare(other, Operator.AT_MOST, high))) if field == other:
            return ConditionRow(field, _spelled(Operator.BETWEEN, is_negated=is_negated), _shown([low, high], " and "))
        case AnyOf(parts) if len({part.field for part in parts if isinstance(part, Compare)}) == 1:
            equals = [one for one in parts if isinstance(one, Compare) and one.operator is Operator.EQUALS]
            if len(equals) == len(parts) and not any("," in str(one.value) for one in equals):
                included = _spelled(Operator.INCLUDED, is_negated=is_negated)
                return ConditionRow(equals[0].field, included, _shown((one.value for one in equals), ", "))
    return None


def _spelled(operator: Operator, *, is_negated: bool) -> str:
    """Returns the first spelling of an operator, empty where its opposite has none."""
    known = (one.words for one in PHRASES if one.operator is operator and one.is_negated is is_negated)
    return next(known, "")


def _shown(values: Iterable[Value], between: str = "") -> str:
    return between.join(map(_value, values))


def _value(value: Value) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case FromNow():
            start, length = "today" if value.is_day else "now", f"{abs(value.amount)} {value.unit}"
            return f"{start} {'+' if value.amount > 0 else '-'} {length}" if value.amount else start
        case datetime():
            return value.isoformat(" ", "minutes")
    return str(value)
