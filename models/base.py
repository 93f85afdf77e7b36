"""Column types that mean the same on SQLite and PostgreSQL, and the metadata that migrations compare with."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pendulum
from sqlalchemy import BigInteger, DateTime, Dialect, Enum, Integer
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel as SQLModel_base

SQLModel_base.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

#: SQLite counts rows up only for a column that is exactly INTEGER; PostgreSQL needs the larger one.
Id = BigInteger().with_variant(Integer(), "sqlite")


class Moment(TypeDecorator[datetime]):
    """A point in time: only aware datetimes go in, UTC is stored, pendulum in UTC comes out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuses datetimes without a time zone; stores UTC."""
        if value is not None and value.tzinfo is None:
            msg = f"{value} has no time zone"
            raise ValueError(msg)
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Restores the time zone, which SQLite does not store."""
        if value is None:
            return None
        # Piece by piece, because `pendulum.instance` takes ten times as long, and every row has moments.
        utc = value.astimezone(UTC) if value.tzinfo else value
        return pendulum.DateTime(
            utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=pendulum.UTC
        )


class UsDollars(TypeDecorator[Decimal]):
    """US dollars, stored as whole micro-dollars: sums in SQL are exact on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Stores 1.25 as 1250000."""
        return None if value is None else int((Decimal(value) * 1_000_000).to_integral_value())

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Reads 1250000 as 1.25."""
        return None if value is None else Decimal(value) / 1_000_000


def stored_as_text(enum: type[StrEnum]) -> Enum:
    """Returns a column type that stores the member's value ("running"), not its name, and refuses other values."""
    return Enum(
        enum,
        native_enum=False,
        create_constraint=False,
        validate_strings=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )
