"""Files of a delivery: read, checked, and copied so that exactly what was checked goes out."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from campaign.db.engine import read_session
from campaign.deliveries import library
from campaign.deliveries.draft import FileProblem, LoadedFile, MediaItem
from campaign.deliveries.media_types import Arriving, Unusable, run_probe
from campaign.errors import WrongUsage
from campaign.settings import load_settings
from campaign.x.types import MediaKind

if TYPE_CHECKING:
    from campaign.deliveries.fetch import Fetcher

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
    """Copies a file into the home and describes it: from the library, an https address or the media folder."""
    is_address = _ADDRESS.match(item.source)
    fetcher = fetcher or _fetcher_of(item)
    try:
        if item.is_in_library:
            copy = _copy_from_library(item.source)
        else:
            with fetcher.open(item.source) if fetcher and is_address else _opened(item.source) as arriving:
                copy = library.save_copy(arriving)
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


def _copy_from_library(source: str) -> library.FileCopy:
    with read_session() as session:
        try:
            blob = library.find(session, source)
        except WrongUsage:
            remedy = "`campaign media list` shows its files, `campaign media add FILE` adds one."
            raise Unusable("file_missing", f"is not in the media library: {remedy}") from None
        return library.copy_of(session, blob)


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


def in_media_folder(source: str) -> Path:
    """Returns the real place of a file in the media folder, whatever links lead there; raises Unusable for others."""
    folder = load_settings().media_folder
    try:
        path = (folder / Path(source).expanduser()).resolve()
        is_inside = path.is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # no name of a file, an unknown user, a link to itself
        raise Unusable("file_missing", f"is not the path of a file: name one in {folder}.") from None
    if not is_inside:
        # The same sentence whether it exists or not: a form must not answer that.
        remedy = "put it there, or add it to the media library with `campaign media add FILE`."
        raise Unusable("file_outside", f"is not in the media folder {folder}: {remedy}")
    return path


@contextmanager
def _opened(source: str) -> Iterator[Arriving]:
    path = in_media_folder(source)
    try:
        # Without O_NONBLOCK a pipe would wait for a writer; a link that appeared meanwhile is not followed.
        opened = open(  # noqa: SIM115 - only errors of opening are caught here
            path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)
        )
    except (FileNotFoundError, NotADirectoryError, ValueError):
        remedy = f"put it into the media folder {load_settings().media_folder}, on every machine with a worker."
        raise Unusable("file_missing", f"is not there: {remedy}") from None
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
        while chunk := content.read(library.CHUNK_BYTES):
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
