"""Figures that a picture is drawn of."""

from dataclasses import dataclass
from enum import Enum


class Measure(Enum):
    """How the figures of a chart are written."""

    COUNT = "{:,.0f}"
    RATE = "{:.2%}"


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of figures: each series by its name has one figure for each label, None where there is none."""

    title: str
    labels: tuple[str, ...]
    series: tuple[tuple[str, tuple[float | None, ...]], ...]
    measure: Measure = Measure.COUNT
    is_line: bool = False

    @property
    def alt_text(self) -> str:
        """What the picture shows, for those who do not see it: its title, from where to where, and the peak."""
        figures = [figure for _, series in self.series for figure in series if figure is not None]
        if not figures:
            return f"{self.title}: nothing yet"
        across = f"{self.labels[0]} to {self.labels[-1]}" if len(self.labels) > 1 else self.labels[0]
        return f"{self.title}, {across}, at most {self.measure.value.format(max(figures))}"
