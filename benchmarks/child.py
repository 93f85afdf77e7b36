"""One measurement in a process of its own: `python -m benchmarks.child JOB BRAND`; prints one JSON document."""

import json
import resource
import subprocess
import sys
from importlib import import_module

from benchmarks.brand import Brand

#: The module of each job, a function that does its work and returns figures, seconds for the most part. A process
#: imports only the module of its job, as its memory is measured.
JOBS = {
    "read": "syncing",
    "sync": "syncing",
    "sync_once": "syncing",
    "requests_to_sqlite": "syncing",
    "tweepy_to_sqlite": "syncing",
    "requests_to_postgresql": "syncing",
    "send": "sending",
    "tweepy_loop": "sending",
    "task_for_each": "sending",
    "crowd": "crowd",
    "analyse": "analysing",
    "browse": "browsing",
    "follow": "following",
}


def main(job: str, described: str) -> None:
    """Do one job with a fresh database."""
    brand = Brand(**json.loads(described))
    # In a process of its own, as an operator does it: a worker never loads what makes tables.
    subprocess.run([sys.executable, "-m", "campaign.cli", "db", "upgrade"], check=True, capture_output=True)
    seconds = getattr(import_module(f"benchmarks.{JOBS[job]}"), job)(brand)
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    print(json.dumps({"seconds": seconds, "peak": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
