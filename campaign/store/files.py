"""The files of a post, read from a path or an https address; nothing here raises: what is wrong is told."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import httpx
from PIL import Image, ImageOps

from campaign.domain.content import MediaItem
from campaign.domain.posts import MediaKind
from campaign.domain.rendered import FileProblem, LoadedFile
from campaign.store import file_copies
from campaign.store.fetching import Fetcher
from campaign.store.file_copies import forget_unused
from campaign.store.file_types import FORMATS, Arriving, Unusable

__all__ = ["forget_unused", "load", "load_all", "thumbnail"]

_CHUNK_BYTES = 1 << 20
_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_SHOWN_CHARACTERS = 80
_JPEG_QUALITY = 80


def load_all(items: Iterable[MediaItem], fetcher: Fetcher | None = None) -> dict[str, LoadedFile | FileProblem]:
    """What each source holds, read once; the alternative text is that of its first item."""
    fetcher, found = fetcher or Fetcher(), dict[str, LoadedFile | FileProblem]()
    for item in items:
        if item.source not in found:
            found[item.source] = load(item, fetcher)
    return found


def load(item: MediaItem, fetcher: Fetcher | None = None) -> LoadedFile | FileProblem:
    """Copy a file into the home and say what it is; a path is absolute, relative to the current folder, or has a ~."""
    is_address = _ADDRESS.match(item.source)
    try:
        with (fetcher or Fetcher()).open(item.source) if is_address else _opened(item.source) as arriving:
            copy = file_copies.keep(arriving)
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


def thumbnail(file: LoadedFile, width: int = 160) -> bytes | None:
    """A JPEG of the picture, or of a GIF's first, at most `width` pixels wide and twice as high; None for a video."""
    if file.kind is MediaKind.VIDEO:
        return None
    try:
        with Image.open(file.path, formats=FORMATS) as image:
            return _small_jpeg(image, (width, 2 * width))
    except OSError:
        # The copy is gone: a preview goes without.
        return None


def _small_jpeg(image: Image.Image, size: tuple[int, int]) -> bytes:
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
    # A pipe would keep us waiting for somebody to write into it.
    return os.open(path, flags | os.O_NONBLOCK)


def _chunks(content: BinaryIO) -> Iterator[bytes]:
    try:
        while chunk := content.read(_CHUNK_BYTES):
            yield chunk
    except OSError:
        raise Unusable("file_unreadable", "cannot be read to its end: copy it again.") from None


def _shown(source: str) -> str:
    """The source as a person knows it: on one line, short, and without what may be a key."""
    text = _without_keys(source) if _ADDRESS.match(source) else source
    text = "".join(letter if letter.isprintable() else "?" for letter in text) or "The empty name"
    cut = _SHOWN_CHARACTERS // 2
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:cut]}…{text[-cut:]}"


def _without_keys(source: str) -> str:
    try:
        url = httpx.URL(source.strip())
    except (httpx.InvalidURL, ValueError):
        return "What was given"
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"
