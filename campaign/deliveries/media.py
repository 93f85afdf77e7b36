"""Files of a delivery: read, looked at, and copied so that what was looked at is what goes out."""

import errno
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, BinaryIO

from campaign.deliveries.draft import FileProblem, LoadedFile, MediaItem
from campaign.deliveries.media_types import FORMATS, SIGN_BYTES, Arriving, FileType, Unusable, check_size, type_of
from campaign.settings import load_settings
from campaign.x.types import MediaKind

if TYPE_CHECKING:
    from PIL.Image import Image

    from campaign.deliveries.fetch import Fetcher

KEPT_FOR = timedelta(days=7)
"""How long a copy that nothing needs is kept after it was last loaded."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Copy:
    """A file in the home, named by the SHA-256 of its bytes; `size` in bytes."""

    path: Path
    sha256: str
    size: int
    type: FileType


def keep(arriving: Arriving) -> Copy:
    """Copies a file into the home and checks it; raises Unusable, and then nothing of it is left."""
    try:
        return _keep(arriving, _folder())
    except OSError as error:
        why = "no room is left" if error.errno in _NO_ROOM else "nothing can be written"
        raise Unusable("file_not_kept", f"cannot be copied, because {why} in {_path()}: make that possible.") from None


def delete_unused(keep: Collection[str], now: datetime | None = None) -> int:
    """Deletes the copies whose SHA-256 is not to be kept and that were last loaded a week ago; how many those were."""
    before = ((now or datetime.now(UTC)) - KEPT_FOR).timestamp()
    old = [file for file in _path().glob("*") if file.stem not in keep and _changed_at(file) < before]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


def _path() -> Path:
    return load_settings().home / "media"


def _folder() -> Path:
    _path().mkdir(mode=0o700, parents=True, exist_ok=True)
    return _path()


def _changed_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        # Another process deleted it just now.
        return float("inf")


def _keep(arriving: Arriving, folder: Path) -> Copy:
    # Only the owner may read a temporary file, and the copy that it becomes.
    with NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as content:
        unfinished = Path(content.name)
        try:
            digest, size = _write(arriving, content)
            found = type_of(unfinished)
            copy = Copy(folder / (digest + found.extension), digest, size, found)
            _settle(unfinished, copy)
        finally:
            unfinished.unlink(missing_ok=True)
    return copy


def _write(arriving: Arriving, content: IO[bytes]) -> tuple[str, int]:
    """Returns the SHA-256 of what arrived and its size; stops before the byte that is too much."""
    digest, size, beginning = sha256(), 0, b""
    check_size(beginning, arriving.announced or 0)
    for chunk in arriving.chunks:
        size += len(chunk)
        beginning += chunk[: SIGN_BYTES - len(beginning)]
        check_size(beginning, max(size, arriving.announced or 0))
        digest.update(chunk)
        content.write(chunk)
    if not size:
        raise Unusable("file_empty", "is empty: take another file.")
    content.flush()
    os.fsync(content.fileno())
    return digest.hexdigest(), size


def _settle(unfinished: Path, copy: Copy) -> None:
    """Gives the file its name, or renews the date of the copy that is there already."""
    try:
        if copy.path.stat().st_size == copy.size:
            os.utime(copy.path)
            return
    except FileNotFoundError:
        pass
    unfinished.replace(copy.path)


__all__ = ["delete_unused", "load", "load_all", "thumbnail"]

_CHUNK_BYTES = 1 << 20
_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_SHOWN_CHARACTERS = 80
_JPEG_QUALITY = 80


def load_all(items: Iterable[MediaItem], fetcher: "Fetcher | None" = None) -> dict[str, LoadedFile | FileProblem]:
    """Returns what each source holds, read once; the alternative text is that of its first item."""
    found = dict[str, LoadedFile | FileProblem]()
    for item in items:
        fetcher = fetcher or _fetcher_of(item)
        if item.source not in found:
            found[item.source] = load(item, fetcher)
    return found


def load(item: MediaItem, fetcher: "Fetcher | None" = None) -> LoadedFile | FileProblem:
    """Copies a file into the home and returns what it is; a path is absolute, relative, or has a ~."""
    is_address = _ADDRESS.match(item.source)
    fetcher = fetcher or _fetcher_of(item)
    try:
        with fetcher.open(item.source) if fetcher and is_address else _opened(item.source) as arriving:
            copy = keep(arriving)
    except Unusable as problem:
        return FileProblem(item.source, problem.code, f"{_shown(item.source)} {problem}")
    return LoadedFile(
        source=item.source,
        path=str(copy.path),
        sha256=copy.sha256,
        size=copy.size,
        media_type=copy.type.media_type,
        kind=copy.type.kind,
        alt_text=item.alt_text,
        width=copy.type.width,
        height=copy.type.height,
    )


def _fetcher_of(item: MediaItem) -> "Fetcher | None":
    """Makes what fetches an address; None for a path."""
    if not _ADDRESS.match(item.source):
        return None
    from campaign.deliveries.fetch import Fetcher

    return Fetcher()


def thumbnail(file: LoadedFile, width: int = 160) -> bytes | None:
    """Returns a JPEG of a picture (a GIF's first), at most `width` pixels wide and twice as high; None for a video."""
    if file.kind is MediaKind.VIDEO:
        return None
    from PIL import Image

    try:
        with Image.open(file.path, formats=FORMATS) as image:
            return _small_jpeg(image, (width, 2 * width))
    except OSError:
        # The copy is gone: a preview goes without.
        return None


def _small_jpeg(image: "Image", size: tuple[int, int]) -> bytes:
    from PIL import Image, ImageOps

    # Roughly first: what follows makes copies, of which those of a large picture would take hundreds of megabytes.
    image.thumbnail((8 * max(size), 8 * max(size)), Image.Resampling.NEAREST)
    small = ImageOps.exif_transpose(image).convert("RGBA")
    small.thumbnail(size)
    background = Image.new("RGBA", small.size, "white")
    written = BytesIO()
    Image.alpha_composite(background, small).convert("RGB").save(written, "JPEG", quality=_JPEG_QUALITY)
    return written.getvalue()


@contextmanager
def _opened(source: str) -> Iterator[Arriving]:
    with _file_at(source) as content:
        status = os.fstat(content.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Unusable("file_unreadable", "is no file but a device or a pipe: take a file.")
        yield Arriving(status.st_size, _chunks(content))


def _file_at(source: str) -> BinaryIO:
    try:
        # Path.open knows no opener.
        return open(Path(source).expanduser(), "rb", opener=_without_waiting)
    except (FileNotFoundError, NotADirectoryError, ValueError, RuntimeError):
        # Scheduled work runs in folders of its own, where a relative path means another file.
        raise Unusable("file_missing", "is not there: write its whole path on the machine of the worker.") from None
    except IsADirectoryError:
        raise Unusable("file_unreadable", "is a folder: name a file in it.") from None
    except OSError:
        raise Unusable("file_unreadable", "cannot be read: allow the user of the worker to read it.") from None


def _without_waiting(path: str, flags: int) -> int:
    # A pipe would keep us waiting for a writer.
    return os.open(path, flags | os.O_NONBLOCK)


def _chunks(content: BinaryIO) -> Iterator[bytes]:
    try:
        while chunk := content.read(_CHUNK_BYTES):
            yield chunk
    except OSError:
        raise Unusable("file_unreadable", "cannot be read to its end: copy it again.") from None


def _shown(source: str) -> str:
    """Returns the source as a person knows it: on one line, short, and without what may be a key."""
    text = _without_keys(source) if _ADDRESS.match(source) else source
    text = "".join(letter if letter.isprintable() else "?" for letter in text) or "The empty name"
    cut = _SHOWN_CHARACTERS // 2
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:cut]}…{text[-cut:]}"


def _without_keys(source: str) -> str:
    import httpx

    try:
        url = httpx.URL(source.strip())
    except (httpx.InvalidURL, ValueError):
        return "What was given"
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"
