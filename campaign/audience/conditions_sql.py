"""A condition as SQL; texts are compared without regard to case by the same letters on both databases."""

from collections.abc import Callable
from datetime import datetime
from operator import eq, ge, gt, le, lt
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, and_, false, func, literal, not_, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
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
from models import Subscription, Visitor

_ESCAPE = "/"


class lowered(GenericFunction[str]):  # noqa: N801  named like the function of SQL that it is
    """A text in small letters of every alphabet."""

    type = Text()
    inherit_cache = True


@compiles(lowered)
def _lowered(element: lowered, compiler: SQLCompiler, **options: Any) -> str:
    return f"lowered({compiler.process(element.clauses, **options)})"


@compiles(lowered, "postgresql")
def _lowered_postgresql(element: lowered, compiler: SQLCompiler, **options: Any) -> str:
    # Without the collation it would be the database's, and that of a database made with LC_CTYPE=C knows A to Z only.
    return f'lower({compiler.process(element.clauses, **options)} COLLATE "und-x-icu")'


def compared(column: ColumnElement[str | None], operator: Operator, text: str) -> ColumnElement[bool]:
    """A text compared with another; null where it is not known."""
    if operator == Operator.EQUALS:
        return lowered(column) == lowered(literal(text, Text()))
    return lowered(column).like(lowered(literal(_pattern(operator, text), Text())), escape=_ESCAPE)


def _pattern(operator: Operator, text: str) -> str:
    if operator == Operator.LIKE:
        return text.replace(_ESCAPE, _ESCAPE * 2)  # there is no escape in a condition
    for sign in (_ESCAPE, "%", "_"):
        text = text.replace(sign, _ESCAPE + sign)
    return f"%{text}%" if operator == Operator.CONTAINS else f"{text}%"


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
    """The condition over Visitor joined with Subscription: true or false for each visitor, never null.

    `consented` says of a visitor whether their consent for the service runs; raises WrongUsage when the condition asks
    for it and nobody can say.
    """
    return _Translation(now, consented).of(condition)


class _Translation:
    def __init__(self, now: datetime, consented: ColumnElement[bool] | None) -> None:
        self._now = now
        self._consented = consented

    def of(self, condition: Condition) -> ColumnElement[bool]:
        """The expression of a condition."""
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
                fulfilled = compared(column, condition.operator, str(condition.value))
            case FieldKind.NUMBER:
                fulfilled = _NUMBERS[condition.operator](column, literal(condition.value, BigInteger()))
            case FieldKind.MOMENT:
                fulfilled = self._in_time(column, condition)
        # What is not known fulfils no comparison: never null, so that a `not` around it is fulfilled.
        return and_(column.is_not(None), fulfilled).self_group()

    def _in_time(self, column: ColumnElement[Any], condition: Compare) -> ColumnElement[bool]:
        """A day is compared as a whole: at most a day is before its end, more is after it."""
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
