"""Measure the account sync beside plain loops and print the ratios: `python -m benchmarks`; exit status 1 below a mark.

What is compared takes turns, because machines are noisy, and medians are taken.
"""

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from benchmarks.brand import Brand
from benchmarks.stage import Result, Stage, stage
from benchmarks.table import Line, print_table

#: Large enough that starting a run is not what is measured.
FOLLOWERS, ROUNDS = 300_000, 5
SMALL, LARGE = 100_000, 1_000_000
POSTGRESQL = "postgresql://postgres@127.0.0.1:5432"


def main() -> None:
    """Measure everything and print the table."""
    with stage() as scene:
        brand = scene.open_account("bench", FOLLOWERS)
        scene.run("read", brand)  # the simulator renders its pages once
        lines = [*_on_sqlite(scene, brand), *_on_postgresql(scene, brand), *_memory(scene)]
    print_table(lines)
    sys.exit(not all(line.is_met for line in lines))


def _on_sqlite(scene: Stage, brand: Brand) -> list[Line]:
    taken = _in_turns(scene, brand, ["requests_to_sqlite", "sync", "tweepy_to_sqlite"])
    first, second = taken["sync"]
    return [
        Line("users/s of a full sync, against plain requests", taken["requests_to_sqlite"][0] / first, least=0.6),
        Line("users/s of a full sync, against plain tweepy", taken["tweepy_to_sqlite"][0] / first, least=1.0),
        Line("speed of a second sync with nothing changed, against the first", first / second, least=1.3),
    ]


def _on_postgresql(scene: Stage, brand: Brand) -> list[Line]:
    try:
        psycopg.connect(f"{POSTGRESQL}/postgres", connect_timeout=3).close()
    except psycopg.OperationalError:
        _say(f"PostgreSQL is left out: none answers at {POSTGRESQL}.")
        return []
    taken = _in_turns(scene, brand, ["requests_to_postgresql", "sync_once"], on_postgresql=True)
    ratio = taken["requests_to_postgresql"][0] / taken["sync_once"][0]
    return [Line("users/s of a full sync on PostgreSQL, against requests and COPY", ratio, least=0.5)]


def _memory(scene: Stage) -> list[Line]:
    peaks = [scene.run("sync_once", scene.open_account(f"of_{size}", size)).peak for size in (SMALL, LARGE)]
    return [
        Line(f"peak memory at {LARGE:,} followers", peaks[1], most=200, unit="MB"),
        Line(f"the same, above that at {SMALL:,}", peaks[1] - peaks[0], most=20, unit="MB"),
    ]


def _in_turns(
    scene: Stage, brand: Brand, jobs: Sequence[str], *, on_postgresql: bool = False
) -> dict[str, list[float]]:
    """Do the jobs one after the other, several times; the median seconds of each part of each job."""
    seconds: dict[str, list[list[float]]] = defaultdict(list)
    for turn in range(ROUNDS):
        for job in jobs:
            with _database() if on_postgresql else _no_database() as url:
                result: Result = scene.run(job, brand, url)
            seconds[job].append(result.seconds)
            _say(f"round {turn + 1}, {job}: " + ", ".join(f"{part:.1f} s" for part in result.seconds))
    return {job: [statistics.median(part) for part in zip(*rounds, strict=True)] for job, rounds in seconds.items()}


@contextmanager
def _database() -> Iterator[str]:
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


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
