"""Files of deliveries: read, checked, and copied so that exactly what was checked goes out.

The home has the checked copies that are sent, the media library what every worker reaches.
"""

import os
import re
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from itertools import count
from pathlib import Path, PurePath
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, BinaryIO

from slugify import slugify
from sqlalchemy import delete, insert, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from campaign.db.engine import read_session
from campaign.deliveries.draft import LIBRARY, Draft, FileProblem, LoadedFile, MediaItem
from campaign.deliveries.media_types import (
    SIGN_BYTES,
    Arriving,
    FileType,
    Unusable,
    check_size,
    known_type,
    run_probe,
    type_of,
)
from campaign.errors import NotPossible, WrongUsage, is_full, unwritable
from campaign.formatting import printable
from campaign.settings import load_settings
from campaign.users import store as users
from campaign.x.types import MediaKind
from models import OVER, Delivery, DeliveryTemplate, MediaBlob, MediaChunk

CHUNK_BYTES = 1 << 20
KEPT_FOR = timedelta(days=7)
"""How long a copy that no delivery needs stays after it was last loaded."""
_LONGEST_STEM = 60


@dataclass(frozen=True, slots=True)
class FileCopy:
    """A file in the home, named by the SHA-256 of its bytes; `size` in bytes."""

    path: Path
    sha256: str
    size: int
    type: FileType


def delete_unused(keep: Collection[str], now: datetime | None = None) -> int:
    """Deletes the copies not in `keep` (their SHA-256) that were last loaded a week ago; returns how many."""
    before, deleted = ((now or datetime.now(UTC)) - KEPT_FOR).timestamp(), 0
    for file in _copies().glob("*"):
        with suppress(FileNotFoundError):  # another process deleted it just now
            if file.stem not in keep and file.stat().st_mtime < before:
                file.unlink()
                deleted += 1
    return deleted


def _copies() -> Path:
    return load_settings().home / "copies"


def save_copy(arriving: Arriving) -> FileCopy:
    """Copies a file into the home and checks it; raises Unusable, and then nothing of it is left."""
    folder = _copies()
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
    return FileCopy(path, digest, size, found)


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


def take(name: str, content: BinaryIO) -> FileCopy:
    """Copies a given file into the home and checks it; raises WrongUsage for one that X would not take."""
    try:
        return save_copy(Arriving(None, _pieces(content)))
    except Unusable as problem:
        raise WrongUsage(f"{printable(PurePath(name).name) or 'The file'} {problem}") from None


def save(
    session: Session, name: str, data: bytes | BinaryIO | FileCopy, by: str, now: datetime, alt_text: str = ""
) -> MediaBlob:
    """Takes a file into the library, once however often it is given; `alt_text` is its first description.

    Raises WrongUsage for a file that X would not take, NotPossible when it cannot be kept. A large file is copied by
    `take` before the transaction, for which others would wait.
    """
    copy = data if isinstance(data, FileCopy) else take(name, BytesIO(data) if isinstance(data, bytes) else data)
    if known := session.get(MediaBlob, copy.sha256):
        known.alt_text = known.alt_text or alt_text
        return known
    extension = copy.type.extension
    stem = slugify(PurePath(name).stem, max_length=_LONGEST_STEM) or "file"
    taken = set(session.exec(select(MediaBlob.name).where(col(MediaBlob.name).startswith(stem, autoescape=True))))
    names = (f"{stem}{f'-{number}' if number > 1 else ''}{extension}" for number in count(1))
    blob = MediaBlob(
        sha256=copy.sha256,
        name=next(free for free in names if free not in taken),
        media_type=copy.type.media_type,
        size=copy.size,
        width=copy.type.width,
        height=copy.type.height,
        seconds=copy.type.seconds,
        alt_text=alt_text,
        added_at=now,
        added_by=by,
    )
    session.add(blob)
    try:
        session.flush()
    except IntegrityError:
        raise NotPossible(f"{blob.name} was just added by another process; run the command again.") from None
    _save_bytes(session, copy)
    users.record_audit(session, by, f"file {blob.name}", "added", now)
    return blob


def _save_bytes(session: Session, copy: FileCopy) -> None:
    folder = load_settings().library_folder
    if folder is None:
        with copy.path.open("rb") as content:
            for number, piece in enumerate(_pieces(content)):
                row = {"sha256": copy.sha256, "number": number, "content": piece}
                session.execute(insert(MediaChunk), row)
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as unfinished:
            try:
                with copy.path.open("rb") as content:
                    shutil.copyfileobj(content, unfinished)
                unfinished.flush()
                os.fsync(unfinished.fileno())
                Path(unfinished.name).replace(folder / copy.sha256)
            finally:
                Path(unfinished.name).unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(folder, error, "CAMPAIGN_LIBRARY_FOLDER") from None


def listed(session: Session, search: str = "") -> list[MediaBlob]:
    """Returns the files of the library, the newest first: all, or those with this in their name or description."""
    found = or_(
        *(column.icontains(search, autoescape=True) for column in (col(MediaBlob.name), col(MediaBlob.alt_text)))
    )
    return list(session.exec(select(MediaBlob).where(found).order_by(col(MediaBlob.added_at).desc(), MediaBlob.name)))


def find(session: Session, name: str) -> MediaBlob:
    """Finds a file by its name or its SHA-256, with or without `library:` before it; raises WrongUsage."""
    name = name.strip().removeprefix(LIBRARY).strip()
    blob: MediaBlob | None = session.scalar(
        select(MediaBlob).where(or_(col(MediaBlob.name) == name, col(MediaBlob.sha256) == name))
    )
    if blob is None:
        raise WrongUsage(f"{name!r} is not in the media library; `campaign media list` shows its files.")
    return blob


def read(session: Session, sha256: str) -> bytes:
    """Returns the bytes of a file of the library; raises WrongUsage when there is none."""
    return b"".join(_chunks_of(session, find(session, sha256)))


def copy_of(session: Session, blob: MediaBlob) -> FileCopy:
    """Returns the copy of a file of the library in this home, made unless it is there; raises Unusable."""
    found = known_type(blob.media_type, blob.width, blob.height, blob.seconds)
    path = _copies() / (blob.sha256 + found.extension)
    with suppress(OSError):
        if path.stat().st_size == blob.size:
            os.utime(path)
            return FileCopy(path, blob.sha256, blob.size, found)
    copy = save_copy(Arriving(blob.size, _chunks_of(session, blob)))
    if copy.sha256 != blob.sha256:
        raise Unusable("file_broken", "was changed where the library keeps it: remove it and add it again.")
    return copy


def _chunks_of(session: Session, blob: MediaBlob) -> Iterator[bytes]:
    folder = load_settings().library_folder
    if folder and (file := folder / blob.sha256).is_file():
        with file.open("rb") as content:
            yield from _pieces(content)
        return
    for number in range(-(-blob.size // CHUNK_BYTES)):
        this = col(MediaChunk.sha256) == blob.sha256, col(MediaChunk.number) == number
        piece: bytes | None = session.scalar(select(MediaChunk.content).where(*this))
        if piece is None:
            why = "is not where the library keeps its files: set CAMPAIGN_LIBRARY_FOLDER as it was when it was added."
            raise Unusable("file_missing", why)
        yield piece


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    while piece := content.read(CHUNK_BYTES):
        yield piece


def describe(session: Session, draft: Draft) -> Draft:
    """Gives files of the library without an alternative text the one that the library has."""

    def described(item: MediaItem) -> MediaItem:
        if item.alt_text or not item.is_in_library:
            return item
        with suppress(WrongUsage):  # the analysis says that the file is missing
            return item.model_copy(update={"alt_text": find(session, item.source).alt_text})
        return item

    parts = [part.model_copy(update={"media": [*map(described, part.media)]}) for part in draft.content.parts]
    return draft.model_copy(update={"content": draft.content.model_copy(update={"parts": parts})})


def remove(session: Session, name: str, by: str, now: datetime) -> MediaBlob:
    """Removes a file from the library; raises NotPossible while a template or a delivery under way names it."""
    blob = find(session, name)
    sources = [f'"{LIBRARY}{blob.name}"', f'"{LIBRARY}{blob.sha256}"']
    draft, template = col(Delivery.content), col(DeliveryTemplate.settings)
    going_out = select(Delivery.name).where(
        col(Delivery.state).not_in(OVER), or_(*(draft.contains(source, autoescape=True) for source in sources))
    )
    saved = select(DeliveryTemplate.name).where(
        or_(*(template.contains(source, autoescape=True) for source in sources))
    )
    for kind, query in (("delivery", going_out), ("template", saved)):
        if user := session.scalar(query.limit(1)):
            raise NotPossible(f"{blob.name} is used by the {kind} {user}; take it out there first.")
    session.execute(delete(MediaChunk).where(col(MediaChunk.sha256) == blob.sha256))
    users.record_audit(session, by, f"file {blob.name}", "removed", now)
    session.delete(blob)
    session.flush()
    if folder := load_settings().library_folder:
        (folder / blob.sha256).unlink(missing_ok=True)
    return blob


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
                copy = save_copy(arriving)
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


def _copy_from_library(source: str) -> FileCopy:
    with read_session() as session:
        try:
            blob = find(session, source)
        except WrongUsage:
            remedy = "`campaign media list` shows its files, `campaign media add FILE` adds one."
            raise Unusable("file_missing", f"is not in the media library: {remedy}") from None
        return copy_of(session, blob)


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
            raise Unusable("file_unreadable", "is a device or a pipe: take a file.")
        yield Arriving(status.st_size, _chunks(content))


def _chunks(content: BinaryIO) -> Iterator[bytes]:
    try:
        while chunk := content.read(CHUNK_BYTES):
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
