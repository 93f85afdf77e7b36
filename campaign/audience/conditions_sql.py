"""A condition as SQL; texts are compared by their folded columns, which are the same on both databases."""

from collections.abc import Callable
from datetime import datetime
from operator import eq, ge, gt, le, lt
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, and_, false, func, literal, not_, or_
from sqlmodel import col

from campaign.audience.conditions import (
    BY_NAME,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Empty,
    FieldKind,
    Not,
    Operator,
    span,
)
from campaign.errors import WrongUsage
from campaign.formatting import fold
from models import Subscription, Visitor


def compared(column: ColumnElement[str | None], operator: Operator, text: str) -> ColumnElement[bool]:
    """Compares a folded text column with a text; null where the column is."""
    text = fold(text)
    if operator == Operator.EQUALS:
        return column == literal(text, Text())
    escaped = ("/",) if operator == Operator.LIKE else ("/", "%", "_")  # a condition has no escape character
    for sign in escaped:
        text = text.replace(sign, f"/{sign}")
    pattern = {Operator.CONTAINS: f"%{text}%", Operator.STARTS_WITH: f"{text}%"}.get(operator, text)
    return column.like(literal(pattern, Text()), escape="/")


#: The columns that texts are compared with; a handle has ASCII letters only.
_FOLDED: dict[str, Any] = {
    "external_id": col(Visitor.external_id),
    "username": func.lower(col(Visitor.username)),
    "full_name": col(Visitor.folded_name),
    "location": col(Visitor.folded_location),
}
_COLUMNS: dict[str, Any] = {
    "external_id": col(Visitor.external_id),
    "username": col(Visitor.username),
    "full_name": col(Visitor.full_name),
    "followers_count": col(Visitor.followers_count),
    "verified": col(Visitor.verified),
    "location": col(Visitor.location),
    "first_known": col(Visitor.created_at),
    "updated_at": col(Visitor.updated_at),
    "follows_since": col(Subscription.began_at),
}
_NUMBERS: dict[Operator, Callable[[Any, Any], ColumnElement[bool]]] = {
    Operator.EQUALS: eq,
    Operator.LESS: lt,
    Operator.AT_MOST: le,
    Operator.MORE: gt,
    Operator.AT_LEAST: ge,
}


def where(condition: Condition, now: datetime, *, consented: ColumnElement[bool] | None = None) -> ColumnElement[bool]:
    """Returns a condition over Visitor joined with Subscription: true or false for each visitor, never null.

    `consented` is whether a visitor's consent for the service runs; raises WrongUsage if the condition needs it and it
    is missing.
    """
    return _Translation(now, consented).of(condition)


class _Translation:
    def __init__(self, now: datetime, consented: ColumnElement[bool] | None) -> None:
        self._now = now
        self._consented = consented

    def of(self, condition: Condition) -> ColumnElement[bool]:
        """Returns the expression of a condition."""
        match condition:
            case AllOf():
                return and_(*map(self.of, condition.parts)).self_group()
            case AnyOf():
                return or_(*map(self.of, condition.parts)).self_group()
            case Not():
                return not_(self.of(condition.part).self_group())
            case Empty():
                return self._empty(condition.field)
            case Compare():
                return self._compared(self._column(condition.field), condition)

    def _compared(self, column: ColumnElement[Any], condition: Compare) -> ColumnElement[bool]:
        match BY_NAME[condition.field].kind:
            case FieldKind.TRUTH:
                return column.is_(condition.value)
            case FieldKind.TEXT:
                fulfilled = compared(_FOLDED[condition.field], condition.operator, str(condition.value))
            case FieldKind.NUMBER:
                fulfilled = _NUMBERS[condition.operator](column, literal(condition.value, BigInteger()))
            case FieldKind.MOMENT:
                fulfilled = self._in_time(column, condition)
        # An unknown value fulfils no comparison, and `not` of the comparison is fulfilled: so it is never null.
        return and_(column.is_not(None), fulfilled).self_group()

    def _in_time(self, column: ColumnElement[Any], condition: Compare) -> ColumnElement[bool]:
        """Compares with a whole day: at most a day is before its end, more than a day is after it."""
        first, beyond = span(condition.value, self._now)
        match condition.operator:
            case Operator.LESS:
                return column < first
            case Operator.AT_MOST:
                return column < beyond
            case Operator.MORE:
                return column >= beyond
            case Operator.AT_LEAST:
                return column >= first
        return and_(column >= first, column < beyond)

    def _empty(self, field: str) -> ColumnElement[bool]:
        column = self._column(field)
        if BY_NAME[field].kind != FieldKind.TEXT:
            return column.is_(None)
        return or_(column.is_(None), column == literal("", Text())).self_group()

    def _column(self, field: str) -> ColumnElement[Any]:
        if field != "consented":
            column: ColumnElement[Any] = _COLUMNS[field]
            return column
        if self._consented is None:
            raise WrongUsage("The condition asks for consented, which is not known here; leave it out.")
        return func.coalesce(self._consented, false())
