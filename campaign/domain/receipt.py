"""What an answered call used up: money and budget, for the two ledgers."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Generic, TypeVar

from campaign.domain.budget import Window

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Price:
    """What X asks for one resource, in US dollars, and where and when that was written."""

    item: str
    usd: Decimal
    source: str
    as_of: date


@dataclass(frozen=True, slots=True)
class Receipt:
    """One answered call: `resources` units at `price`, and the limit windows as X left them."""

    endpoint: str
    price: Price
    resources: int
    windows: tuple[Window, ...] = ()

    @property
    def usd(self) -> Decimal:
        """What the call cost in US dollars."""
        return self.price.usd * self.resources


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What X answered, and the receipts of the calls it took."""

    value: T
    receipts: tuple[Receipt, ...]
