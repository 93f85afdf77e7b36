"""The two ledgers: what X still allows (budget) and what it has charged."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from models.base import Id, Moment, UsDollars, stored_as_text


class WindowName(StrEnum):
    """The limit windows X counts in; each has its own family of headers."""

    QUARTER_HOUR = "15_minutes"
    USER_DAY = "user_24_hours"
    APP_DAY = "app_24_hours"


class Budget(SQLModel, table=True):
    """What X last said of one limit window of one endpoint for one service."""

    service_id: int = Field(primary_key=True, foreign_key="service.id", sa_type=Id)
    endpoint: str = Field(primary_key=True)
    window: WindowName = Field(primary_key=True, sa_type=stored_as_text(WindowName))
    limit: int
    remaining: int
    reset_at: datetime = Field(sa_type=Moment)


class Charge(SQLModel, table=True):
    """What one call costs: written before the call with the most it can cost, settled by what X answered."""

    __table_args__ = (
        Index("ix_charge_service_id_at", "service_id", "at"),
        # The few that are looked for before and after each call, among all that there ever were.
        Index(
            "ix_charge_unsettled",
            "service_id",
            "endpoint",
            postgresql_where=text("settled is false"),
            sqlite_where=text("settled is 0"),
        ),
    )

    id: int = Field(default=None, primary_key=True, sa_type=Id)
    service_id: int = Field(foreign_key="service.id", sa_type=Id)
    at: datetime = Field(sa_type=Moment)
    endpoint: str
    """The endpoint that answered; until it has, what the money is set aside for."""
    item: str
    resources: int
    unit_price: Decimal = Field(sa_type=UsDollars)
    amount: Decimal = Field(sa_type=UsDollars)
    settled: bool = False
    """False while nobody knows what X answered; counts in full."""
