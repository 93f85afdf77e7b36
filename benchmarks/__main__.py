"""Measure beside plain loops and print the ratios: `python -m benchmarks [PART ...]`; exit status 1 below a mark.

What is compared takes turns, because machines are noisy, and medians are taken.
"""

import sys
from collections.abc import Callable, Sequence

from benchmarks import analysis, commands, desk, install, journeys, messages, redirects, services, start, sync, versions
from benchmarks.stage import Stage, stage
from benchmarks.table import Line, print_table

Part = Callable[[], list[Line]]


def on_stage(measure: Callable[[Stage], list[Line]]) -> Part:
    """Gives a part a home, a simulator and a Prefect server of its own."""

    def part() -> list[Line]:
        with stage() as scene:
            return measure(scene)

    return part


PARTS: dict[str, Part] = {
    "sync": on_stage(sync.measure),
    "messages": on_stage(messages.measure),
    "analysis": on_stage(analysis.measure),
    "desk": on_stage(desk.measure),
    "services": on_stage(services.measure),
    "redirects": on_stage(redirects.measure),
    "start": start.measure,
    "commands": commands.measure,
    "install": install.measure,
    "journeys": journeys.measure,
    "versions": versions.measure,
}


def main(names: Sequence[str]) -> None:
    """Measure these parts, all of them when none is named, and print the table."""
    if unknown := set(names) - set(PARTS):
        sys.exit(f"There is no part {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}.")
    lines = [line for name in names or PARTS for line in PARTS[name]()]
    print_table(lines)
    sys.exit(not all(line.is_met for line in lines))


if __name__ == "__main__":
    main(sys.argv[1:])
