"""Sending direct messages beside plain loops, on a simulator that lets everything through: the machine alone."""

from benchmarks.measuring import ON_POSTGRESQL, has_postgresql, in_turns
from benchmarks.sending import MESSAGES, MESSAGES_BY_TASK
from benchmarks.stage import Stage
from benchmarks.table import Line

ROUNDS = 3
_ON_PG = f"send{ON_POSTGRESQL}"


def measure(scene: Stage) -> list[Line]:
    """Its lines of the table."""
    brand = scene.open_account("writer", MESSAGES)
    jobs = ["send", "tweepy_loop", *([_ON_PG] if has_postgresql() else []), "task_for_each"]
    taken = in_turns(scene, brand, jobs, ROUNDS)
    loop, loop_cpu = taken["tweepy_loop"]
    by_task = taken["task_for_each"][0] / MESSAGES_BY_TASK * MESSAGES
    lines = []
    for job, where in (("send", "SQLite"), (_ON_PG, "PostgreSQL")):
        if job in taken:
            seconds, cpu = taken[job]
            more = (cpu - loop_cpu) / MESSAGES * 1e6
            lines += [
                Line(f"messages/s, each recorded durably in {where}, against plain tweepy", loop / seconds, least=1.1),
                Line(f"the same, against a Prefect task for each ({where})", by_task / seconds, least=4),
                Line(f"CPU of a message beyond that of plain tweepy ({where})", more, most=400, unit="µs"),
            ]
    return lines
