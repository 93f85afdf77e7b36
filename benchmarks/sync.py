"""The account sync beside plain loops: `python -m benchmarks sync`."""

from benchmarks.brand import Brand
from benchmarks.measuring import ON_POSTGRESQL, has_postgresql, in_turns
from benchmarks.stage import Stage
from benchmarks.table import Line

#: Large enough that starting a run is not what is measured.
FOLLOWERS, ROUNDS = 300_000, 3
SMALL, LARGE = 100_000, 1_000_000


def measure(scene: Stage) -> list[Line]:
    """Its lines of the table."""
    brand = scene.open_account("bench", FOLLOWERS)
    scene.run("read", brand)  # the simulator renders its pages once
    return [*_on_sqlite(scene, brand), *_on_postgresql(scene, brand), *_memory(scene)]


def _on_sqlite(scene: Stage, brand: Brand) -> list[Line]:
    taken = in_turns(scene, brand, ["requests_to_sqlite", "sync", "tweepy_to_sqlite"], ROUNDS)
    first, second = taken["sync"]
    return [
        Line("users/s of a full sync, against plain requests", taken["requests_to_sqlite"][0] / first, least=0.6),
        Line("users/s of a full sync, against plain tweepy", taken["tweepy_to_sqlite"][0] / first, least=1.0),
        Line("speed of a second sync with nothing changed, against the first", first / second, least=1.3),
    ]


def _on_postgresql(scene: Stage, brand: Brand) -> list[Line]:
    if not has_postgresql():
        return []
    jobs = [f"{job}{ON_POSTGRESQL}" for job in ("requests_to_postgresql", "sync_once")]
    plain, ours = in_turns(scene, brand, jobs, ROUNDS).values()
    return [Line("users/s of a full sync on PostgreSQL, against requests and COPY", plain[0] / ours[0], least=0.5)]


def _memory(scene: Stage) -> list[Line]:
    peaks = [scene.run("sync_once", scene.open_account(f"of_{size}", size)).peak for size in (SMALL, LARGE)]
    return [
        Line(f"peak memory at {LARGE:,} followers", peaks[1], most=200, unit="MB"),
        Line(f"the same, above that at {SMALL:,}", peaks[1] - peaks[0], most=20, unit="MB"),
    ]
