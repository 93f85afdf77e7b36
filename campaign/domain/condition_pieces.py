"""What the text of a condition is made of."""

from dataclasses import dataclass
from enum import StrEnum

from campaign.domain.condition_operators import Phrase
from campaign.domain.condition_tree import Value, WrongCondition


class Kind(StrEnum):
    """What a piece is, in the words of an error message."""

    FIELD = "a field"
    COMPARISON = "an operator"
    LIST = "an operator of several values"
    BETWEEN = "between"
    EMPTY = "an operator without a value"
    VALUE = "a value"
    AND = "and"
    OR = "or"
    NOT = "not"
    OPEN = "an opening bracket"
    CLOSE = "a closing bracket"
    COMMA = "a comma"
    UNKNOWN = "nothing known"


@dataclass(frozen=True, slots=True)
class Piece:
    """One field, operator, value, word or bracket, as written from character `start` to before `end`."""

    kind: Kind
    text: str
    start: int
    end: int
    value: Value | None = None
    phrase: Phrase | None = None

    @property
    def place(self) -> str:
        """The piece and where it is, as an error message shows it."""
        shown = self.text if len(self.text) <= 40 else self.text[:39] + "…"  # noqa: PLR2004
        return f"{shown!r} (at character {self.start + 1})"

    def wrong(self, sentence: str) -> WrongCondition:
        """The error about this piece: `sentence` goes on after the piece and its place."""
        return WrongCondition(f"{self.place} {sentence}.", self.start + 1)
