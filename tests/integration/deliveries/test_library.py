"""The media library: files by their content, on both databases and in a shared folder."""

import shutil
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pendulum
import pytest
from sqlmodel import col, select

from campaign.db.engine import read_session, transaction
from campaign.deliveries import media
from campaign.deliveries.approval import compose
from campaign.deliveries.draft import Content, Draft, FileProblem, LoadedFile, MediaItem, Part
from campaign.errors import NotPossible, WrongUsage
from campaign.settings import load_settings
from models import AuditEntry, Delivery, MediaBlob, MediaChunk
from tests.command import here
from tests.databases import Database
from tests.pictures import MP4, picture
from tests.readings import saved_service

NOW = pendulum.datetime(2026, 11, 30, 9)
PNG = picture("PNG")
LARGE = picture("JPEG") + bytes(3 * media.CHUNK_BYTES)


@pytest.fixture(params=["tables", "shared folder"])
def where(request: pytest.FixtureRequest, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    assert database
    if request.param == "shared folder":
        monkeypatch.setenv("CAMPAIGN_LIBRARY_FOLDER", str(tmp_path / "shared"))
        load_settings.cache_clear()
    return str(request.param)


def saved(content: bytes = PNG, name: str = "Summer sale.PNG", alt_text: str = "") -> MediaBlob:
    with transaction() as session:
        return media.save(session, name, content, "ana", NOW, alt_text)


def loaded(source: str) -> LoadedFile | FileProblem:
    return media.load(MediaItem(source=source))


def test_a_file_comes_out_as_it_went_in_on_every_machine(where: str, tmp_path: Path) -> None:
    blobs = [saved(), saved(MP4, "film"), saved(LARGE, "large.jpg")]
    assert [blob.name for blob in blobs] == ["summer-sale.png", "film.mp4", "large.jpg"]
    shutil.rmtree(tmp_path / "copies")  # another machine has none
    for blob, content in zip(blobs, (PNG, MP4, LARGE), strict=True):
        for source in (f"library:{blob.name}", f" library:{blob.sha256}", f"library:{blob.name}"):
            found = loaded(source)
            assert isinstance(found, LoadedFile), found
            assert (found.sha256, found.media_type, found.size) == (blob.sha256, blob.media_type, len(content))
            assert Path(found.path).read_bytes() == content
        with read_session() as session:
            assert media.read(session, blob.sha256) == content
    with read_session() as session:
        assert bool(session.exec(select(MediaChunk)).first()) is (where == "tables")


def test_the_same_content_is_one_file_and_another_gets_another_name(where: str) -> None:
    assert where
    first, again, other = saved(), saved(name="other.png", alt_text="A sun"), saved(picture("PNG", color="blue"))
    assert (again.name, again.alt_text, again.sha256) == (first.name, "A sun", sha256(PNG).hexdigest())
    assert other.name == "summer-sale-2.png"
    with read_session() as session:
        assert {blob.name for blob in media.listed(session)} == {first.name, other.name}
        assert [blob.name for blob in media.listed(session, "SUN")] == [first.name]
        assert media.listed(session, "%") == []


@pytest.mark.usefixtures("where")
def test_a_removed_file_is_gone_and_can_be_added_again(tmp_path: Path) -> None:
    blob = saved()
    with transaction() as session:
        media.remove(session, f"library:{blob.name}", "ana", NOW)
    found = loaded(f"library:{blob.name}")
    assert isinstance(found, FileProblem)
    assert found.code == "file_missing"
    assert "campaign media add FILE" in found.sentence
    assert not list(tmp_path.glob("shared/*"))
    assert saved().name == blob.name
    with read_session() as session:
        entries = [(one.actor, one.subject, one.action) for one in session.exec(select(AuditEntry).order_by("id"))]
    assert entries == [("ana", f"file {blob.name}", action) for action in ("added", "removed", "added")]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("state", ["being edited", "over"])
def test_a_file_that_a_delivery_needs_stays(state: str) -> None:
    saved_service()
    blob = saved()
    part = Part(text="Hi", media=[MediaItem(source=f"library:{blob.name}")])
    name = compose(Draft(label="Sale", services=["acme"], content=Content(parts=[part])), actor="ana").name
    if state == "over":
        here("delivery", "stop", name)
        assert here("media", "remove", blob.name).status == 0
        return
    done = here("media", "remove", blob.name)
    assert (done.status, done.sentence) == (1, f"{blob.name} is used by the delivery {name}; take it out there first.")
    with transaction() as session, pytest.raises(NotPossible):
        media.remove(session, blob.sha256, "ana", NOW)


@pytest.mark.usefixtures("database")
def test_a_file_without_a_description_takes_that_of_the_library() -> None:
    saved_service()
    saved(alt_text="A sun over the sea")
    sources = [("library:summer-sale.png", ""), ("library:summer-sale.png", "Own"), ("library:none.png", "")]
    part = Part(text="Hi", media=[MediaItem(source=source, alt_text=text) for source, text in sources])
    delivery = compose(Draft(label="Sale", services=["acme"], content=Content(parts=[part])), actor="ana")
    with read_session() as session:
        content = Content.model_validate_json(session.get_one(Delivery, delivery.id).content)
    assert [item.alt_text for item in content.parts[0].media] == ["A sun over the sea", "Own", ""]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (b"text", "/a/b.png", "b.png is not a PNG, JPEG, WEBP, GIF or MP4: convert it to one of these."),
        (b"", "x\x1b[2J.png", "x\ufffd[2J.png is empty: take another file."),
        (picture("PNG", (3, 3)), "", "The file has 3 x 3 pixels"),
    ],
)
def test_what_x_refuses_does_not_come_in(content: bytes, name: str, sentence: str) -> None:
    with transaction() as session, pytest.raises(WrongUsage) as caught:
        media.save(session, name, BytesIO(content), "ana", NOW)
    assert str(caught.value).startswith(sentence)
    with read_session() as session:
        assert media.listed(session) == []


@pytest.mark.usefixtures("where")
@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_bytes_that_are_gone_or_changed_are_not_sent(damage: str, tmp_path: Path) -> None:
    blob = saved(LARGE, "large.jpg")
    shutil.rmtree(tmp_path / "copies")
    other = picture("JPEG", color="blue") + bytes(blob.size - len(picture("JPEG", color="blue")))
    with transaction() as session:
        for chunk in session.exec(select(MediaChunk).order_by(col(MediaChunk.number))).all():
            if damage == "gone":
                session.delete(chunk)
            elif chunk.number == 0:
                chunk.content = other[: media.CHUNK_BYTES]
    for file in (tmp_path / "shared").glob("*"):
        file.unlink() if damage == "gone" else file.write_bytes(other)
    found = loaded("library:large.jpg")
    assert isinstance(found, FileProblem)
    assert found.code == ("file_missing" if damage == "gone" else "file_broken")


@pytest.mark.usefixtures("sqlite_database")
def test_the_command_adds_lists_and_removes(tmp_path: Path) -> None:
    (tmp_path / "a b.png").write_bytes(PNG)
    (tmp_path / "film.mp4").write_bytes(MP4)
    added = here("media", "add", str(tmp_path / "a b.png"), str(tmp_path / "film.mp4"), "--json")
    assert [one["source"] for one in added.document] == ["library:a-b.png", "library:film.mp4"]
    assert here("media", "add", str(tmp_path / "a b.png"), "--alt", "A red field").status == 0
    [found] = here("media", "list", "red", "--json").document
    assert found["alt_text"] == "A red field"
    assert "library:film.mp4" in here("media", "list").out
    assert here("media", "remove", "film.mp4").sentence == "film.mp4 was removed from the media library."
    assert [one["name"] for one in here("media", "list", "--json").document] == ["a-b.png"]


@pytest.mark.usefixtures("sqlite_database")
@pytest.mark.parametrize("file", ["none.png", ".", "/dev/zero", "~nobody-here/x.png"])
def test_what_the_command_cannot_read_is_one_sentence(file: str) -> None:
    done = here("media", "add", file)
    assert done.status == 2
    assert done.sentence.endswith("is not a file that you can read; name a picture, a GIF or a video.")


@pytest.mark.usefixtures("sqlite_database")
def test_the_command_takes_a_local_file_in_and_leaves_one_of_the_folder(tmp_path: Path) -> None:
    saved_service()
    (tmp_path / "here.png").write_bytes(PNG)
    inside = tmp_path / "media" / "there.png"
    inside.parent.mkdir()
    inside.write_bytes(PNG)
    of = ["delivery", "create", "--service", "acme", "--text", "Hi", "--json"]
    files = [str(tmp_path / "here.png"), str(inside), "https://example.com/a.png", "library:here.png"]
    name = here(*of, *(word for file in files for word in ("--media", file))).document["name"]
    [part] = here("delivery", "show", name, "--json").document["content"]["parts"]
    sources = ["library:here.png", str(inside), "https://example.com/a.png", "library:here.png"]
    assert [item["source"] for item in part["media"]] == sources
