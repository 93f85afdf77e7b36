"""What is asked for beside what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A figure and its mark: `least` or `most`, and the unit of both."""

    what: str
    measured: float
    least: float | None = None
    most: float | None = None
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the figure reaches its mark."""
        return (self.least is None or self.measured >= self.least) and (self.most is None or self.measured <= self.most)

    def cells(self) -> tuple[str, str, str, str]:
        """The line as text."""
        mark = f"at least {self._shown(self.least)}" if self.least is not None else f"at most {self._shown(self.most)}"
        return self.what, self._shown(self.measured), mark, "yes" if self.is_met else "NO"

    def _shown(self, figure: float | None) -> str:
        return f"{figure:.0f} {self.unit}" if self.unit else f"{figure:.2f}"


def print_table(lines: Sequence[Line]) -> None:
    """Print the lines as a table for a terminal that is one in Markdown as well."""
    rows = [("what", "measured", "asked for", "ok"), *(line.cells() for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))  # type: ignore[arg-type]
    for row in rows:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
