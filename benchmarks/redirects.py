"""Short links over HTTP, at the real pages in a process of their own and among a hundred thousand links."""

from benchmarks.measuring import ON_POSTGRESQL, has_postgresql, in_turns
from benchmarks.stage import Stage
from benchmarks.table import Line

ROUNDS = 3
_MOST_MS = 5


def measure(scene: Stage) -> list[Line]:
    """Its lines of the table."""
    brand = scene.open_account("walker", 1)
    jobs = {"follow": "SQLite"} | ({f"follow{ON_POSTGRESQL}": "PostgreSQL"} if has_postgresql() else {})
    taken = in_turns(scene, brand, list(jobs), ROUNDS)
    lines = []
    for job, where in jobs.items():
        looked_up, remembered = (seconds * 1_000 for seconds in taken[job])
        lines += [
            Line(f"median redirect, ms, looked up in {where}", looked_up, most=_MOST_MS),
            Line(f"median redirect, ms, remembered ({where})", remembered, most=_MOST_MS),
        ]
    return lines
