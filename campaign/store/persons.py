"""What is known of a person, for texts that say it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, String, cast, func, or_, select
from sqlmodel import Session, col

from models import Visitor

PERSON: tuple[SQLColumnExpression[Any], ...] = (
    col(Visitor.full_name),
    col(Visitor.username),
    col(Visitor.external_id),
    col(Visitor.followers_count),
    col(Visitor.verified),
    col(Visitor.location),
    col(Visitor.id),
)


def is_missing(field: str) -> ColumnElement[bool]:
    """Whether X did not say it, or it is blank; `verified` is missing where it is not so."""
    column: Any = getattr(Visitor, field)
    if field == "verified":
        return or_(column.is_(None), column.is_(False))
    return func.trim(func.coalesce(cast(column, String), "")) == ""


def person_of(session: Session, visitor_id: int) -> Sequence[Any]:
    """What is known of one visitor, for `values_of`."""
    person: Sequence[Any] = session.execute(select(*PERSON).where(col(Visitor.id) == visitor_id)).one()
    return person


def values_of(person: Sequence[Any]) -> dict[str, str | None]:
    """What a text may say of a person; `verified` is missing where it is not so."""
    full_name, username, external_id, followers_count, verified, location, visitor_id = person
    return {
        "full_name": full_name,
        "username": username,
        "external_id": external_id,
        "followers_count": None if followers_count is None else str(followers_count),
        "verified": "yes" if verified else None,
        "location": location,
        "visitor_id": str(visitor_id),
    }


def example_of(person: Sequence[Any]) -> dict[str, str | None]:
    """The same for a text that others see, as a sample or a proof: a link in it is nobody's."""
    return values_of(person) | {"visitor_id": None}
