"""Running steps in this process, as a command does it: retried, side by side, and waiting until X allows calls again.

In a Prefect run the tasks of the same steps do this.
"""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from campaign.errors import CampaignError, is_passing

_P = ParamSpec("_P")
_T = TypeVar("_T")
_R = TypeVar("_R")

#: Services that work at the same time.
SIDE_BY_SIDE = 8
#: Seconds before each further try of a step, up to half as long again.
RETRY_AFTER = (1, 2, 4, 8)


def retried(step: Callable[_P, _R]) -> Callable[_P, _R]:
    """Lets a step that may be repeated run up to four more times while X is away, before its error is raised."""

    @wraps(step)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        for seconds in RETRY_AFTER:
            try:
                return step(*args, **kwargs)
            except CampaignError as error:
                if not is_passing(error):
                    raise
            time.sleep(seconds * random.uniform(1, 1.5))  # noqa: S311  spreads retries, protects nothing
        return step(*args, **kwargs)

    return run


def run_side_by_side(
    step: Callable[[_T], _R], items: Sequence[_T], stop: Callable[[], None] = lambda: None
) -> list[_R]:
    """Runs a step for several services at the same time; returns the results in their order.

    After an interruption no further one begins, and `stop` asks those under way to end.
    """
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        try:
            return list(pool.map(step, items))
        except BaseException:
            stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def wait_until(moment: datetime) -> None:
    """Sleeps in this process until a moment."""
    while (seconds := (moment - datetime.now(UTC)).total_seconds()) > 0:
        time.sleep(min(seconds, 60))
