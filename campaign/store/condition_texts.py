"""Texts compared without regard to case, by the same letters on SQLite and PostgreSQL: é is É, я is Я."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Text, event, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from campaign.domain.condition_operators import Operator

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


@event.listens_for(Engine, "engine_connect")
def _teach(connection: Connection) -> None:
    """Give SQLite the function: its own `lower` knows A to Z only."""
    driver = connection.connection.dbapi_connection
    if connection.dialect.driver == "pysqlite" and driver is not None:
        driver.create_function("lowered", 1, _in_small_letters, deterministic=True)


def _in_small_letters(text: object) -> str | None:
    return None if text is None else str(text).lower()


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
