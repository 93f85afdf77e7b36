"""The vault on both databases: what is in the table, lost keys, and rotations that are killed at every step."""

import signal
import stat
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlmodel import Session, col, select

from campaign.db import vault
from campaign.db.engine import engine, reading, writing
from campaign.errors import CampaignError, WrongUsage
from campaign.settings import Settings, load_settings
from models import Secret, SecretKind
from tests.databases import Database
from tests.factories import NOW

KEYS, GRANT, CHECK = SecretKind.SERVICE_KEYS, SecretKind.CONTACT_GRANT, SecretKind.KEY_CHECK
ACME = {"consumer_key": "acme's consumer key", "access_token": "acme's access token"}
OTHER = {"consumer_key": "other's consumer key"}
PLAINTEXTS = ["consumer key", "access token"]

DISCARD = (
    "`campaign db discard-secrets` and enter the keys of every service again with `campaign service edit HANDLE"
    " --keys`: only those keys, and the tokens of people whose profiles were not read yet, are lost."
)

#: Saves once its first line of input is there.
SAVER = """
import sys
from campaign.db import vault
from campaign.errors import WrongUsage
from campaign.db.engine import writing
from models import SecretKind
from tests.factories import NOW
print("ready", flush=True)
sys.stdin.readline()
try:
    with writing() as session:
        vault.save(session, SecretKind.SERVICE_KEYS, int(sys.argv[1]), {"number": sys.argv[1]}, NOW)
except WrongUsage as error:
    sys.exit(str(error))
"""

#: Kills itself before its step of that number: files of the key that are opened, renamed or removed, and commits.
ROTATION_KILLED = """
import os, signal, sys
from sqlalchemy import event
from campaign.db import vault
from campaign.db.engine import engine
from tests.factories import NOW

steps = 0

def step(*_):
    global steps
    steps += 1
    if steps == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

def file_step(name, arguments):
    if name in {"open", "os.rename", "os.remove"} and "vault.key" in str(arguments[0]):
        step()

sys.addaudithook(file_step)
event.listen(engine(), "commit", step)
vault.rotate_key(NOW)
print(steps)
"""

ROTATING = """
from campaign.db import vault
from tests.factories import NOW
print("ready", flush=True)
while True:
    vault.rotate_key(NOW)
"""

ROTATED_OFTEN = """
from campaign.db import vault
from tests.factories import NOW
for _ in range(15):
    vault.rotate_key(NOW)
"""


def new_key() -> str:
    return Fernet.generate_key().decode()


def save(values: dict[str, str] = ACME, kind: SecretKind = KEYS, owner_id: int = 1) -> None:
    with writing() as session:
        vault.save(session, kind, owner_id, values, NOW)


def read(kind: SecretKind = KEYS, owner_id: int = 1) -> dict[str, str] | None:
    with reading() as session:
        return vault.read(session, kind, owner_id)


def check_key() -> None:
    with reading() as session:
        vault.check_key(session)


def rows() -> list[Secret]:
    with reading() as session:
        return list(session.exec(select(Secret).order_by(col(Secret.kind), col(Secret.owner_id))))


def key_file() -> Path:
    return load_settings().home / "vault.key"


def keys_in_file() -> list[str]:
    return key_file().read_text().splitlines()


def use_keys(environment: pytest.MonkeyPatch, *keys: str) -> None:
    """Set CAMPAIGN_ENCRYPTION_KEY as a process that starts now finds it."""
    environment.setenv("CAMPAIGN_ENCRYPTION_KEY", ",".join(keys))
    load_settings.cache_clear()


def use_home(environment: pytest.MonkeyPatch, home: Path) -> None:
    environment.setenv("CAMPAIGN_HOME", str(home))
    load_settings.cache_clear()


def started(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.fixture(autouse=True)
def in_use(database: Database) -> Iterator[Database]:
    yield database
    load_settings.cache_clear()


class TestSecrets:
    def test_a_secret_is_read_as_it_was_saved(self) -> None:
        values = {"": "", "ключ": '"\\\n', "undecodable": "\udc80"}
        save(values)
        save(OTHER, owner_id=2)
        assert read() == values
        assert read(owner_id=2) == OTHER

    def test_a_secret_that_was_never_saved_is_none(self) -> None:
        assert read() is None
        save()
        assert read(owner_id=2) is None
        assert read(GRANT) is None

    def test_saving_again_replaces(self) -> None:
        save()
        with writing() as session:
            vault.save(session, KEYS, 1, OTHER, NOW + timedelta(days=1))
        assert read() == OTHER
        assert [(row.kind, row.owner_id, row.updated_at) for row in rows()] == [
            (CHECK, 0, NOW),
            (KEYS, 1, NOW + timedelta(days=1)),
        ]

    def test_a_session_reads_what_it_saved(self) -> None:
        with writing() as session:
            vault.save(session, KEYS, 1, ACME, NOW)
            assert vault.read(session, KEYS, 1) == ACME
            vault.save(session, KEYS, 1, OTHER, NOW)
            assert vault.read(session, KEYS, 1) == OTHER

    def test_what_is_rolled_back_is_not_saved(self) -> None:
        with engine().execution_options(writes=True).connect() as connection, Session(connection) as session:
            vault.save(session, KEYS, 1, ACME, NOW)
            session.rollback()
        assert rows() == []
        save(OTHER)
        assert read() == OTHER

    def test_deleting_leaves_the_others(self) -> None:
        save()
        save(owner_id=2)
        save(kind=GRANT)
        for _ in range(2):
            with writing() as session:
                vault.delete(session, KEYS, 1)
        assert read() is None
        assert read(owner_id=2) == read(GRANT) == ACME

    def test_owners_are_listed_by_kind(self) -> None:
        for owner_id in (7, 3):
            save(owner_id=owner_id)
        save(kind=GRANT, owner_id=5)
        with reading() as session:
            assert vault.list_owners(session, KEYS) == [3, 7]
            assert vault.list_owners(session, GRANT) == [5]

    def test_the_database_does_not_hold_the_plaintext(self, in_use: Database, tmp_path: Path) -> None:
        save()
        stored = "".join(row.value for row in rows()).encode()
        if in_use.is_sqlite:
            stored += b"".join(file.read_bytes() for file in tmp_path.glob("campaign.db*"))
            assert rows()[1].value.encode() in stored
        for plaintext in [*PLAINTEXTS, "consumer_key"]:
            assert plaintext.encode() not in stored

    def test_the_repr_of_a_row_does_not_show_its_value(self) -> None:
        save()
        for row in rows():
            assert row.value not in repr(row)
            assert row.value not in str(row)

    def test_a_token_moved_to_another_owner_is_refused(self) -> None:
        save()
        save(OTHER, owner_id=2)
        with writing() as session:
            session.execute(text("UPDATE secret SET value = (SELECT value FROM secret WHERE owner_id = 1)"))
        with pytest.raises(WrongUsage):
            read(owner_id=2)


class TestKeyFile:
    def test_it_is_made_once_for_its_owner_only(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        use_home(monkeypatch, tmp_path / "new" / "home")
        save()
        save(OTHER, owner_id=2)
        assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
        assert stat.S_IMODE(key_file().parent.stat().st_mode) == 0o700
        assert [path.name for path in key_file().parent.iterdir()] == ["vault.key"]
        Fernet(key_file().read_text())

    def test_reading_an_empty_vault_makes_no_key(self) -> None:
        assert read() is None
        check_key()
        with writing() as session:
            vault.delete(session, KEYS, 1)
        assert vault.rotate_key(NOW) == 0
        assert not key_file().exists()

    def test_a_key_that_is_there_is_used(self) -> None:
        key_file().write_text(f"{new_key()}\n")
        before = key_file().read_text()
        save()
        assert read() == ACME
        assert key_file().read_text() == before

    def test_processes_that_begin_at_once_get_one_key(self) -> None:
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

    def test_a_home_that_cannot_be_written_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        use_home(monkeypatch, tmp_path / "file" / "home")
        with pytest.raises(WrongUsage) as caught:
            save()
        assert str(caught.value) == (
            f"{key_file()} cannot be written (Not a directory); set CAMPAIGN_HOME to a folder that can."
        )
        assert rows() == []


class TestLostKey:
    @pytest.fixture(autouse=True)
    def saved(self, in_use: Database) -> str:  # noqa: ARG002
        save()
        save(kind=GRANT, owner_id=5)
        return key_file().read_text()

    def refused_everywhere(self) -> str:
        """The one sentence of whatever needs the key; nothing is written."""
        before = [(row.kind, row.owner_id, row.value) for row in rows()]
        sentences = set()
        for work in (read, partial(read, GRANT, 5), save, partial(save, owner_id=9), check_key, self.rotate):
            with pytest.raises(WrongUsage) as caught:
                work()
            sentences.add(str(caught.value))
        assert [(row.kind, row.owner_id, row.value) for row in rows()] == before
        (sentence,) = sentences
        return sentence

    def rotate(self) -> None:
        vault.rotate_key(NOW)

    def test_a_missing_file(self, saved: str) -> None:
        key_file().unlink()
        assert self.refused_everywhere() == (
            f"The encryption key {key_file()} is missing and CAMPAIGN_ENCRYPTION_KEY is not set, so the secrets in the"
            " database cannot be read: put the file back from your backup or from the machine that has it; without a"
            f" backup run {DISCARD}"
        )
        assert not key_file().exists()
        key_file().write_text(saved)
        assert read() == ACME

    @pytest.mark.parametrize("content", [b"", b"no key", b"\xff\xfe", b"cut"])
    def test_a_damaged_file(self, saved: str, content: bytes) -> None:
        key_file().write_bytes(saved[:-9].encode() if content == b"cut" else content)
        damaged = key_file().read_bytes()
        assert self.refused_everywhere() == (
            f"{key_file()} does not hold an encryption key any more, so the secrets in the database cannot be read: put"
            f" the file back from your backup; without a backup delete it, run {DISCARD}"
        )
        assert key_file().read_bytes() == damaged

    def test_another_key(self) -> None:
        key_file().write_text(new_key())
        other = key_file().read_text()
        assert self.refused_everywhere() == (
            f"{key_file()} does not hold the key that the secrets in the database were encrypted with: put the file"
            f" back from your backup or from the machine that has the right one; without a backup run {DISCARD}"
        )
        assert key_file().read_text() == other

    def test_another_key_in_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        use_keys(monkeypatch, new_key())
        assert self.refused_everywhere() == (
            "CAMPAIGN_ENCRYPTION_KEY does not hold the key that the secrets in the database were encrypted with: set it"
            " to the key from your backup (to change it, to the new key, a comma and the old key, and run"
            f" `campaign db rotate-key`); without a backup run {DISCARD}"
        )

    def test_a_file_that_cannot_be_read(self) -> None:
        key_file().unlink()
        key_file().mkdir()
        assert self.refused_everywhere() == (
            f"The encryption key {key_file()} cannot be read (Is a directory), so the secrets in the database cannot be"
            " read: make it readable for the user who runs campaign."
        )

    def test_a_machine_without_the_key_makes_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        use_home(monkeypatch, tmp_path / "other machine")
        assert str(key_file()) in self.refused_everywhere()
        assert not key_file().exists()

    def test_the_last_secret_gone_makes_no_new_key_yet(self) -> None:
        key_file().unlink()
        with writing() as session:
            vault.delete(session, KEYS, 1)
            vault.delete(session, GRANT, 5)
        with pytest.raises(WrongUsage, match="is missing"):
            save()
        assert not key_file().exists()

    @pytest.mark.parametrize("check_deleted", [False, True])
    def test_a_wrong_key_is_known_by_any_secret(self, check_deleted: bool) -> None:
        if check_deleted:
            with writing() as session:
                session.execute(text("DELETE FROM secret WHERE kind = 'key_check'"))
        key_file().write_text(new_key())
        with pytest.raises(WrongUsage, match="does not hold the key"):
            save(owner_id=9)
        key_file().unlink()
        with pytest.raises(WrongUsage, match="is missing"):
            save(owner_id=9)
        assert not key_file().exists()

    def test_after_discarding_all_a_new_key_is_made(self, saved: str) -> None:
        key_file().unlink()
        with writing() as session:
            assert vault.discard_all(session) == 2
        assert rows() == []
        save(OTHER)
        assert read() == OTHER
        assert key_file().read_text() != saved

    @pytest.mark.parametrize(
        ("kind", "owner_id", "sentence"),
        [
            (
                KEYS,
                1,
                (
                    "The keys of service 1 in the database are damaged; enter them again with"
                    " `campaign service edit HANDLE --keys`."
                ),
            ),
            (
                GRANT,
                5,
                (
                    "The token of agreement 5 in the database is damaged; delete it: the profile is read once the"
                    " person agrees again."
                ),
            ),
        ],
    )
    @pytest.mark.parametrize("damage", ["", "é", "gAAAAA"])
    def test_one_damaged_secret(self, kind: SecretKind, owner_id: int, sentence: str, damage: str) -> None:
        with writing() as session:
            session.execute(
                text("UPDATE secret SET value = :damage WHERE kind = :kind"), {"damage": damage, "kind": kind.value}
            )
        for work in (partial(read, kind, owner_id), self.rotate):
            with pytest.raises(WrongUsage) as caught:
                work()
            assert str(caught.value) == sentence
        assert len(keys_in_file()) == 1
        check_key()
        save(OTHER, kind, owner_id)
        assert read(kind, owner_id) == OTHER
        assert vault.rotate_key(NOW) == 2


class TestEnvironmentKey:
    def test_it_wins_and_makes_no_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        use_keys(monkeypatch, new_key())
        save()
        assert read() == ACME
        assert not key_file().exists()

    def test_the_first_encrypts_and_all_decrypt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first, second = new_key(), new_key()
        use_keys(monkeypatch, first)
        save()
        use_keys(monkeypatch, second, f" {first}")
        save(OTHER, owner_id=2)
        assert (read(), read(owner_id=2)) == (ACME, OTHER)
        Fernet(second).decrypt(rows()[2].value)

    def test_rotating_encrypts_with_the_first_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first, second = new_key(), new_key()
        use_keys(monkeypatch, first)
        save()
        save(OTHER, GRANT, 5)
        use_keys(monkeypatch, second, first)
        assert vault.rotate_key(NOW) == 2
        assert vault.rotate_key(NOW) == 2
        use_keys(monkeypatch, second)
        assert (read(), read(GRANT, 5)) == (ACME, OTHER)
        use_keys(monkeypatch, first)
        with pytest.raises(WrongUsage, match="does not hold the key"):
            save()
        assert not key_file().exists()

    def test_a_key_moves_from_the_file_to_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        save()
        new = new_key()
        use_keys(monkeypatch, new, key_file().read_text())
        assert vault.rotate_key(NOW) == 1
        use_keys(monkeypatch, new)
        assert read() == ACME

    @pytest.mark.parametrize("value", ["secret-but-no-key", "{key},secret-but-no-key", "{key},", "{key}{key}", " "])
    def test_what_is_not_a_key_is_refused_at_once(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        key = new_key()
        use_keys(monkeypatch, value.format(key=key))
        with pytest.raises(WrongUsage) as caught:
            load_settings()
        assert str(caught.value) == (
            "CAMPAIGN_ENCRYPTION_KEY cannot be used: it is not a Fernet key, or several with commas between; make one"
            ' with `python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"`.'
        )
        for shown in all_that_is_shown(caught.value):
            assert "secret-but-no-key" not in shown
            assert key not in shown
        with pytest.raises(ValueError, match="not a Fernet key") as direct:
            Settings()
        assert "secret-but-no-key" not in str(direct.value)

    def test_the_settings_do_not_show_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        key = new_key()
        use_keys(monkeypatch, key)
        assert key not in repr(load_settings())


class TestRotation:
    def test_everything_gets_a_new_key_and_the_old_one_goes(self) -> None:
        save()
        save(OTHER, GRANT, 5)
        old, tokens = keys_in_file(), [row.value for row in rows()]
        later = NOW + timedelta(days=1)
        assert vault.rotate_key(later) == 2
        (new,) = keys_in_file()
        assert new not in old
        assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
        assert list(key_file().parent.glob("vault.key*")) == [key_file()]
        assert (read(), read(GRANT, 5)) == (ACME, OTHER)
        for row, token in zip(rows(), tokens, strict=True):
            Fernet(new).decrypt(row.value)
            assert (row.value != token, row.updated_at) == (True, later)

    def test_a_session_that_began_before_it_still_reads(self) -> None:
        save()
        with reading() as session:
            assert vault.list_owners(session, KEYS) == [1]
            vault.rotate_key(NOW)
            assert vault.read(session, KEYS, 1) == ACME
            vault.check_key(session)

    @pytest.mark.parametrize("keys", [("new", "old"), ("never used", "new", "old"), ("old", "never used")])
    @pytest.mark.parametrize("committed", [False, True])
    def test_what_an_interrupted_one_left_is_finished(self, keys: tuple[str, ...], committed: bool) -> None:
        save()
        known = {"old": key_file().read_text(), "new": new_key(), "never used": new_key()}
        if committed:
            vault.rotate_key(NOW)
            known["new"] = key_file().read_text()
        if committed and "new" not in keys:
            keys = ("new", *keys)
        key_file().write_text("\n".join(known[name] for name in keys))
        key_file().with_name("vault.key.new").write_text("half a")
        assert read() == ACME
        save(OTHER, owner_id=2)
        assert (read(), read(owner_id=2)) == (ACME, OTHER)
        assert vault.rotate_key(NOW) == 2
        assert len(keys_in_file()) == 1
        assert keys_in_file()[0] not in known.values()
        assert list(key_file().parent.glob("vault.key*")) == [key_file()]
        assert (read(), read(owner_id=2)) == (ACME, OTHER)

    def test_killed_before_each_of_its_steps_it_loses_nothing(self) -> None:
        save()
        save(OTHER, GRANT, 5)
        killed = 0
        while True:
            process = started(ROTATION_KILLED, killed + 1)
            output, errors = process.communicate(timeout=60)
            assert (read(), read(GRANT, 5)) == (ACME, OTHER)
            check_key()
            if process.returncode == 0:
                break
            assert process.returncode == -signal.SIGKILL, errors
            killed += 1
            save(owner_id=killed + 1)
            assert read(owner_id=killed + 1) == ACME
        assert killed == int(output)
        assert killed >= 10
        assert len(keys_in_file()) == 1
        assert list(key_file().parent.glob("vault.key*")) == [key_file()]
        assert [read(owner_id=number) for number in range(1, killed + 2)] == [ACME] * (killed + 1)

    def test_killed_at_any_moment_it_loses_nothing(self) -> None:
        for number in range(1, 41):
            save({"number": str(number)}, owner_id=number)
        for turn in range(5):
            process = started(ROTATING)
            assert line_of(process) == "ready"
            time.sleep(0.02 + turn * 0.017)
            process.kill()
            process.communicate()
            assert [read(owner_id=number) for number in range(1, 41)] == [
                {"number": str(number)} for number in range(1, 41)
            ]
        assert vault.rotate_key(NOW) == 40
        assert len(keys_in_file()) == 1

    def test_readers_and_writers_go_on_while_other_processes_rotate(self) -> None:
        save()
        ended = threading.Event()

        def keep_reading() -> int:
            readings = 0
            while not ended.is_set() or not readings:
                assert read() == ACME
                readings += 1
            return readings

        def keep_saving() -> int:
            number = 1
            while not ended.is_set() or number == 1:
                number += 1
                save({"number": str(number)}, owner_id=number)
            return number

        rotations = [started(ROTATED_OFTEN) for _ in range(2)]
        with ThreadPoolExecutor() as pool:
            readings, last = pool.submit(keep_reading), pool.submit(keep_saving)
            results = [rotation.communicate(timeout=100) for rotation in rotations]
            ended.set()
        assert results == [("", "")] * 2
        assert readings.result() > 1
        assert last.result() > 2
        assert len(keys_in_file()) <= 2
        assert vault.rotate_key(NOW) == last.result()
        assert len(keys_in_file()) == 1
        assert [read(owner_id=number) for number in range(2, last.result() + 1)] == [
            {"number": str(number)} for number in range(2, last.result() + 1)
        ]

    def test_a_rotation_waits_for_who_is_saving(self) -> None:
        save()
        with ThreadPoolExecutor() as pool:
            with writing() as session:
                vault.save(session, KEYS, 2, OTHER, NOW)
                rotation = pool.submit(vault.rotate_key, NOW)
                time.sleep(0.3)
                assert not rotation.done()
            assert rotation.result() == 2
        assert (read(), read(owner_id=2)) == (ACME, OTHER)

    def test_a_new_key_that_cannot_be_written_changes_nothing(self) -> None:
        save()
        before = key_file().read_text(), [row.value for row in rows()]
        key_file().with_name("vault.key.new").mkdir()
        with pytest.raises(WrongUsage, match=r"vault\.key cannot be written"):
            vault.rotate_key(NOW)
        assert (key_file().read_text(), [row.value for row in rows()]) == before
        assert read() == ACME


def all_that_is_shown(error: BaseException) -> Iterator[str]:
    """What a log, a traceback or a debugger's list shows of an error and of those behind it."""
    yield "".join(traceback.format_exception(error))
    behind: BaseException | None = error
    while behind:
        yield from (str(behind), repr(behind), repr(behind.args), repr(vars(behind)))
        behind = behind.__cause__ or behind.__context__


def errors_of_a_lost_key() -> Iterator[BaseException]:
    key = key_file().read_text()
    for content in (None, key[:-9], f"{key} and more", new_key()):
        key_file().unlink()
        if content:
            key_file().write_text(content)
        for work in (read, save, partial(vault.rotate_key, NOW)):
            with pytest.raises(CampaignError) as caught:
                work()
            yield caught.value
        key_file().write_text(key)


def errors_of_a_broken_database() -> Iterator[BaseException]:
    with engine().execution_options(writes=True).begin() as connection:
        connection.execute(text("ALTER TABLE secret RENAME TO away"))
    try:
        for work in (read, save, partial(vault.rotate_key, NOW)):
            with pytest.raises(Exception, match="secret") as caught:
                work()
            yield caught.value
    finally:
        with engine().execution_options(writes=True).begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO secret"))


@pytest.mark.parametrize("errors", [errors_of_a_lost_key, errors_of_a_broken_database])
def test_no_error_shows_a_secret_or_a_key(errors: object) -> None:
    save()
    key = key_file().read_text()
    assert callable(errors)
    for error in errors():
        for shown in all_that_is_shown(error):
            for secret in [*PLAINTEXTS, key, key[:20], key[-20:]]:
                assert secret not in shown


def test_the_second_of_two_machines_that_begin_at_once_is_refused(in_use: Database, tmp_path: Path) -> None:
    if in_use.is_sqlite:
        pytest.skip("SQLite is for one machine")
    with writing() as session:
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
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with engine().connect() as connection:
        for _ in range(300):
            if connection.scalar(waiting):
                return
            time.sleep(0.1)
    pytest.fail("no process waits")
