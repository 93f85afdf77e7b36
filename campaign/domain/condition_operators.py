"""How a condition may compare: the one table of operators, their words, and the fields that they fit."""

from dataclasses import dataclass
from enum import StrEnum

from campaign.domain.condition_fields import Field, FieldKind


class Operator(StrEnum):
    """What is asked of a field; whatever is asked with a "not" is the exact opposite of one of these."""

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


def phrases_for(field: Field) -> list[str]:
    """The operators that fit a field, each in its first spelling."""
    meanings = {(one.operator, one.is_negated): one.words for one in reversed(PHRASES)}
    return [words for (operator, _), words in reversed(meanings.items()) if operator in FITTING[field.kind]]
