"""Measure beside plain loops and print the ratios: `python -m benchmarks [PART ...]`; exit status 1 below a mark.

What is compared takes turns, because machines are noisy, and medians are taken.
"""

import sys
from collections.abc import Callable, Sequence

from benchmarks import analysis, commands, messages, redirects, services, sync
from benchmarks.stage import Stage, stage
from benchmarks.table import Line, print_table

PARTS: dict[str, Callable[[Stage], list[Line]]] = {
    "sync": sync.measure,
    "messages": messages.measure,
    "analysis": analysis.measure,
    "services": services.measure,
    "redirects": redirects.measure,
}
#: These start what they need themselves.
ALONE: dict[str, Callable[[], list[Line]]] = {"commands": commands.measure}


def main(names: Sequence[str]) -> None:
    """Measure these parts, all of them when none is named, and print the table."""
    known = [*PARTS, *ALONE]
    if unknown := set(names) - set(known):
        sys.exit(f"There is no part {', '.join(sorted(unknown))}; there are: {', '.join(known)}.")
    lines: list[Line] = []
    for name in names or known:
        if name in ALONE:
            lines += ALONE[name]()
            continue
        with stage() as scene:
            lines += PARTS[name](scene)
    print_table(lines)
    sys.exit(not all(line.is_met for line in lines))


if __name__ == "__main__":
    main(sys.argv[1:])
