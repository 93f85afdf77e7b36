"""Files go to X in pieces, the same way in both versions. Everything here may be repeated: it publishes nothing."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any, NamedTuple, Protocol

from campaign.errors import Refused, Unsent
from campaign.x import prices
from campaign.x.error_table import harmless
from campaign.x.paging import kept
from campaign.x.replies import Reply, id_in
from campaign.x.types import Answer, MediaFile, Price, Receipt, UploadedMedia

CHUNK_BYTES = 1_000_000
"""The size in X's example; pieces of 5 MB were seen to be refused with status 431."""
LONGEST_PROCESSING = timedelta(minutes=15)
"""How long X may work on a file before it counts as not usable for now; X names no limit."""

# How long a file may be used when X does not say, and the seconds between two looks at X's work on it.
_EXPIRES_AFTER = timedelta(hours=24)
_SOONEST, _USUAL, _LATEST = 1, 5, 60


class Calls(Protocol):
    """The calls of one version of the API that an upload is made of."""

    alt_text_price: Price

    def initialize(self, file: MediaFile, size: int) -> Reply:
        """Announce a file of `size` bytes; the answer holds its id."""
        ...

    def append(self, media_id: str, index: int, chunk: bytes) -> Reply:
        """Send the piece at `index`, which counts from 0."""
        ...

    def finalize(self, media_id: str) -> Reply:
        """Say that all was sent; the answer may say that X works on the file."""
        ...

    def status(self, media_id: str) -> Reply:
        """Look how far X's work is."""
        ...

    def describe(self, media_id: str, alt_text: str) -> Reply:
        """Say what the file shows."""
        ...


class _Told(NamedTuple):
    """What X says of a file, and of its work on it: the state, None for no work, when to look again, what failed."""

    media_id: str
    expires_at: datetime
    state: str | None
    look_again: timedelta
    why: str


def upload(calls: Calls, file: MediaFile, on_progress: Callable[[int, int], None]) -> Answer[UploadedMedia]:
    """Send the file, wait for X's work on it, describe it; see campaign.x.gateway.Gateway."""
    receipts: list[Receipt] = []
    with kept(receipts):
        size = _size(file)
        media_id = _tell(receipts, calls.initialize(file, size)).media_id
        for index, chunk in enumerate(_chunks(file)):
            receipts.append(calls.append(media_id, index, chunk).receipt(prices.NOT_CHARGED, 0))
            on_progress(min(size, index * CHUNK_BYTES + len(chunk)), size)
        told = _tell(receipts, calls.finalize(media_id))
        _await(receipts, calls, told)
        if file.alt_text:
            receipts.append(calls.describe(media_id, file.alt_text).receipt(calls.alt_text_price, 1))
    return Answer(UploadedMedia(media_id, told.expires_at), tuple(receipts))


def _size(file: MediaFile) -> int:
    try:
        return Path(file.path).stat().st_size
    except OSError:
        raise _unreadable(file) from None


def _chunks(file: MediaFile) -> Iterator[bytes]:
    try:
        with Path(file.path).open("rb") as content:
            while chunk := content.read(CHUNK_BYTES):
                yield chunk
    except OSError:
        raise _unreadable(file) from None


def _unreadable(file: MediaFile) -> Refused:
    return Refused(f"The file {file.path} cannot be read: put it back or take another.", reason="file_unreadable")


def _tell(receipts: list[Receipt], reply: Reply) -> _Told:
    told = reply.read(_told)
    receipts.append(reply.receipt(prices.NOT_CHARGED, 0))
    return told


def _told(reply: Reply) -> _Told:
    """What X says of the file: v2 inside `data`, v1.1 with another name for the id."""
    document = reply.document()
    media = document.get("data", document)
    work = media.get("processing_info") or {}
    seconds = min(max(work.get("check_after_secs") or _USUAL, _SOONEST), _LATEST)
    lasts = media.get("expires_after_secs")
    return _Told(
        media_id=id_in(media, "id", "media_id_string"),
        expires_at=reply.received_at + (timedelta(seconds=lasts) if lasts else _EXPIRES_AFTER),
        state=work.get("state"),
        look_again=timedelta(seconds=seconds),
        why=_why(work.get("error") or {}),
    )


def _why(error: dict[str, Any]) -> str:
    said = harmless(str(error.get("message") or error.get("name") or ""))
    return f": {said}" if said else ""


def _await(receipts: list[Receipt], calls: Calls, told: _Told) -> None:
    """Look again when X says so until its work is done."""
    waited = timedelta(0)
    while told.state not in {None, "succeeded"}:
        if told.state == "failed":
            raise Refused(f"X cannot use the file{told.why}.", reason="media")
        if waited >= LONGEST_PROCESSING:
            raise Unsent("X has been working on the file for too long; try again later.", reason="processing")
        sleep(told.look_again.total_seconds())
        waited += told.look_again
        told = _tell(receipts, calls.status(told.media_id))
