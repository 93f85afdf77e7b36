"""The copies that are sent: what was looked at is what goes out, whatever happens to the source meanwhile."""

import errno
import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from campaign.settings import load_settings
from campaign.store.file_types import SIGN_BYTES, Arriving, FileType, Unusable, check_size, type_of

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
    """Copy a file into the home while looking at it; raises Unusable, and then nothing of it is left."""
    try:
        return _keep(arriving, _folder())
    except OSError as error:
        why = "no room is left" if error.errno in _NO_ROOM else "nothing can be written"
        raise Unusable("file_not_kept", f"cannot be copied, because {why} in {_path()}: make that possible.") from None


def forget_unused(keep: Collection[str], now: datetime | None = None) -> int:
    """Delete the copies whose SHA-256 is not to be kept and that were last loaded a week ago; how many those were."""
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
    """The SHA-256 of what arrived and its size; stops before the byte that is too much."""
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
    """Give the file its name, or make the copy that is there already young again."""
    try:
        if copy.path.stat().st_size == copy.size:
            os.utime(copy.path)
            return
    except FileNotFoundError:
        pass
    unfinished.replace(copy.path)
