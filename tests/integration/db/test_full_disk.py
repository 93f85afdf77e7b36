"""A full disk is named as such with its place, wherever it is met: database, first migration, copies of files."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from campaign.db.engine import transaction
from campaign.db.vault import sign
from campaign.deliveries import media
from campaign.deliveries.draft import FileProblem, MediaItem
from campaign.errors import NoRoom
from campaign.settings import load_settings
from tests.command import Done, here
from tests.databases import Database
from tests.pictures import MP4

KILOBYTE = 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    try:
        mounted = os.geteuid() == 0 and not subprocess.run(mount, capture_output=True, check=False).returncode
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("Only root may mount a small disk.")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, left: int) -> None:
    """Leaves so many bytes."""
    (disk / "fill").unlink(missing_ok=True)
    status = os.statvfs(disk)
    (disk / "fill").write_bytes(bytes(status.f_bavail * status.f_bsize - left))


def command(disk: Path, *words: str) -> Done:
    home = disk / "home"
    return here(*words, CAMPAIGN_HOME=str(home), CAMPAIGN_DATABASE_URL=f"sqlite:///{home}/campaign.db")


def says_so(done: Done, disk: Path) -> bool:
    place = f"{disk}/home"
    begins = done.sentence.startswith(f"No room is left on the disk of {place}")
    return done.status == 1 and begins and done.sentence.endswith("; make room, then run the command again.")


@pytest.mark.parametrize("left", [0, 4, 8, 24, 40, 80, 160, 320, 400])
def test_the_first_migration_on_a_full_disk(small_disk: Path, left: int) -> None:
    fill(small_disk, left * KILOBYTE)
    done = command(small_disk, "delivery", "list")
    assert done.status == 0 or says_so(done, small_disk), (done.out, done.err)
    assert left > 160 or done.status == 1
    (small_disk / "fill").unlink()
    assert command(small_disk, "delivery", "list").status == 0


@pytest.mark.parametrize("left", [0, 4, 16, 64])
def test_a_disk_that_is_full_later(small_disk: Path, left: int) -> None:
    create = ("template", "duplicate", "twitter")
    assert command(small_disk, *create, "first").status == 0
    fill(small_disk, left * KILOBYTE)
    names = [f"copy-{number}" for number in range(20)]
    outcomes = [command(small_disk, *create, name) for name in names]
    assert all(done.status == 0 or says_so(done, small_disk) for done in outcomes), [done.err for done in outcomes]
    assert outcomes[-1].status == 1
    (small_disk / "fill").unlink()
    assert command(small_disk, *create, "last").status == 0


@pytest.mark.parametrize("left", [0, 64 * KILOBYTE])
def test_a_copy_of_a_file_on_a_full_disk(
    small_disk: Path, tmp_path: Path, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "film.mp4"
    source.write_bytes(MP4 + bytes(128 * KILOBYTE))
    monkeypatch.setenv("CAMPAIGN_MEDIA_FOLDER", str(tmp_path))
    fill(small_disk, left)
    monkeypatch.setenv("CAMPAIGN_HOME", str(small_disk / "home"))
    load_settings.cache_clear()
    found = media.load(MediaItem(source=str(source)))
    assert isinstance(found, FileProblem)
    assert found.code == "file_not_kept"
    assert f"no room is left in {small_disk}/home/copies" in found.sentence
    assert not list(small_disk.glob("home/copies/*"))


@pytest.mark.parametrize("left", [0, 16, 64, 256])
def test_a_backup_onto_a_full_disk(
    small_disk: Path, tmp_path: Path, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMPAIGN_BACKUP_PASSPHRASE", "a passphrase of words")
    home, backup = tmp_path / "home", str(small_disk / "b.backup")
    database = {"CAMPAIGN_HOME": str(home), "CAMPAIGN_DATABASE_URL": f"sqlite:///{home}/campaign.db"}
    assert here("delivery", "list", **database).status == 0
    fill(small_disk, left * KILOBYTE)
    done = here("backup", backup, **database)
    assert done.status == 1
    assert done.sentence == f"No room is left on the disk of {backup}; make room, then run the command again."
    assert [file.name for file in small_disk.iterdir()] == ["fill"]


def test_a_full_disk_of_the_postgresql_server(postgresql_database: Database) -> None:  # noqa: ARG001
    full = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
    with pytest.raises(NoRoom, match=r"^No room is left on the disk of the PostgreSQL server; make room"):  # noqa: SIM117
        with transaction() as session:
            session.execute(text(full))


def test_keys_that_find_no_room_are_not_saved_in_half(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGN_HOME", str(small_disk / "home"))
    load_settings.cache_clear()
    (small_disk / "home").mkdir()
    fill(small_disk, 0)
    with pytest.raises(NoRoom, match=rf"{small_disk}/home/.*key"):
        sign("test", "text")
    assert not list(small_disk.glob("home/*"))
    (small_disk / "fill").unlink()
    assert sign("test", "text")
