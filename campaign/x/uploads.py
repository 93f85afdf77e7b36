"""Uploading a file in pieces, the same way in both versions. Every call may be repeated: it publishes nothing."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep
from typing import NamedTuple

from campaign.errors import Refused, Unsent
from campaign.x import types
from campaign.x.error_table import harmless
from campaign.x.http import Reply, id_in, kept
from campaign.x.types import Answer, MediaFile, Price, Receipt, UploadedMedia

CHUNK_BYTES = 1_000_000
"""The size in X's example; pieces of 5 MB were seen to be refused with status 431."""
LONGEST_PROCESSING = timedelta(minutes=15)
"""How long X may process a file before it counts as not usable for now; X names no limit."""

# How long a file may be used when X does not say, and the seconds between two looks at the processing of one.
_EXPIRES_AFTER = timedelta(hours=24)
_SOONEST, _USUAL, _LATEST = 1, 5, 60


class _Upload(NamedTuple):
    """X's record of a file: `state` of its processing, None without any, when to look again, and what failed."""

    media_id: str
    expires_at: datetime
    state: str | None
    look_again: timedelta
    why: str


class Uploads(ABC):
    """Uploads files with the calls of one version of the API."""

    upload_price: Price
    alt_text_price: Price

    def upload(self, file: MediaFile, on_progress: Callable[[int, int], None]) -> Answer[UploadedMedia]:
        """Sends the file, waits until X has processed it, describes it; see campaign.x.gateway.Gateway."""
        receipts: list[Receipt] = []
        with kept(receipts):
            try:
                size = Path(file.path).stat().st_size
            except OSError:
                raise _unreadable(file) from None
            media_id = _record(receipts, self._initialize(file, size)).media_id
            for index, chunk in enumerate(_chunks(file)):
                piece = ("media", chunk, "application/octet-stream")
                receipts.append(self._append(media_id, index, piece).receipt(types.NOT_CHARGED, 0))
                on_progress(min(size, index * CHUNK_BYTES + len(chunk)), size)
            uploaded = _record(receipts, self._finalize(media_id), self.upload_price)
            self._await(receipts, uploaded)
            if file.alt_text:
                receipts.append(self._describe(media_id, file.alt_text).receipt(self.alt_text_price, 1))
        return Answer(UploadedMedia(media_id, uploaded.expires_at), tuple(receipts))

    def _await(self, receipts: list[Receipt], upload: _Upload) -> None:
        waited = timedelta(0)
        while upload.state not in {None, "succeeded"}:
            if upload.state == "failed":
                raise Refused(f"X cannot use the file{upload.why}.", reason="media")
            if waited >= LONGEST_PROCESSING:
                raise Unsent("X has been working on the file for too long; try again later.", reason="processing")
            sleep(upload.look_again.total_seconds())
            waited += upload.look_again
            upload = _record(receipts, self._status(upload.media_id))

    @abstractmethod
    def _initialize(self, file: MediaFile, size: int) -> Reply:
        """Announces a file of `size` bytes; the reply holds its id."""

    @abstractmethod
    def _append(self, media_id: str, index: int, piece: tuple[str, bytes, str]) -> Reply:
        """Sends the piece at `index`, which counts from 0: a name, the bytes, their type."""

    @abstractmethod
    def _finalize(self, media_id: str) -> Reply:
        """Ends the upload; the reply may hold the state of the processing, as `_status` does."""

    @abstractmethod
    def _status(self, media_id: str) -> Reply:
        """Asks for the state of the processing."""

    @abstractmethod
    def _describe(self, media_id: str, alt_text: str) -> Reply:
        """Attaches the alternative text."""


def _chunks(file: MediaFile) -> Iterator[bytes]:
    try:
        with Path(file.path).open("rb") as content:
            while chunk := content.read(CHUNK_BYTES):
                yield chunk
    except OSError:
        raise _unreadable(file) from None


def _unreadable(file: MediaFile) -> Refused:
    return Refused(f"The file {file.path} cannot be read: put it back or take another.", reason="file_unreadable")


def _record(receipts: list[Receipt], reply: Reply, price: Price | None = None) -> _Upload:
    upload = reply.read(_uploaded)
    receipts.append(reply.receipt(price or types.NOT_CHARGED, 1 if price else 0))
    return upload


def _uploaded(reply: Reply) -> _Upload:
    """Reads X's record of the file: v2 has it inside `data`, v1.1 has another name for the id."""
    document = reply.document()
    media = document.get("data", document)
    work = media.get("processing_info") or {}
    error = work.get("error") or {}
    why = harmless(str(error.get("message") or error.get("name") or ""))
    seconds = min(max(work.get("check_after_secs") or _USUAL, _SOONEST), _LATEST)
    lasts = media.get("expires_after_secs")
    return _Upload(
        media_id=id_in(media, "id", "media_id_string"),
        expires_at=reply.received_at + (timedelta(seconds=lasts) if lasts else _EXPIRES_AFTER),
        state=work.get("state"),
        look_again=timedelta(seconds=seconds),
        why=f": {why}" if why else "",
    )
