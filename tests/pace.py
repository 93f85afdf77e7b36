"""How long a piece of work takes, on a machine that may be slow for a moment."""

import time
from collections.abc import Callable

_GOES = 3


def takes_less_than(seconds: float, work: Callable[[], object]) -> bool:
    """Returns whether one of three goes takes less CPU time than so many seconds."""
    return any(_cpu_seconds(work) < seconds for _ in range(_GOES))


def _cpu_seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
