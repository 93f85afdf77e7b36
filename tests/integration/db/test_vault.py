"""The vault on both databases: what is in the table, and the file of its key."""

import stat
import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlmodel import Session

from campaign.db import vault
from campaign.db.engine import engine, read_session, transaction
from campaign.errors import WrongUsage
from tests.databases import Database
from tests.factories import NOW
from tests.vaults import (
    ACME,
    CHECK,
    GRANT,
    KEYS,
    OTHER,
    PLAINTEXTS,
    SAVER,
    check_key,
    key_file,
    keys_in_file,
    line_of,
    new_key,
    read,
    rows,
    save,
    started,
    use_home,
)

pytestmark = pytest.mark.usefixtures("database")


def test_a_secret_is_read_as_it_was_saved() -> None:
    values = {"": "", "ключ": '"\\\n', "undecodable": "\udc80"}
    save(values)
    save(OTHER, owner_id=2)
    assert read() == values
    assert read(owner_id=2) == OTHER


def test_a_secret_that_was_never_saved_is_none() -> None:
    assert read() is None
    save()
    assert read(owner_id=2) is None
    assert read(GRANT) is None


def test_saving_again_replaces() -> None:
    save()
    with transaction() as session:
        vault.save(session, KEYS, 1, OTHER, NOW + timedelta(days=1))
    assert read() == OTHER
    assert [(row.kind, row.owner_id, row.updated_at) for row in rows()] == [
        (CHECK, 0, NOW),
        (KEYS, 1, NOW + timedelta(days=1)),
    ]


def test_a_session_reads_what_it_saved() -> None:
    with transaction() as session:
        vault.save(session, KEYS, 1, ACME, NOW)
        assert vault.read(session, KEYS, 1) == ACME
        vault.save(session, KEYS, 1, OTHER, NOW)
        assert vault.read(session, KEYS, 1) == OTHER


def test_what_is_rolled_back_is_not_saved() -> None:
    with engine().execution_options(writes=True).connect() as connection, Session(connection) as session:
        vault.save(session, KEYS, 1, ACME, NOW)
        session.rollback()
    assert rows() == []
    save(OTHER)
    assert read() == OTHER


def test_deleting_leaves_the_others() -> None:
    save()
    save(owner_id=2)
    save(kind=GRANT)
    for _ in range(2):
        with transaction() as session:
            vault.delete(session, KEYS, 1)
    assert read() is None
    assert read(owner_id=2) == read(GRANT) == ACME


def test_owners_are_listed_by_kind() -> None:
    for owner_id in (7, 3):
        save(owner_id=owner_id)
    save(kind=GRANT, owner_id=5)
    with read_session() as session:
        assert vault.list_owners(session, KEYS) == [3, 7]
        assert vault.list_owners(session, GRANT) == [5]


def test_the_database_does_not_hold_the_plaintext(database: Database, tmp_path: Path) -> None:
    save()
    stored = "".join(row.value for row in rows()).encode()
    if database.is_sqlite:
        stored += b"".join(file.read_bytes() for file in tmp_path.glob("campaign.db*"))
        assert rows()[1].value.encode() in stored
    for plaintext in [*PLAINTEXTS, "consumer_key"]:
        assert plaintext.encode() not in stored


def test_the_repr_of_a_row_does_not_show_its_value() -> None:
    save()
    for row in rows():
        assert row.value not in repr(row)
        assert row.value not in str(row)


def test_a_token_moved_to_another_owner_is_refused() -> None:
    save()
    save(OTHER, owner_id=2)
    with transaction() as session:
        session.execute(text("UPDATE secret SET value = (SELECT value FROM secret WHERE owner_id = 1)"))
    with pytest.raises(WrongUsage):
        read(owner_id=2)


def test_the_key_file_is_made_once_for_its_owner_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_home(monkeypatch, tmp_path / "new" / "home")
    save()
    save(OTHER, owner_id=2)
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file().parent.stat().st_mode) == 0o700
    assert [path.name for path in key_file().parent.iterdir()] == ["vault.key"]
    Fernet(key_file().read_text())


def test_reading_an_empty_vault_makes_no_key() -> None:
    assert read() is None
    check_key()
    with transaction() as session:
        vault.delete(session, KEYS, 1)
    assert vault.rotate_key(NOW) == 0
    assert not key_file().exists()


def test_a_key_that_is_there_is_used() -> None:
    key_file().write_text(f"{new_key()}\n")
    before = key_file().read_text()
    save()
    assert read() == ACME
    assert key_file().read_text() == before


def test_processes_that_begin_at_once_get_one_key() -> None:
    savers = [started(SAVER, number) for number in range(1, 5)]
    assert [line_of(saver) for saver in savers] == ["ready"] * 4
    for saver in savers:
        assert saver.stdin
        saver.stdin.write("go\n")
        saver.stdin.flush()
    results = [saver.communicate(timeout=60)[1] for saver in savers]
    assert results == [""] * 4
    assert len(keys_in_file()) == 1
    assert list(key_file().parent.glob("vault.key*")) == [key_file()]
    assert [read(owner_id=number) for number in range(1, 5)] == [{"number": str(number)} for number in range(1, 5)]


def test_a_home_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    use_home(monkeypatch, tmp_path / "file" / "home")
    with pytest.raises(WrongUsage) as caught:
        save()
    assert str(caught.value) == (
        f"{key_file()} cannot be written (Not a directory); set CAMPAIGN_HOME to a folder that can."
    )
    assert rows() == []


def test_the_second_of_two_machines_that_begin_at_once_is_refused(database: Database, tmp_path: Path) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite is for one machine")
    with transaction() as session:
        vault.save(session, KEYS, 1, ACME, NOW)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("CAMPAIGN_HOME", str(tmp_path / "other machine"))
            saver = started(SAVER, 2)
        assert saver.stdin
        saver.stdin.write("go\n")
        saver.stdin.flush()
        wait_for_a_lock()
    assert "does not hold the key" in saver.communicate(timeout=60)[1]
    assert [(row.kind, row.owner_id) for row in rows()] == [(CHECK, 0), (KEYS, 1)]
    assert read() == ACME


def wait_for_a_lock() -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(300):
        with engine().connect() as connection:  # the server shows a transaction the same activity all the time
            if connection.scalar(waiting):
                return
        time.sleep(0.1)
    pytest.fail("no process waits")
