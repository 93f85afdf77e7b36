"""A home as one file: what is in it, who can read it, and when it is not restored."""

import json
import sqlite3
import stat
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pendulum
import pytest
from filelock import FileLock
from sqlmodel import col, select

from campaign.db import engine as schema
from campaign.db import vault
from campaign.db.engine import engine, read_session, transaction
from campaign.settings import load_settings
from deployments.processes import make_home
from deployments.server import server_key, server_password
from models import SecretKind, Service
from tests.command import Done, here
from tests.databases import Database, PostgresqlServer, close_connections, in_use
from tests.readings import saved_service

PASSPHRASE = "correct horse battery staple"
SECRET = {"consumer_key": "the-consumer-key"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "campaign.backup"


@pytest.fixture
def backed_up(database: Database, file: Path) -> Database:
    """A database with a service and its secret, a Prefect database, and the backup of both."""
    close_connections(database)
    settings = load_settings()
    make_home(settings)
    server_key(settings), server_password(settings)
    with closing(sqlite3.connect(settings.prefect_home / "prefect.db")) as prefect:
        prefect.executescript("CREATE TABLE flow (name text); INSERT INTO flow VALUES ('dm-broadcast')")
    saved = saved_service()
    with transaction() as session:
        vault.save(session, SecretKind.SERVICE_KEYS, saved.id, SECRET, pendulum.now("UTC"))
    assert command("backup", file).status == 0
    return database


def saved_id() -> int:
    with read_session() as session:
        return session.scalars(select(col(Service.id)).order_by(col(Service.id))).first() or 0


def saved_secret() -> dict[str, str] | None:
    with read_session() as session:
        return vault.read(session, SecretKind.SERVICE_KEYS, saved_id())


def command(name: str, file: Path, *options: str, passphrase: str = PASSPHRASE) -> Done:
    return here(name, str(file), *options, CAMPAIGN_BACKUP_PASSPHRASE=passphrase)


@pytest.fixture
def empty(backed_up: Database, postgresql_server: PostgresqlServer, tmp_path: Path) -> Iterator[Path]:
    """Another home with a database of the same kind that has no tables."""
    home = tmp_path / "another"
    home.mkdir()
    if backed_up.is_sqlite:
        with in_use(Database("sqlite", f"sqlite:///{home / 'campaign.db'}"), home):
            yield home
    else:
        with postgresql_server.new_database() as new, in_use(new, home):
            yield home


def test_a_new_home_gets_the_rows_the_keys_and_the_data_of_prefect(empty: Path, file: Path) -> None:
    restored = command("restore", file)

    assert restored.status == 0, restored.err
    with engine().connect() as connection:
        assert schema.current_revision(connection) == schema.newest_revision()
    assert saved_secret() == SECRET
    assert saved_service(internal_name="second", block_id="second", x_user_id="second").id > saved_id()
    with closing(sqlite3.connect(empty / "prefect" / "prefect.db")) as prefect:
        assert prefect.execute("SELECT name FROM flow").fetchall() == [("dm-broadcast",)]
    assert server_key(load_settings()) == (empty.parent / "encryption.key").read_text()
    for name in ("vault.key", "encryption.key", "server.password"):
        assert stat.S_IMODE((empty / name).stat().st_mode) == 0o600


@pytest.mark.usefixtures("backed_up")
def test_only_its_owner_reads_a_backup_and_no_key_is_in_the_clear(file: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".campaign-backup")] == []
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    everything = b"".join(one.read_bytes() for one in (tmp_path / "unpacked").rglob("*") if one.is_file())
    for secret in (*SECRET.values(), *(path.read_text().strip() for path in tmp_path.glob("*.key"))):
        assert secret.encode() not in everything
    assert json.loads((tmp_path / "unpacked" / "contents.json").read_text())["database"]["revision"]


@pytest.mark.usefixtures("backed_up")
def test_data_is_not_replaced_unless_that_is_asked_for(file: Path) -> None:
    refused = command("restore", file)
    assert refused.status == 2
    assert "--overwrite" in refused.sentence
    assert command("restore", file, "--overwrite").status == 0
    assert saved_secret() == SECRET


@pytest.mark.usefixtures("backed_up")
def test_nothing_is_restored_while_up_runs(file: Path, tmp_path: Path) -> None:
    with FileLock(tmp_path / "up.lock"):
        refused = command("restore", file, "--overwrite")
    assert refused.status == 2
    assert "stop it, then restore" in refused.sentence


@pytest.mark.usefixtures("backed_up")
def test_a_wrong_passphrase_changes_nothing(file: Path, tmp_path: Path) -> None:
    before = (tmp_path / "vault.key").read_text()
    saved_service(internal_name="since", block_id="since", x_user_id="since")
    refused = command("restore", file, "--overwrite", passphrase="another passphrase")
    assert refused.status == 2
    assert "passphrase is not the one" in refused.sentence
    assert (tmp_path / "vault.key").read_text() == before
    assert saved_service(internal_name="third", block_id="third", x_user_id="third").id == saved_id() + 2


@pytest.mark.usefixtures("backed_up")
@pytest.mark.parametrize("length", [0, 100, -100, -8, -1])
def test_a_damaged_file_is_one_sentence(file: Path, length: int) -> None:
    file.write_bytes(file.read_bytes()[:length])
    refused = command("restore", file, "--overwrite")
    assert refused.status == 2
    assert "is not a backup of campaign, or it is damaged" in refused.sentence


@pytest.mark.usefixtures("backed_up")
@pytest.mark.parametrize("part", [1, 3, 5])
def test_a_file_with_a_bad_block_is_damaged(file: Path, part: int) -> None:
    damaged = bytearray(file.read_bytes())
    place = len(damaged) * part // 6
    damaged[place : place + 50] = bytes(50)
    file.write_bytes(damaged)
    assert "is not a backup of campaign, or it is damaged" in command("restore", file, "--overwrite").sentence


@pytest.mark.usefixtures("backed_up")
@pytest.mark.parametrize("contents", [None, "[]", '{"format": 1}'])
def test_an_archive_of_other_files_is_no_backup(file: Path, tmp_path: Path, contents: str | None) -> None:
    (tmp_path / "inside").write_text(contents or "")
    with tarfile.open(file, "w:gz") as archive:
        archive.add(tmp_path / "inside", "contents.json" if contents else "readme.txt")
    assert "is not a backup of campaign" in command("restore", file, "--overwrite").sentence


@pytest.mark.usefixtures("backed_up")
def test_a_backup_overwrites_no_file_and_needs_a_good_passphrase(file: Path, tmp_path: Path) -> None:
    assert "exists already" in command("backup", file).sentence
    assert "fewer than 12 characters" in command("backup", tmp_path / "other", passphrase="short").sentence
    assert "set CAMPAIGN_BACKUP_PASSPHRASE" in here("backup", str(tmp_path / "other")).sentence
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    both = {"CAMPAIGN_BACKUP_PASSPHRASE": PASSPHRASE, "CAMPAIGN_BACKUP_PASSPHRASE_FILE": str(tmp_path / "passphrase")}
    assert "are both set" in here("backup", str(tmp_path / "other"), **both).sentence


def test_a_backup_of_the_other_kind_of_database_is_refused(
    backed_up: Database, file: Path, tmp_path: Path, postgresql_server: PostgresqlServer
) -> None:
    if backed_up.is_sqlite:
        with postgresql_server.new_database() as other, in_use(other, tmp_path / "home"):
            refused = command("restore", file)
    else:
        with in_use(Database("sqlite", f"sqlite:///{tmp_path / 'other.db'}"), tmp_path / "home"):
            refused = command("restore", file)
    assert refused.status == 2
    assert "name the same kind" in refused.sentence


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_database_that_another_process_has_open_stays_as_it_is(backed_up: Database, file: Path) -> None:
    with closing(sqlite3.connect(backed_up.url.removeprefix("sqlite:///"))) as other:
        assert other.execute("SELECT count(*) FROM service").fetchone() == (1,)
        refused = command("restore", file, "--overwrite")
        assert (refused.status, "in use by another process" in refused.sentence) == (2, True)
    assert command("restore", file, "--overwrite").status == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("size", [0, 100, 100_000])
def test_databases_that_are_damaged_are_replaced(backed_up: Database, file: Path, size: int) -> None:
    close_connections(backed_up)
    prefect = load_settings().prefect_home / "prefect.db"
    for damaged in (Path(backed_up.url.removeprefix("sqlite:///")), prefect):
        damaged.write_bytes(b"damaged!" * (size // 8))
    assert "--overwrite" in command("restore", file).sentence
    why = "is damaged and not a database any more" if size else "nothing to back up"
    assert why in command("backup", file.with_name("another")).sentence
    assert command("restore", file, "--overwrite").status == 0
    assert saved_secret() == SECRET
    with closing(sqlite3.connect(prefect)) as restored:
        assert restored.execute("SELECT name FROM flow").fetchall() == [("dm-broadcast",)]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_with_other_sessions_or_tables_stays_as_it_is(backed_up: Database, file: Path) -> None:
    with schema.open_database(f"{backed_up.url}?application_name=other") as other:
        with other.connect():
            assert "in use by another process" in command("restore", file, "--overwrite").sentence
        with other.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE of_another_program (id int)")
        other.dispose()
        assert "of_another_program" in command("restore", file, "--overwrite").sentence
        with other.begin() as connection:
            connection.exec_driver_sql("DROP TABLE of_another_program")
    assert saved_secret() == SECRET
