"""What is erased is in no file of the home any more: SQLite keeps no copy in free pages or in its write-ahead log."""

from datetime import timedelta

from campaign.db.engine import engine
from tests.command import here
from tests.databases import Database
from tests.factories import NOW, follower, page
from tests.readings import read_all, saved_service

NAME, RENAMED = "Zebulon Quackenbush", "Zebulon Vanderquack"


def files_with(text: str) -> list[str]:
    file = engine().url.database
    assert file
    found = []
    for name in (file, f"{file}-wal", f"{file}-shm"):
        try:
            with open(name, "rb") as content:  # noqa: PTH123
                if text.encode() in content.read():
                    found.append(name)
        except FileNotFoundError:
            continue
    return found


def test_an_erased_name_is_in_no_file(sqlite_database: Database) -> None:
    assert sqlite_database
    acme = saved_service()
    crowd = [follower(number, full_name=f"Person {number}") for number in range(2, 400)]
    read_all(acme, [page([follower(1, username="zeb", full_name=NAME), *crowd])])
    read_all(acme, [page([follower(1, username="zeb", full_name=RENAMED), *crowd])], now=NOW + timedelta(days=1))
    assert files_with(RENAMED)

    assert here("contact", "erase", "--external-id", "1", "--yes").status == 0

    assert files_with(NAME) == []
    assert files_with(RENAMED) == []
