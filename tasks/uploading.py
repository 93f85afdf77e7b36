"""The files of a part on X, uploaded when X does not have them, or not for long enough."""

from collections.abc import Callable

from campaign.domain.posts import MediaFile
from campaign.domain.rendered import LoadedFile
from campaign.errors import Refused, XError
from campaign.store import ledgers, messages
from campaign.store.engine import reading, writing
from campaign.store.paid_calls import settle_failed_call
from models import Message, MessageState, UploadedFile
from tasks.progress import End, Progress
from tasks.work import Work, stop_for

OnProgress = Callable[[int, int], None]


def media_ids_of(work: Work, message: Message, on_progress: OnProgress) -> tuple[str, ...] | Progress:
    """X's ids of the files of a part, in their order."""
    ids, part = [], work.parts.get(message.part)
    for file in part.files if part else ():
        media_id = _known(work, file) or _upload(work, message, file, on_progress)
        if isinstance(media_id, Progress):
            return media_id
        ids.append(media_id)
    return tuple(ids)


def _known(work: Work, file: LoadedFile) -> str | None:
    with reading() as session:
        return messages.uploaded(session, work.service.id, file.sha256, file.kind.value, file.alt_text, work.clock())


def _upload(work: Work, message: Message, file: LoadedFile, on_progress: OnProgress) -> str | Progress:
    purpose, service_id = f"uploading {file.sha256[:12]}", work.service.id
    price, paid = work.gateway.alt_text_price, 1 if file.alt_text else 0
    with writing() as session:
        if paid and not ledgers.reserve(session, service_id, purpose, price, paid, work.clock()):
            return work.progress(End.CAPPED, "This month's spend cap is reached; raise it or wait.")
    try:
        answer = work.gateway.upload(MediaFile(file.path, file.media_type, file.kind, file.alt_text), on_progress)
    except XError as error:
        settle_failed_call(service_id, purpose, error)
        if isinstance(error, Refused):
            return _refused(work, message, f"X does not take one of its files: {error}", error.reason)
        if stop := stop_for(work, error):
            return stop
        raise
    with writing() as session:
        ledgers.settle(session, service_id, purpose, answer.receipts, work.clock())
        uploaded = UploadedFile(
            service_id=service_id,
            sha256=file.sha256,
            category=file.kind.value,
            alt_text=file.alt_text,
            media_id=answer.value.media_id,
            expires_at=answer.value.expires_at,
        )
        messages.remember_upload(session, uploaded)
    return answer.value.media_id


def _refused(work: Work, message: Message, reason: str, code: str) -> Progress:
    with writing() as session:
        known = messages.get(session, message.id)
        messages.settle(session, known, MessageState.REFUSED, work.clock(), reason=reason, reason_code=code)
    return work.progress(End.REFUSED, f"Part {message.part}: {reason}")
