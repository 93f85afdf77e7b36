"""Eighty people, and what conditions mean in plain Python: the reading that both databases must agree with."""

# ruff: noqa: RUF001  letters that look alike are what is compared

import re
from datetime import UTC, datetime, timedelta
from operator import eq, ge, gt, le, lt
from random import Random
from typing import Any

from campaign.audience.conditions import (
    BY_NAME,
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
    WrongCondition,
)
from campaign.formatting import fold
from campaign.x.text import is_blank
from tests.factories import NOW

Person = dict[str, Any]

TEXTS = [None, "", "be_gent", "BE_Ghent", "Gent, België", "GENT", "élan", "ÉLAN VITAL", "Straße", "ΑΒΓ δ", "Жук", "ñ"]
TEXTS += [
    "ÜNÏ",
    "u\u0308ni\u0308",
    "STRASSE",
    "İstanbul",
    "ISTANBUL",
    "ıstanbul",
    "Ｇｅｎｔ",
    "Σίσυφος",
    "ﬁn",
    "Ge\u200bnt",
]
TEXTS += [
    "100%",
    "a_b%c",
    "a/b",
    "a\\b",
    "it's",
    'say "it"',
    "a\nb",
    "🦊",
    "\u3164\u200b",
    "x'; drop table visitor; --",
]
COUNTS = [None, 0, 49, 50, 51, 2**40, -1]
TIMES = [NOW + timedelta(days=days, seconds=seconds) for days in (-400, -30, -1, 0, 1) for seconds in (-1, 0, 1)]
TIMES += [datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, 23, 59, 59, 999_999, tzinfo=UTC)]
TIMES += [datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC)]
POOLS: dict[FieldKind, list[Any]] = {
    FieldKind.TEXT: TEXTS,
    FieldKind.NUMBER: COUNTS,
    FieldKind.TRUTH: [True, False, None],
    FieldKind.MOMENT: TIMES,
}


def population() -> list[Person]:
    random = Random(7)
    everybody = []
    for number in range(80):
        person = {name: random.choice(POOLS[field.kind]) for name, field in BY_NAME.items()}
        username = random.choice([text for text in TEXTS if text is None or text.isascii()])
        person |= {"external_id": str(number), "username": username, "consented": random.choice([True, False])}
        everybody.append(person)
    return everybody


PEOPLE = population()


def fulfils(person: Person, condition: Condition) -> bool:
    match condition:
        case AllOf():
            return all(fulfils(person, part) for part in condition.parts)
        case AnyOf():
            return any(fulfils(person, part) for part in condition.parts)
        case Not():
            return not fulfils(person, condition.part)
        case Empty():
            known = person[condition.field]
            return is_blank(known) if isinstance(known, str) else known is None
        case Compare():
            known = person[condition.field]
            return known is not None and compared(known, condition.operator, condition.value)


def compared(known: Any, operator: Operator, value: Value) -> bool:
    if isinstance(value, str):
        return compared_text(fold(known), operator, fold(value))
    if isinstance(known, datetime):
        return compared_time(known, operator, value)
    return bool(ORDER[operator](known, value))


ORDER: dict[Operator, Any] = {
    Operator.EQUALS: eq,
    Operator.LESS: lt,
    Operator.AT_MOST: le,
    Operator.MORE: gt,
    Operator.AT_LEAST: ge,
}
WILD = {"%": ".*", "_": "."}


def compared_text(known: str, operator: Operator, text: str) -> bool:
    match operator:
        case Operator.CONTAINS:
            return text in known
        case Operator.STARTS_WITH:
            return known.startswith(text)
        case Operator.LIKE:
            pattern = "".join(WILD.get(letter, re.escape(letter)) for letter in text)
            return re.fullmatch(pattern, known, re.DOTALL) is not None
    return known == text


def compared_time(known: datetime, operator: Operator, value: Value) -> bool:
    if isinstance(value, FromNow):
        moment = NOW + timedelta(**{value.unit: value.amount})
        value = moment.date() if value.is_day else moment
    if isinstance(value, datetime):
        return bool(ORDER[operator](known, value))
    return bool(ORDER[operator](known.date(), value))


def assert_is_a_sentence(error: WrongCondition) -> None:
    assert str(error).endswith(".")
    assert "\n" not in str(error)
    assert len(str(error)) < 500
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
