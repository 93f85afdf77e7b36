"""Long lists as one parameter: neither database takes a hundred thousand of them."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    SQLColumnExpression,
    Subquery,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine
from sqlmodel import Session


def among(
    session: Session, column: SQLColumnExpression[Any], values: Sequence[Any], type_: TypeEngine[Any]
) -> ColumnElement[bool]:
    """Whether a column is one of the values."""
    if is_on_postgresql(session):
        return column == any_(bindparam(None, list(values), type_=ARRAY(type_), unique=True))
    listed = func.json_each(literal(orjson.dumps(list(values)).decode())).table_valued("value")
    return column.in_(select(listed.c.value))


def rows_of(names: Sequence[str], *, on_postgresql: bool) -> Subquery:
    """Rows to be written, as a table of what `as_rows` made; the first column is a number, the others are texts."""
    given = bindparam("rows", type_=Text())
    each = func.jsonb_array_elements(cast(given, JSONB)) if on_postgresql else func.json_each(given)
    row = each.table_valued("value", name="given").c.value
    first, *others = (row.op("->>")(literal_column(str(place))) for place, _ in enumerate(names))
    texts = (cast(other, Text).label(name) for other, name in zip(others, names[1:], strict=True))
    return select(cast(first, BigInteger).label(names[0]), *texts).subquery()


def as_rows(rows: Sequence[Sequence[Any]]) -> dict[str, str]:
    """The parameter of a statement with `rows_of`."""
    return {"rows": orjson.dumps(rows).decode()}


def is_on_postgresql(session: Session) -> bool:
    """Whether a session is one on PostgreSQL."""
    return session.get_bind().dialect.name == "postgresql"
