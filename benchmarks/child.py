"""One measurement in a process of its own: `python -m benchmarks.child JOB BRAND`; prints one JSON document."""

import json
import resource
import sys
from collections.abc import Callable
from decimal import Decimal

from benchmarks import sending, syncing
from benchmarks.brand import Brand
from campaign.store import schema

Job = Callable[[Brand], list[float]]
"""Does its work and returns the figures of its parts, seconds for the most part."""


def connect(brand: Brand) -> list[float]:
    """Save the form of the service, as a person does in the Prefect UI."""
    from tasks.twitter_service import TwitterService, block_name  # noqa: PLC0415

    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    keys = dict(zip(names, brand.keys, strict=True))
    form = {"label": brand.username, "internal_name": brand.username, "spend_cap": Decimal(1_000_000), **keys}
    TwitterService(**form).save(block_name(brand.username))
    return []


JOBS: dict[str, Job] = {
    job.__name__: job
    for job in (
        connect,
        syncing.read,
        syncing.sync,
        syncing.sync_once,
        syncing.requests_to_sqlite,
        syncing.tweepy_to_sqlite,
        syncing.requests_to_postgresql,
        sending.send,
        sending.tweepy_loop,
        sending.task_for_each,
    )
}


def main(job: str, described: str) -> None:
    """Do one job with a fresh database."""
    brand = Brand(**json.loads(described))
    schema.upgrade()
    seconds = JOBS[job](brand)
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    print(json.dumps({"seconds": seconds, "peak": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
