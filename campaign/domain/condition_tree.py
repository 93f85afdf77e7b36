"""What a condition is once it was read, and the error when a text is none.

Every part is either fulfilled or not: a comparison with a value that is not known is not fulfilled, and `Not` is
fulfilled exactly when its part is not.
"""

from dataclasses import dataclass
from datetime import date, datetime

from campaign.domain.condition_operators import Operator
from campaign.errors import WrongUsage


class WrongCondition(WrongUsage):
    """The text is no condition; `position` is the character, counted from 1, at which it goes wrong."""

    def __init__(self, sentence: str, position: int | None = None) -> None:
        super().__init__(sentence)
        self.position = position


@dataclass(frozen=True, slots=True)
class FromNow:
    """So long before (less than 0) or after now; or, of whole days, before or after today."""

    amount: int = 0
    unit: str = "days"
    is_day: bool = False


Value = str | int | bool | date | datetime | FromNow
"""A `date` stands for its whole day in UTC, a `datetime` has a time zone."""


@dataclass(frozen=True, slots=True)
class Compare:
    """A field compared with a value of its kind; never with the operators of several values or of none."""

    field: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Empty:
    """A field that is not known, or a text without a character."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of these, two at least."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of these at least, of two at least."""

    parts: tuple["Condition", ...]


Condition = Compare | Empty | Not | AllOf | AnyOf
