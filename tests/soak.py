"""Schedules of faults and crashes against posts and messages, by the hundred thousand: `python -m tests.soak`."""

import sys
from collections.abc import Callable

from tests.message_schedules import run_message_schedule
from tests.schedules import a_database, run_schedule

_KINDS: dict[str, Callable[[int], None]] = {"posts": run_schedule, "messages": run_message_schedule}
_IN_ONE_DATABASE = 1_000


def main(first: int, how_many: int) -> None:
    """Runs the schedules of so many seeds; the first that fails is printed and can be run again alone.

    Both kinds take turns, so that whenever it is stopped the last line holds for both.
    """
    for start in range(first, first + how_many, _IN_ONE_DATABASE):
        end = min(start + _IN_ONE_DATABASE, first + how_many)
        for run in _KINDS.values():
            with a_database():
                for seed in range(start, end):
                    run(seed)
        print(f"{' and '.join(_KINDS)}: {end - first:,} of {how_many:,} schedules each", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
