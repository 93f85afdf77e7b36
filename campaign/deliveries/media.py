"""Files of a delivery: read, checked, and copied so that exactly what was checked goes out."""

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, BinaryIO

from campaign.deliveries.draft import FileProblem, LoadedFile, MediaItem
from campaign.deliveries.media_types import SIGN_BYTES, Arriving, FileType, Unusable, check_size, run_probe, type_of
from campaign.errors import is_full
from campaign.settings import load_settings
from campaign.x.types import MediaKind

if TYPE_CHECKING:
    from campaign.deliveries.fetch import Fetcher

KEPT_FOR = timedelta(days=7)
"""How long a copy that no delivery needs stays after it was last loaded."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """A file in the home, named by the SHA-256 of its bytes; `size` in bytes."""

    path: Path
    sha256: str
    size: int
    type: FileType


def delete_unused(keep: Collection[str], now: datetime | None = None) -> int:
    """Deletes the copies not in `keep` (their SHA-256) that were last loaded a week ago; returns how many."""
    before, deleted = ((now or datetime.now(UTC)) - KEPT_FOR).timestamp(), 0
    for file in _folder().glob("*"):
        with suppress(FileNotFoundError):  # another process deleted it just now
            if file.stem not in keep and file.stat().st_mtime < before:
                file.unlink()
                deleted += 1
    return deleted


def _folder() -> Path:
    return load_settings().home / "media"


def _save(arriving: Arriving) -> _Copy:
    """Copies a file into the home and checks it; raises Unusable, and then nothing of it is left."""
    folder = _folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Only the owner may read a temporary file, and the copy that it becomes.
        with NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as content:
            unfinished = Path(content.name)
            try:
                digest, size = _write(arriving, content)
                found = type_of(unfinished)
                path = folder / (digest + found.extension)
                if path.exists() and path.stat().st_size == size:
                    os.utime(path)  # its week begins again
                else:
                    unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        why = "no room is left" if is_full(error) else "nothing can be written"
        raise Unusable("file_not_kept", f"cannot be copied, because {why} in {folder}: make that possible.") from None
    return _Copy(path, digest, size, found)


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


__all__ = ["delete_unused", "load", "load_all", "thumbnail"]

_CHUNK_BYTES = 1 << 20
_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_SHOWN_CHARACTERS = 80


def load_all(items: Iterable[MediaItem], fetcher: "Fetcher | None" = None) -> dict[str, LoadedFile | FileProblem]:
    """Reads each source once; the alternative text is that of its first item."""
    found = dict[str, LoadedFile | FileProblem]()
    for item in items:
        fetcher = fetcher or _fetcher_of(item)
        if item.source not in found:
            found[item.source] = load(item, fetcher)
    return found


def load(item: MediaItem, fetcher: "Fetcher | None" = None) -> LoadedFile | FileProblem:
    """Copies a file into the home and describes it; a path is absolute, relative, or has a ~."""
    is_address = _ADDRESS.match(item.source)
    fetcher = fetcher or _fetcher_of(item)
    try:
        with fetcher.open(item.source) if fetcher and is_address else _opened(item.source) as arriving:
            copy = _save(arriving)
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
        seconds=copy.type.seconds,
    )


def _fetcher_of(item: MediaItem) -> "Fetcher | None":
    """Returns the fetcher of an address; None for a path."""
    if not _ADDRESS.match(item.source):
        return None
    from campaign.deliveries.fetch import Fetcher

    return Fetcher()


def thumbnail(file: LoadedFile, width: int = 160) -> bytes | None:
    """Returns a JPEG of a picture (a GIF's first), at most `width` pixels wide and twice as high; None for a video."""
    # Without the copy, which is deleted after a while, a preview goes without.
    return run_probe("thumbnail", file.path, str(width)).stdout or None if file.kind is not MediaKind.VIDEO else None


@contextmanager
def _opened(source: str) -> Iterator[Arriving]:
    try:
        # Without O_NONBLOCK a pipe would wait for a writer.
        opened = open(  # noqa: SIM115 - only errors of opening are caught here
            Path(source).expanduser(), "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)
        )
    except (FileNotFoundError, NotADirectoryError, ValueError, RuntimeError):
        # Scheduled work runs in folders of its own, where a relative path means another file.
        raise Unusable("file_missing", "is not there: write its whole path on the machine of the worker.") from None
    except IsADirectoryError:
        raise Unusable("file_unreadable", "is a folder: name a file in it.") from None
    except OSError:
        raise Unusable("file_unreadable", "cannot be read: allow the user of the worker to read it.") from None
    with opened as content:
        status = os.fstat(content.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Unusable("file_unreadable", "is no file but a device or a pipe: take a file.")
        yield Arriving(status.st_size, _chunks(content))


def _chunks(content: BinaryIO) -> Iterator[bytes]:
    try:
        while chunk := content.read(_CHUNK_BYTES):
            yield chunk
    except OSError:
        raise Unusable("file_unreadable", "cannot be read to its end: copy it again.") from None


def _shown(source: str) -> str:
    """Returns a source on one line, short, and without the parts of an address that may be a key."""
    text = source
    if _ADDRESS.match(source):
        import httpx

        try:
            url = httpx.URL(source.strip())
            text = f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"
        except (httpx.InvalidURL, ValueError):
            text = "The address"
    text = "".join(letter if letter.isprintable() else "?" for letter in text) or "The empty name"
    cut = _SHOWN_CHARACTERS // 2
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:cut]}…{text[-cut:]}"
