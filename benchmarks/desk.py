"""The desk on very many followers: list, search, condition and count, on both databases."""

from benchmarks.analysing import PEOPLE
from benchmarks.analysis import file
from benchmarks.measuring import database, has_postgresql, say
from benchmarks.stage import Stage
from benchmarks.table import Line

_NAMES = (
    "the list of followers",
    "sorted by their followers",
    "a search",
    "a condition that a sixth fulfils",
    "a condition that no follower fulfils, until it asks to look further",
    "a count, exact or first of about how many fulfil it",
)


def measure(scene: Stage) -> list[Line]:
    """Its lines of the table."""
    lines = _on(scene, "SQLite")
    return [*lines, *_on(scene, "PostgreSQL")] if has_postgresql() else lines


def _on(scene: Stage, where: str) -> list[Line]:
    brand = scene.open_account(f"desk_{where.lower()}", 0)
    with database() if where == "PostgreSQL" else file(scene) as url:
        scene.run("crowd", brand, url)
        result = scene.run("browse", brand, url)
    *pages, off, count, cpu, memory = result.seconds
    shown = ", ".join(f"{one:.0f} ms" for one in pages)
    say(f"the desk on {where}: {shown}; the exact count {count:.0f} ms, {cpu:.0f} ms CPU")
    names = (f"{_NAMES[0]}, {PEOPLE:,} of them on {where}", *_NAMES[1:])
    lines = [Line(name, page, most=300, unit="ms") for name, page in zip(names, pages, strict=True)]
    if where == "PostgreSQL":  # SQLite works in our own process
        lines.append(Line("CPU of our own for a page", cpu, most=100, unit="ms"))
    lines.append(Line("how far that is from the exact number", 100 * off, most=5, unit="%"))
    lines.append(Line("the exact number of that count", count, most=300, unit="ms"))
    return [*lines, Line("memory beyond that of the first page", memory, most=20, unit="MB")]
