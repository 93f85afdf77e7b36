"""Schedules of faults and crashes against posts and messages, by the hundred thousand: `python -m tests.soak`."""

import sys
from collections.abc import Callable

from tests.message_schedules import run_message_schedule
from tests.schedules import a_database, run_schedule

_KINDS: dict[str, Callable[[int], None]] = {"posts": run_schedule, "messages": run_message_schedule}
_IN_ONE_DATABASE = 2_000


def main(first: int, how_many: int) -> None:
    """Run the schedules of so many seeds; the first that fails is printed and can be run again alone."""
    for kind, run in _KINDS.items():
        for start in range(first, first + how_many, _IN_ONE_DATABASE):
            end = min(start + _IN_ONE_DATABASE, first + how_many)
            with a_database():
                for seed in range(start, end):
                    run(seed)
            print(f"{kind}: {end - first:,} of {how_many:,} schedules", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
