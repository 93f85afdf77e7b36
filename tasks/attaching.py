"""The file of a broadcast on X: uploaded once for everybody who gets it, again when X forgets it."""

from campaign.domain.posts import MediaFile
from campaign.errors import Refused, ServiceBlocked, XError
from campaign.store import ledgers, messages
from campaign.store.engine import reading, writing
from campaign.store.paid_calls import book_failed_call
from models import UploadedFile
from tasks.desk import Desk, Letter
from tasks.pausing import pause, pause_all
from tasks.progress import End, Progress
from tasks.work import stop_for


def media_id_of(desk: Desk, letter: Letter) -> str | Progress | None:
    """X's id of the file; None when there is none. A file that X cannot use pauses the broadcast."""
    if letter.file is None:
        return None
    media = _media(letter)
    with reading() as session:
        known = messages.uploaded(
            session, desk.service.id, letter.file.sha256, media.category, media.alt_text, desk.clock()
        )
    return known or _upload(desk, letter, media)


def _media(letter: Letter) -> MediaFile:
    file = letter.file
    assert file is not None  # noqa: S101  the caller looked
    return MediaFile(file.path, file.media_type, file.kind, file.alt_text, for_messages=True)


def _upload(desk: Desk, letter: Letter, media: MediaFile) -> str | Progress:
    file, service_id = letter.file, desk.service.id
    assert file is not None  # noqa: S101  the caller looked
    purpose, paid = f"uploading {file.sha256[:12]}", 1 if media.alt_text else 0
    with writing() as session:
        price = desk.gateway.alt_text_price
        if paid and not ledgers.reserve(session, service_id, purpose, price, paid, desk.clock()):
            return desk.progress(End.CAPPED, "This month's spend cap is reached; raise it or wait.")
    try:
        answer = desk.gateway.upload(media, lambda _done, _all: None)
    except XError as error:
        return _failed(desk, letter, purpose, error)
    with writing() as session:
        ledgers.settle(session, service_id, purpose, answer.receipts, desk.clock())
        uploaded = UploadedFile(
            service_id=service_id,
            sha256=file.sha256,
            category=media.category,
            alt_text=media.alt_text,
            media_id=answer.value.media_id,
            expires_at=answer.value.expires_at,
        )
        messages.remember_upload(session, uploaded)
    return answer.value.media_id


def _failed(desk: Desk, letter: Letter, purpose: str, error: XError) -> Progress:
    with writing() as session:
        now = desk.clock()
        book_failed_call(session, desk.service.id, purpose, error, now)
        if isinstance(error, Refused):
            pause(session, letter.delivery_id, f"X does not take its file: {error}", now)
            return desk.progress(End.REFUSED, f"{letter.name}: X does not take its file: {error}")
    if isinstance(error, ServiceBlocked):
        pause_all(desk.service, error, desk.clock())
    if stop := stop_for(desk, error):
        return stop
    raise error
