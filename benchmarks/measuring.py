"""What every part does: jobs that take turns, and a PostgreSQL database for one of them."""

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from benchmarks.brand import Brand
from benchmarks.stage import Stage

POSTGRESQL = "postgresql://postgres@127.0.0.1:5432"
ON_POSTGRESQL = " on PostgreSQL"
"""How a job ends that gets a new PostgreSQL database; the others get a new SQLite file."""


def in_turns(scene: Stage, brand: Brand, jobs: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """Do the jobs one after the other, several times; the median figure of each part of each job."""
    figures: dict[str, list[list[float]]] = defaultdict(list)
    for turn in range(rounds):
        for job in jobs:
            with database() if job.endswith(ON_POSTGRESQL) else _no_database() as url:
                result = scene.run(job.removesuffix(ON_POSTGRESQL), brand, url)
            figures[job].append(result.seconds)
            say(f"round {turn + 1}, {job}: " + ", ".join(f"{part:.2f} s" for part in result.seconds))
    return {job: [statistics.median(part) for part in zip(*parts, strict=True)] for job, parts in figures.items()}


def has_postgresql() -> bool:
    """Whether there is a server to make databases on."""
    try:
        psycopg.connect(f"{POSTGRESQL}/postgres", connect_timeout=3).close()
    except psycopg.OperationalError:
        say(f"PostgreSQL is left out: none answers at {POSTGRESQL}.")
        return False
    return True


@contextmanager
def database() -> Iterator[str]:
    """A PostgreSQL database of our own, dropped at the end."""
    name = f"campaign_bench_{time.time_ns()}"
    with psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{POSTGRESQL}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _no_database() -> Iterator[str]:
    """The home's own kind: a new SQLite file."""
    yield ""


def say(text: str) -> None:
    """Tell how far the measuring is, beside the table."""
    print(text, file=sys.stderr, flush=True)
