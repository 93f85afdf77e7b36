"""The analysis of a broadcast to very many followers: how long it takes and what memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.analysing import PEOPLE
from benchmarks.measuring import database, has_postgresql, say
from benchmarks.stage import Stage
from benchmarks.table import Line


def measure(scene: Stage) -> list[Line]:
    """Its lines of the table."""
    lines = _on(scene, "SQLite")
    return [*lines, *_on(scene, "PostgreSQL")] if has_postgresql() else lines


def _on(scene: Stage, where: str) -> list[Line]:
    """Each database on its own: a run on the tables that another process filled."""
    brand = scene.open_account(f"of_{where.lower()}", 0)
    with database() if where == "PostgreSQL" else file(scene) as url:
        scene.run("crowd", brand, url)
        result = scene.run("analyse", brand, url)
    seconds, cpu = result.seconds
    say(f"analysis on {where}: {seconds:.1f} s, {cpu:.1f} s of them CPU of the process, {result.peak:.0f} MB")
    return [
        Line(f"analysis of a broadcast to {PEOPLE:,} followers on {where}", seconds, most=15, unit="s"),
        Line("its peak memory", result.peak, most=200, unit="MB"),
    ]


@contextmanager
def file(scene: Stage) -> Iterator[str]:
    """A new SQLite file."""
    with TemporaryDirectory(dir=scene.settings.home) as folder:
        yield f"sqlite:///{Path(folder, 'campaign.db')}"
