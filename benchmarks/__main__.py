"""Measure beside plain loops and print the ratios: `python -m benchmarks [PART ...]`; exit status 1 below a mark.

What is compared takes turns, because machines are noisy, and medians are taken.
"""

import sys
from collections.abc import Callable, Sequence

from benchmarks import analysis, messages, redirects, services, sync
from benchmarks.stage import Stage, stage
from benchmarks.table import Line, print_table

PARTS: dict[str, Callable[[Stage], list[Line]]] = {
    "sync": sync.measure,
    "messages": messages.measure,
    "analysis": analysis.measure,
    "services": services.measure,
    "redirects": redirects.measure,
}


def main(names: Sequence[str]) -> None:
    """Measure these parts, all of them when none is named, and print the table."""
    if unknown := set(names) - set(PARTS):
        sys.exit(f"There is no part {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}.")
    lines: list[Line] = []
    for name in names or PARTS:
        with stage() as scene:
            lines += PARTS[name](scene)
    print_table(lines)
    sys.exit(not all(line.is_met for line in lines))


if __name__ == "__main__":
    main(sys.argv[1:])
