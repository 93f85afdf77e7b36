"""A key that is lost, damaged or another one is named in one sentence, and nothing is written."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from campaign.db import vault
from campaign.db.engine import engine, transaction
from campaign.errors import WrongUsage
from models import SecretKind
from tests.databases import Database
from tests.factories import NOW
from tests.vaults import (
    ACME,
    GRANT,
    KEYS,
    OTHER,
    PLAINTEXTS,
    all_that_is_shown,
    check_key,
    key_file,
    keys_in_file,
    new_key,
    read,
    rows,
    save,
    use_home,
    use_keys,
)

pytestmark = pytest.mark.usefixtures("database")

DISCARD = (
    "`campaign keys discard` and enter the keys of every service again with `campaign service edit HANDLE"
    " --keys`: only those keys, and the tokens of people whose profiles were not read yet, are lost."
)


@pytest.fixture(autouse=True)
def saved(database: Database) -> str:  # noqa: ARG001
    save()
    save(kind=GRANT, owner_id=5)
    return key_file().read_text()


def refused_everywhere() -> str:
    """The one sentence that all of them raise which need the key; nothing is written."""
    before = [(row.kind, row.owner_id, row.value) for row in rows()]
    sentences = set()
    for work in (read, partial(read, GRANT, 5), save, partial(save, owner_id=9), check_key, rotate):
        with pytest.raises(WrongUsage) as caught:
            work()
        sentences.add(str(caught.value))
    assert [(row.kind, row.owner_id, row.value) for row in rows()] == before
    (sentence,) = sentences
    return sentence


def rotate() -> None:
    vault.rotate_key(NOW)


def test_a_missing_file(saved: str) -> None:
    key_file().unlink()
    assert refused_everywhere() == (
        f"The encryption key {key_file()} is missing and CAMPAIGN_ENCRYPTION_KEY is not set, so the secrets in the"
        " database cannot be read: put the file back from your backup or from the machine that has it; without a"
        f" backup run {DISCARD}"
    )
    assert not key_file().exists()
    key_file().write_text(saved)
    assert read() == ACME


@pytest.mark.parametrize("content", [b"", b"no key", b"\xff\xfe", b"cut"])
def test_a_damaged_file(saved: str, content: bytes) -> None:
    key_file().write_bytes(saved[:-9].encode() if content == b"cut" else content)
    damaged = key_file().read_bytes()
    assert refused_everywhere() == (
        f"{key_file()} does not hold an encryption key any more, so the secrets in the database cannot be read: put"
        f" the file back from your backup; without a backup delete it, run {DISCARD}"
    )
    assert key_file().read_bytes() == damaged


def test_another_key() -> None:
    key_file().write_text(new_key())
    other = key_file().read_text()
    assert refused_everywhere() == (
        f"{key_file()} does not hold the key that the secrets in the database were encrypted with: put the file"
        f" back from your backup or from the machine that has the right one; without a backup run {DISCARD}"
    )
    assert key_file().read_text() == other


def test_another_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch, new_key())
    assert refused_everywhere() == (
        "CAMPAIGN_ENCRYPTION_KEY does not hold the key that the secrets in the database were encrypted with: set it"
        " to the key from your backup (to change it, to the new key, a comma and the old key, and run"
        f" `campaign keys rotate`); without a backup run {DISCARD}"
    )


def test_a_file_that_cannot_be_read() -> None:
    key_file().unlink()
    key_file().mkdir()
    assert refused_everywhere() == (
        f"The encryption key {key_file()} cannot be read (Is a directory), so the secrets in the database cannot be"
        " read: make it readable for the user who runs campaign."
    )


def test_a_machine_without_the_key_makes_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_home(monkeypatch, tmp_path / "other machine")
    assert str(key_file()) in refused_everywhere()
    assert not key_file().exists()


def test_the_last_secret_gone_makes_no_new_key_yet() -> None:
    key_file().unlink()
    with transaction() as session:
        vault.delete(session, KEYS, 1)
        vault.delete(session, GRANT, 5)
    with pytest.raises(WrongUsage, match="is missing"):
        save()
    assert not key_file().exists()


@pytest.mark.parametrize("check_deleted", [False, True])
def test_a_wrong_key_is_known_by_any_secret(check_deleted: bool) -> None:
    if check_deleted:
        with transaction() as session:
            session.execute(text("DELETE FROM secret WHERE kind = 'key_check'"))
    key_file().write_text(new_key())
    for work in (partial(save, owner_id=9), rotate):
        with pytest.raises(WrongUsage, match="does not hold the key"):
            work()
    key_file().unlink()
    with pytest.raises(WrongUsage, match="is missing"):
        save(owner_id=9)
    assert not key_file().exists()


def test_after_discarding_all_a_new_key_is_made(saved: str) -> None:
    key_file().unlink()
    with transaction() as session:
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
def test_one_damaged_secret(kind: SecretKind, owner_id: int, sentence: str, damage: str) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE secret SET value = :damage WHERE kind = :kind"), {"damage": damage, "kind": kind.value}
        )
    for work in (partial(read, kind, owner_id), rotate):
        with pytest.raises(WrongUsage) as caught:
            work()
        assert str(caught.value) == sentence
    assert len(keys_in_file()) == 1
    check_key()
    save(OTHER, kind, owner_id)
    assert read(kind, owner_id) == OTHER
    assert vault.rotate_key(NOW) == 2


def errors_of_a_lost_key() -> Iterator[BaseException]:
    key = key_file().read_text()
    for content in (None, key[:-9], f"{key} and more", new_key()):
        key_file().unlink()
        if content:
            key_file().write_text(content)
        for work in (read, save, partial(vault.rotate_key, NOW)):
            with pytest.raises(WrongUsage) as caught:
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
def test_no_error_shows_a_secret_or_a_key(errors: Callable[[], Iterator[BaseException]]) -> None:
    save()
    key = key_file().read_text()
    for error in errors():
        for shown in all_that_is_shown(error):
            for secret in [*PLAINTEXTS, key, key[:20], key[-20:]]:
                assert secret not in shown
