"""One measurement in a process of its own: `python -m benchmarks.child JOB BRAND`; prints one JSON document."""

import json
import resource
import sys
from collections.abc import Callable

from benchmarks import analysing, browsing, following, sending, syncing
from benchmarks.brand import Brand
from campaign.db import engine

Job = Callable[[Brand], list[float]]
"""Does its work and returns the figures of its parts, seconds for the most part."""


def crowd(brand: Brand) -> list[float]:
    """Fill the tables for an analysis."""
    from benchmarks import crowd

    return crowd.crowd(brand)


JOBS: dict[str, Job] = {
    job.__name__: job
    for job in (
        syncing.read,
        syncing.sync,
        syncing.sync_once,
        syncing.requests_to_sqlite,
        syncing.tweepy_to_sqlite,
        syncing.requests_to_postgresql,
        sending.send,
        sending.tweepy_loop,
        sending.task_for_each,
        crowd,
        analysing.analyse,
        browsing.browse,
        following.follow,
    )
}


def main(job: str, described: str) -> None:
    """Do one job with a fresh database."""
    brand = Brand(**json.loads(described))
    engine.upgrade()
    seconds = JOBS[job](brand)
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    print(json.dumps({"seconds": seconds, "peak": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
