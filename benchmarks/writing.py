"""The visitor rows as one writes them without this project: `executemany`, and COPY with an upsert from it."""

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime

import psycopg

from benchmarks.pages import Row
from models import ORIGIN

FOLDER = "Visitors"
_COLUMNS = "external_id, username, full_name, followers_count, verified"
_ALL = f"INSERT INTO visitor ({_COLUMNS}, origin, folder, created_at, updated_at) "
_UPSERT = """ON CONFLICT (origin, external_id) DO UPDATE SET username = excluded.username,
    full_name = excluded.full_name, followers_count = excluded.followers_count, verified = excluded.verified,
    updated_at = excluded.updated_at"""
# The same kind of database, as durable as ours; its cache and its checkpoints are left as SQLite has them,
# as in any plain loop; with our settings the loop is faster too.
_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"


def into_sqlite(file: str, pages: Iterable[list[Row]]) -> None:
    """Upsert the visitors of each page in one transaction."""
    database = sqlite3.connect(file)
    database.executescript(_PRAGMAS)
    for page in pages:
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
        with database:
            database.executemany(
                f"{_ALL} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) {_UPSERT}",
                [(*row, ORIGIN, FOLDER, now, now) for row in page],
            )
    database.close()


def into_postgresql(url: str, pages: Iterable[list[Row]]) -> None:
    """Copy each page into a temporary table and upsert the visitors from it, in one transaction."""
    with psycopg.connect(url) as database:
        database.execute(
            "CREATE TEMPORARY TABLE page (external_id text, username text, full_name text, followers_count bigint,"
            " verified boolean) ON COMMIT DELETE ROWS"
        )
        database.commit()
        for page in pages:
            with database.cursor() as cursor:
                with cursor.copy(f"COPY page ({_COLUMNS}) FROM STDIN") as copy:
                    for row in page:
                        copy.write_row(row)
                cursor.execute(f"{_ALL} SELECT {_COLUMNS}, %s, %s, now(), now() FROM page {_UPSERT}", (ORIGIN, FOLDER))
            database.commit()
