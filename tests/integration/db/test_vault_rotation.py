"""A new key for the vault: killed at every step, and while other processes read and write."""

import signal
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from campaign.db import vault
from campaign.db.engine import read_session, transaction
from campaign.errors import WrongUsage
from tests.factories import NOW
from tests.forking import fork_script
from tests.vaults import (
    ACME,
    GRANT,
    KEYS,
    OTHER,
    check_key,
    key_file,
    keys_in_file,
    line_of,
    new_key,
    read,
    rows,
    save,
    started,
)

pytestmark = pytest.mark.usefixtures("database")

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
for _ in range(5):
    vault.rotate_key(NOW)
"""


def test_everything_gets_a_new_key_and_the_old_one_goes() -> None:
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


def test_a_session_that_began_before_a_rotation_still_reads() -> None:
    save()
    with read_session() as session:
        assert vault.list_owners(session, KEYS) == [1]
        vault.rotate_key(NOW)
        assert vault.read(session, KEYS, 1) == ACME
        vault.check_key(session)


@pytest.mark.parametrize("keys", [("new", "old"), ("never used", "new", "old"), ("old", "never used")])
@pytest.mark.parametrize("committed", [False, True])
def test_what_an_interrupted_rotation_left_is_finished(keys: tuple[str, ...], committed: bool) -> None:
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


def test_a_rotation_killed_before_each_step_loses_nothing() -> None:
    save()
    save(OTHER, GRANT, 5)
    killed = 0
    while True:
        done = fork_script(ROTATION_KILLED, killed + 1).end()
        assert (read(), read(GRANT, 5)) == (ACME, OTHER)
        check_key()
        if done.status == 0:
            break
        assert done.status == -signal.SIGKILL, done.err
        killed += 1
        save(owner_id=killed + 1)
        assert read(owner_id=killed + 1) == ACME
    assert killed == int(done.out)
    assert killed >= 10
    assert len(keys_in_file()) == 1
    assert list(key_file().parent.glob("vault.key*")) == [key_file()]
    assert [read(owner_id=number) for number in range(1, killed + 2)] == [ACME] * (killed + 1)


def test_a_rotation_killed_at_any_moment_loses_nothing() -> None:
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


def test_readers_and_writers_go_on_while_other_processes_rotate() -> None:
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


def test_a_rotation_waits_for_a_save() -> None:
    save()
    with ThreadPoolExecutor() as pool:
        with transaction() as session:
            vault.save(session, KEYS, 2, OTHER, NOW)
            rotation = pool.submit(vault.rotate_key, NOW)
            time.sleep(0.3)
            assert not rotation.done()
        assert rotation.result() == 2
    assert (read(), read(owner_id=2)) == (ACME, OTHER)


def test_a_new_key_that_cannot_be_written_changes_nothing() -> None:
    save()
    before = key_file().read_text(), [row.value for row in rows()]
    key_file().with_name("vault.key.new").mkdir()
    with pytest.raises(WrongUsage, match=r"vault\.key cannot be written"):
        vault.rotate_key(NOW)
    assert (key_file().read_text(), [row.value for row in rows()]) == before
    assert read() == ACME
