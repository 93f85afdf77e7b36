"""Long lists as one JSON parameter: neither database accepts a hundred thousand parameters."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    JSON,
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
    text,
)
from sqlalchemy.types import TypeEngine
from sqlmodel import Session


def among(
    session: Session, column: SQLColumnExpression[Any], values: Sequence[Any], type_: TypeEngine[Any]
) -> ColumnElement[bool]:
    """Tests whether a column is one of the values."""
    if is_on_postgresql(session):
        return column == any_(bindparam(None, list(values), type_=ARRAY(type_), unique=True))
    listed = func.json_each(literal(orjson.dumps(list(values)).decode())).table_valued("value")
    return column.in_(select(listed.c.value))


def rows_of(names: Sequence[str], *, on_postgresql: bool) -> Subquery:
    """Builds a table from the parameter of `as_rows`; the first column is an integer, the others are texts."""
    parameter = bindparam("rows", type_=Text())
    if on_postgresql:
        from sqlalchemy.dialects.postgresql import JSONB

        each = func.jsonb_array_elements(cast(parameter, JSONB))
    else:
        each = func.json_each(parameter)
    row = each.table_valued("value", name="items").c.value
    first, *others = (row.op("->>")(literal_column(str(place))) for place, _ in enumerate(names))
    texts = (cast(other, Text).label(name) for other, name in zip(others, names[1:], strict=True))
    return select(cast(first, BigInteger).label(names[0]), *texts).subquery()


def as_rows(rows: Sequence[Sequence[Any]]) -> dict[str, str]:
    """Builds the parameter of a statement with `rows_of`."""
    return {"rows": orjson.dumps(rows).decode()}


def ids_given(*, on_postgresql: bool) -> Subquery:
    """Builds a table of one column, `id`, from the parameter of `as_ids`."""
    parameter = bindparam("ids", type_=Text())
    each = func.json_array_elements_text(cast(parameter, JSON)) if on_postgresql else func.json_each(parameter)
    return select(cast(each.table_valued("value", name="items").c.value, BigInteger).label("id")).subquery()


def as_ids(ids: Sequence[int]) -> dict[str, str]:
    """Builds the parameter of a statement with `ids_given`."""
    return {"ids": orjson.dumps(ids).decode()}


def json_of(column: Any, condition: ColumnElement[bool], *, on_postgresql: bool) -> ColumnElement[str]:
    """Collects the values for which a condition holds, as one JSON list."""
    collected = func.json_agg(column) if on_postgresql else func.json_group_array(column)
    return func.coalesce(cast(collected.filter(condition), Text), "[]")


def json_list(*columns: Any, on_postgresql: bool) -> ColumnElement[Any]:
    """Returns the columns of a row as a JSON list."""
    return func.json_build_array(*columns) if on_postgresql else func.json_array(*columns)


def is_on_postgresql(session: Session) -> bool:
    """Tests whether the database of a session is PostgreSQL."""
    return session.get_bind().dialect.name == "postgresql"


def expect_many(session: Session) -> None:
    """Prepares the database for statements that read very many rows once."""
    if is_on_postgresql(session):
        # With its default of 4 MB it does not hash a long list, but scans it for each of a million rows; and compiling
        # such a statement takes longer than it saves.
        session.execute(text("SET LOCAL work_mem = '128MB'"))
        session.execute(text("SET LOCAL jit = off"))
    else:
        # Each connection has its own cache: rows that are read once are not worth 20 MB of memory in every connection.
        session.execute(text("PRAGMA cache_size=-4000"))
