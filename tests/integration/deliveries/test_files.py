"""Files at paths: what they are by their bytes, and the copies that are sent."""

import errno
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from campaign.deliveries import media, media_probe
from campaign.deliveries.draft import FileProblem, LoadedFile, MediaItem
from campaign.deliveries.media import delete_unused
from campaign.deliveries.media_types import MOST_BYTES
from campaign.settings import load_settings
from campaign.x.types import MediaKind
from tests.pictures import HEIC, MP4, VIDEOS, gif, moving, picture, scans_of

IMAGE, GIF, VIDEO = MediaKind.IMAGE, MediaKind.GIF, MediaKind.VIDEO
TYPES = {
    "png": (picture("PNG"), "image/png", IMAGE, ".png"),
    "jpeg": (picture("JPEG"), "image/jpeg", IMAGE, ".jpg"),
    "webp": (picture("WEBP"), "image/webp", IMAGE, ".webp"),
    "still gif": (picture("GIF"), "image/gif", GIF, ".gif"),
    "moving gif": (moving("GIF"), "image/gif", GIF, ".gif"),
    "several pictures in a jpeg": (moving("MPO"), "image/jpeg", IMAGE, ".jpg"),
    "mp4": (MP4, "video/mp4", VIDEO, ".mp4"),
}
WRONG = {
    "text": b"not a picture at all",
    "short": b"GI",
    "bmp": picture("BMP"),
    "moving png": moving("PNG"),
    "moving webp": moving("WEBP"),
    "heic": HEIC,
    "quicktime": b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  ",
    "sound": b"\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00mp42isom",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CAMPAIGN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CAMPAIGN_MEDIA_FOLDER", str(tmp_path))
    load_settings.cache_clear()
    yield tmp_path / "home"
    load_settings.cache_clear()


@pytest.fixture
def videos(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home
    monkeypatch.setenv("CAMPAIGN_MEDIA_FOLDER", str(VIDEOS))
    load_settings.cache_clear()


def loaded(source: Path | str) -> LoadedFile:
    found = media.load(MediaItem(source=str(source), alt_text="A cat"))
    assert isinstance(found, LoadedFile), found
    return found


def problem(source: Path | str) -> FileProblem:
    found = media.load(MediaItem(source=str(source)))
    assert isinstance(found, FileProblem), found
    assert found.source == str(source)
    assert found.sentence.endswith(".")
    return found


def written(folder: Path, content: bytes, name: str = "file.png") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def left_in(home: Path) -> list[Path]:
    return list((home / "copies").glob("*")) if (home / "copies").exists() else []


@pytest.mark.parametrize("name", TYPES)
def test_the_bytes_tell_the_type_whatever_the_name(name: str, tmp_path: Path, home: Path) -> None:
    content, media_type, kind, extension = TYPES[name]
    source, digest = written(tmp_path, content, "file.txt"), sha256(content).hexdigest()
    size = (64, 48, 1.0) if kind is VIDEO else (12, 8, 0)
    path = str(home / "copies" / (digest + extension))
    assert loaded(source) == LoadedFile(str(source), path, digest, len(content), media_type, kind, "A cat", *size)
    assert Path(path).read_bytes() == content


@pytest.mark.parametrize("name", WRONG)
def test_other_types_are_refused_whatever_the_name(name: str, tmp_path: Path, home: Path) -> None:
    found = problem(written(tmp_path, WRONG[name]))
    assert found.code == "file_wrong_type"
    assert "MP4" in found.sentence
    assert left_in(home) == []


def test_the_copy_is_private_and_stays_as_it_was_when_the_source_changes(tmp_path: Path) -> None:
    source = written(tmp_path, picture("PNG"))
    first = loaded(source)
    source.write_bytes(picture("PNG", color="blue"))
    assert Path(first.path).read_bytes() == picture("PNG")
    assert Path(first.path).stat().st_mode & 0o777 == 0o600
    assert Path(first.path).parent.stat().st_mode & 0o777 == 0o700
    assert loaded(source).sha256 != first.sha256


def test_a_copy_is_written_once_and_is_young_again(tmp_path: Path, home: Path) -> None:
    source = written(tmp_path, picture("PNG"))
    copy = Path(loaded(source).path)
    os.utime(copy, (1, 1))
    before = copy.stat()
    loaded(source)
    assert copy.stat().st_ino == before.st_ino
    assert copy.stat().st_mtime > before.st_mtime
    assert left_in(home) == [copy]


def test_a_copy_that_was_cut_off_is_replaced(tmp_path: Path) -> None:
    source = written(tmp_path, picture("PNG"))
    copy = Path(loaded(source).path)
    copy.write_bytes(b"")
    assert Path(loaded(source).path).read_bytes() == picture("PNG")


def test_a_path_may_be_relative_or_begin_at_home_or_be_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = written(tmp_path, picture("PNG"))
    (tmp_path / "link").symlink_to(source)
    monkeypatch.chdir("/")  # it is relative to the media folder, wherever a worker runs
    monkeypatch.setenv("HOME", str(tmp_path))
    same = [loaded(path).sha256 for path in (source, "file.png", "~/file.png", tmp_path / "link")]
    assert same == [sha256(picture("PNG")).hexdigest()] * 4


@pytest.mark.parametrize(
    "source", ["no.png", "~nobody-here/x.png", "a\0b", "\ud800", "x" * 300, "file:/x", "x/../y.png"]
)
def test_a_path_to_nothing(source: str) -> None:
    assert problem(source).code in {"file_missing", "file_unreadable"}


@pytest.mark.parametrize("source", ["", ".", "home/.."])
def test_a_folder_is_no_file(source: str) -> None:
    assert problem(source).code == "file_unreadable"


OUTSIDE = ["/", "/dev/zero", "/etc/passwd", "/no/such.png", "../x.png", "a/../../x.png", "link", "folder/passwd", "~/x"]


@pytest.mark.parametrize("source", OUTSIDE)
def test_a_path_outside_the_media_folder_is_refused(source: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").symlink_to("/etc")
    found = problem(source)
    remedy = "put it there, or add it to the media library with `campaign media add FILE`."
    assert found.code == "file_outside"
    assert found.sentence == f"{source} is not in the media folder {tmp_path}: {remedy}"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert problem(tmp_path / "pipe").code == "file_unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    source = written(tmp_path, picture("PNG"))
    source.chmod(0)
    assert problem(source).code == "file_unreadable"


def test_an_empty_file(tmp_path: Path, home: Path) -> None:
    assert problem(written(tmp_path, b"")).code == "file_empty"
    assert left_in(home) == []


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_that_was_cut_off_is_broken(kind: str, tmp_path: Path, home: Path) -> None:
    whole = BytesIO()
    Image.effect_noise((64, 64), 100).convert("RGB").save(whole, kind)
    assert problem(written(tmp_path, whole.getvalue()[: len(whole.getvalue()) // 2])).code == "file_broken"
    assert left_in(home) == []


@pytest.mark.parametrize(("beginning", "kind"), [(picture("PNG"), IMAGE), (picture("GIF"), GIF), (MP4, VIDEO)])
def test_one_byte_too_many_is_reported_with_both_figures(
    beginning: bytes, kind: MediaKind, tmp_path: Path, home: Path
) -> None:
    source = written(tmp_path, beginning)
    os.truncate(source, MOST_BYTES[kind] + 1)
    found = problem(source)
    assert found.code == "file_too_large"
    assert f"{MOST_BYTES[kind] + 1:,}" in found.sentence
    assert f"{MOST_BYTES[kind]:,}" in found.sentence
    assert left_in(home) == []


def test_the_largest_image_is_taken(tmp_path: Path) -> None:
    source = written(tmp_path, picture("JPEG"))
    os.truncate(source, MOST_BYTES[IMAGE])
    assert loaded(source).size == MOST_BYTES[IMAGE]


def test_a_small_file_that_unfolds_into_a_huge_picture_is_not_unfolded(tmp_path: Path) -> None:
    # Its first picture is said to be as large as its screen: 60,000 x 60,000.
    screen = b"\x60\xea\x60\xea"
    gif = b"GIF89a" + screen + b"\0\0\0," + b"\0" * 4 + screen + b"\0\x02\0;"
    assert problem(written(tmp_path, gif)).code == "file_too_large"
    found = problem(written(tmp_path, picture("PNG", (8_193, 1))))
    assert (found.code, "8,193 x 1" in found.sentence) == ("file_too_large", True)


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "no room"), (errno.EROFS, "nothing can be written")])
def test_a_home_without_room(
    number: int, words: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_descriptor: int) -> None:
        raise OSError(number, "full")

    monkeypatch.setattr(os, "fsync", fails)
    found = problem(written(tmp_path, picture("PNG")))
    assert (found.code, words in found.sentence) == ("file_not_kept", True)
    assert left_in(home) == []


def test_a_home_that_is_none(tmp_path: Path, home: Path) -> None:
    home.write_bytes(b"")
    assert problem(written(tmp_path, picture("PNG"))).code == "file_not_kept"


def test_each_source_is_read_once_and_has_the_text_of_its_first_item(tmp_path: Path) -> None:
    source, missing = str(written(tmp_path, picture("PNG"))), str(tmp_path / "missing.png")
    items = [MediaItem(source=source, alt_text=text) for text in ("One", "Two")] + [MediaItem(source=missing)]
    found = media.load_all(items)
    assert list(found) == [source, missing]
    assert [getattr(file, "alt_text", None) for file in found.values()] == ["One", None]


def test_a_sentence_shows_a_long_name_short_and_on_one_line() -> None:
    found = problem("/a\n" + "b" * 500 + "/cat.png")
    assert re.match(r"/a\?b+…b+/cat\.png is not in ", found.sentence)
    assert len(found.sentence.partition(" is not")[0]) < 90


@pytest.mark.parametrize("name", [name for name in TYPES if name != "mp4"])
def test_a_thumbnail_is_a_small_jpeg(name: str, tmp_path: Path) -> None:
    small = media.thumbnail(loaded(written(tmp_path, TYPES[name][0])), width=6)
    assert small
    with Image.open(BytesIO(small)) as image:
        assert (image.format, image.size) == ("JPEG", (6, 4))


def test_a_thumbnail_stands_upright_on_white(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = BytesIO()
    Image.new("RGBA", (4_000, 2_000), (0, 0, 0, 0)).save(whole, "PNG", exif=exif)
    small = media.thumbnail(loaded(written(tmp_path, whole.getvalue())))
    assert small
    with Image.open(BytesIO(small)) as image:
        assert image.size == (160, 320)
        assert image.getpixel((5, 5)) == (255, 255, 255)


def test_no_thumbnail_of_a_video_nor_of_a_copy_that_is_gone(tmp_path: Path) -> None:
    assert media.thumbnail(loaded(written(tmp_path, MP4))) is None
    image = loaded(written(tmp_path, picture("PNG")))
    Path(image.path).unlink()
    assert media.thumbnail(image) is None


def test_only_old_copies_that_nothing_needs_are_deleted(tmp_path: Path, home: Path) -> None:
    colors = ("red", "blue", "green")
    kept, unused, young = (loaded(written(tmp_path, picture("PNG", color=color))) for color in colors)
    unfinished = written(home / "copies", b"", "killed.part")
    for path in (kept.path, unused.path, unfinished):
        os.utime(path, (1, 1))
    assert delete_unused({kept.sha256}) == 2
    assert {str(file) for file in left_in(home)} == {kept.path, young.path}
    assert delete_unused({kept.sha256}, datetime.now(UTC) + timedelta(days=8)) == 1
    assert {str(file) for file in left_in(home)} == {kept.path}


def test_nothing_is_forgotten_where_nothing_was_loaded() -> None:
    assert delete_unused(set()) == 0


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (picture("PNG", (3, 3)), "file_too_small", "has 3 x 3 pixels, and X takes at least 4 x 4"),
        (picture("JPEG", (4, 3)), "file_too_small", "has 4 x 3 pixels"),
        (picture("WEBP", (1, 800)), "file_too_small", "has 1 x 800 pixels"),
        (gif(3, 9), "file_too_small", "has 3 x 9 pixels"),
        (gif(1600, 1200), "file_too_large", "GIF of 1,600 x 1,200 pixels, and X takes at most 1,280 x 1,080"),
        (gif(1281, 8, 1), "file_too_large", "1,281 x 8"),
        (gif(8, 1081, 1), "file_too_large", "8 x 1,081"),
        (gif(8, 8, 351), "file_too_long", "at most 350 pictures"),
        (gif(1280, 1080, 218), "file_too_long", "300 million pixels"),
    ],
)
def test_a_picture_that_x_refuses_is_refused_here(content: bytes, code: str, words: str, tmp_path: Path) -> None:
    found = problem(written(tmp_path, content))
    assert (found.code, words in found.sentence) == (code, True), found.sentence


@pytest.mark.parametrize(
    "content",
    [picture("PNG", (4, 4)), picture("PNG", (8192, 4)), gif(1280, 1080), gif(4, 4, 350), gif(1280, 1080, 217)],
)
def test_a_picture_at_the_limits_is_taken(content: bytes, tmp_path: Path) -> None:
    loaded(written(tmp_path, content))


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("hevc", "file_wrong_codec", "is a video in HEVC, and X takes H.264 (AVC)"),
        ("mp3", "file_wrong_codec", "has sound in MPEG Audio, and X takes AAC"),
        ("surround", "file_wrong_codec", "has sound in 6 channels, and X takes mono or stereo"),
        ("yuv444", "file_wrong_codec", "has colours in 4:4:4, and X takes YUV 4:2:0"),
        ("interlaced", "file_wrong_codec", "is interlaced"),
        ("sound_only", "file_broken", "has no track with pictures"),
        ("tiny", "file_too_small", "video of 16 x 16 pixels, and X takes at least 32 x 32"),
        ("wide", "file_wrong_size", "video of 256 x 64 pixels, and X takes sides of 1:3 to 3:1"),
        ("sd_pixels", "file_wrong_size", "has pixels of 1.33:1, and X takes square ones"),
        ("fast", "file_wrong_rate", "has 120 pictures a second, and X takes at most 60"),
        ("short", "file_too_short", "takes 0.2 seconds, and X takes videos of at least 0.5"),
        ("long", "file_too_long", "takes 127 minutes, and X takes at most 125"),
    ],
)
@pytest.mark.usefixtures("videos")
def test_a_video_that_x_refuses_is_refused_here(name: str, code: str, words: str) -> None:
    found = problem(VIDEOS / f"{name}.mp4")
    assert (found.code, words in found.sentence) == (code, True), found.sentence


@pytest.mark.usefixtures("videos")
@pytest.mark.parametrize("name", ["good", "silent"])
def test_a_video_that_x_plays_is_taken_with_its_size_and_length(name: str) -> None:
    found = loaded(VIDEOS / f"{name}.mp4")
    assert (found.width, found.height, found.seconds) == (64, 48, 1.0)


@pytest.mark.parametrize("cut", [24, 40, 400, 3000])
def test_a_video_that_is_cut_off_is_refused_or_taken_without_a_crash(cut: int, tmp_path: Path) -> None:
    found = media.load(MediaItem(source=str(written(tmp_path, MP4[:cut]))))
    assert isinstance(found, FileProblem)
    assert found.code == "file_broken"


BOMBS = {
    "a JPEG of empty scans": (scans_of(8192, 39_536), "file_too_complex"),
    "a small JPEG of empty scans": (scans_of(16, 100_000), "file_too_complex"),
    "a GIF of many pictures": (gif(8, 8, 5_000), "file_too_long"),
    "a GIF whose first picture is larger than itself": (
        b"GIF89a\x08\0\x08\0\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x01\x01\0;",
        "file_too_large",
    ),
    "a huge PNG": (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x7f\xff\0\0\x7f\xff\x08\x06\0\0\0" + bytes(4),
        "file_too_large",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_within_a_second(name: str, tmp_path: Path) -> None:
    content, code = BOMBS[name]
    source, before = written(tmp_path, content), os.times()
    assert problem(source).code in {code, "file_broken"}
    after = os.times()
    # Of the processor: a busy machine is no failure.
    assert sum(after[:4]) - sum(before[:4]) < 1.5


def test_the_system_ends_a_decoder_that_uses_up_its_time(tmp_path: Path) -> None:
    source = written(tmp_path, picture("PNG"))
    program = [sys.executable, "-P", media_probe.__file__, "image/png", str(source)]
    assert subprocess.run(program, capture_output=True, check=False).returncode == 0
    ended = subprocess.run([*program, "0"], capture_output=True, check=False)
    assert ended.returncode in {-signal.SIGXCPU, -signal.SIGKILL}
    assert ended.stdout == b""
