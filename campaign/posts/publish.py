"""Publishing the parts of a post on one account, each exactly once: arm, call X, record."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlmodel import Session

from campaign.db.engine import reading, writing
from campaign.deliveries import links, log
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import LoadedFile, RenderedPart
from campaign.deliveries.progress import End, Progress, stop_for
from campaign.errors import Refused, ServiceBlocked, Uncertain, XError
from campaign.formatting import usd
from campaign.limits import rate_limits, spend_cap
from campaign.limits.spend_cap import book_failed_call, settle_failed_call
from campaign.posts.lookup import look_for
from campaign.posts.work import Work, first_unfinished, price_of, purpose_of, reply_to
from campaign.services import store as services
from campaign.services.check import sentence_of
from campaign.x.types import Answer, MediaFile, NewPost, Poll
from models import MAIN, DeliveryState, Message, MessageState, UploadedFile

#: X is asked to publish a part again after it did not know a file's id, once.
_MOST_ATTEMPTS_FOR_FILES = 2


def publish_next(work: Work, message: Message, media_ids: tuple[str, ...]) -> Progress | None:
    """Publish one pending part; None when the next step can follow at once."""
    part = work.parts.get(message.part)
    if part is None or part.text != _as_written(message):
        return work.progress(End.HALTED, "The delivery changed after its confirmation.")
    armed = _arm(work, message)
    if isinstance(armed, Progress):
        return armed
    post = _new_post(part, message.text, armed, media_ids)
    try:
        answer = work.gateway.publish(post, price_of(work, message.text))
    except XError as error:
        return _settle_failure(work, message, error)
    _settle_sent(work, message, answer)
    return None


def _as_written(message: Message) -> str:
    with reading() as session:
        return links.text_of(session, message)


def _new_post(part: RenderedPart, text: str, armed: "_Armed", media_ids: tuple[str, ...]) -> NewPost:
    return NewPost(
        text=text,
        media_ids=media_ids,
        reply_to=armed.reply_to,
        # Who may answer is decided by the first post of a thread.
        reply_settings=None if armed.reply_to else part.reply_settings,
        poll=Poll(tuple(part.poll.options), part.poll.minutes) if part.poll else None,
        paid_partnership=part.paid_partnership,
    )


@dataclass(frozen=True, slots=True)
class _Armed:
    reply_to: str | None


def _arm(work: Work, message: Message) -> _Armed | Progress:
    """Commit that the call is about to be made, after a last look at whether it still may."""
    with writing(durable=True) as session:
        now = work.clock()
        if halted := _halted(work, session, now):
            return halted
        known = log.get(session, message.id)
        if known.state is not MessageState.PENDING:
            return work.progress(End.HALTED, "Another run publishes this.")
        price = price_of(work, known.text)
        if not spend_cap.reserve(session, work.service.id, purpose_of(known), price, 1, now):
            cap = usd(services.get(session, work.service.id).spend_cap)
            return work.progress(End.CAPPED, f"This month's spend cap of {cap} is reached; raise it or wait.")
        log.arm(session, known, now)
        return _Armed(reply_to(work, session, known.part))


def _halted(work: Work, session: Session, now: datetime) -> Progress | None:
    delivery = deliveries.get(session, work.delivery_id)
    if deliveries.stamp_of(session, delivery) != work.stamp:
        return work.progress(End.HALTED, "The delivery changed after its confirmation.")
    if work.proof_number != MAIN:
        return None
    if delivery.state is not DeliveryState.IN_PROGRESS:
        return work.progress(End.HALTED, f"The delivery is {delivery.state.value.replace('_', ' ')}.")
    if deliveries.is_expired(delivery, now):
        return work.progress(End.HALTED, "The validity of the delivery ended.")
    return None


def _settle_sent(work: Work, message: Message, answer: Answer[str]) -> None:
    with writing(durable=True) as session:
        now, known = work.clock(), log.get(session, message.id)
        spend_cap.settle(session, work.service.id, purpose_of(known), answer.receipts, now)
        log.settle(session, known, MessageState.SENT, now, x_id=answer.value)


def _settle_failure(work: Work, message: Message, error: XError) -> Progress | None:
    """Write what a failed call means for the part, and say how to go on."""
    with writing(durable=True) as session:
        now, known = work.clock(), log.get(session, message.id)
        state = _state_after(known, error)
        book_failed_call(session, work.service.id, purpose_of(known), error, now)
        log.settle(session, known, state, now, reason=str(error), reason_code=error.reason)
        if error.reason == "media_unknown":
            sha256s = [file.sha256 for file in work.parts[known.part].files]
            log.forget_uploads(session, work.service.id, sha256s)
        if isinstance(error, ServiceBlocked):
            services.mark_blocked(session, services.get(session, work.service.id), sentence_of(error))
    return stop_for(work, error)


def _state_after(message: Message, error: XError) -> MessageState:
    if isinstance(error, Uncertain) or error.reason == "duplicate":
        # X refuses a text that is out already: perhaps through an attempt of ours whose answer was lost.
        return MessageState.UNCERTAIN
    is_file_forgotten = error.reason == "media_unknown" and message.attempts < _MOST_ATTEMPTS_FOR_FILES
    if isinstance(error, Refused) and not is_file_forgotten:
        return MessageState.REFUSED
    return MessageState.PENDING


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
        return log.uploaded(session, work.service.id, file.sha256, file.kind.value, file.alt_text, work.clock())


def _upload(work: Work, message: Message, file: LoadedFile, on_progress: OnProgress) -> str | Progress:
    purpose, service_id = f"uploading {file.sha256[:12]}", work.service.id
    price, paid = work.gateway.alt_text_price, 1 if file.alt_text else 0
    with writing() as session:
        if paid and not spend_cap.reserve(session, service_id, purpose, price, paid, work.clock()):
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
        spend_cap.settle(session, service_id, purpose, answer.receipts, work.clock())
        uploaded = UploadedFile(
            service_id=service_id,
            sha256=file.sha256,
            category=file.kind.value,
            alt_text=file.alt_text,
            media_id=answer.value.media_id,
            expires_at=answer.value.expires_at,
        )
        log.remember_upload(session, uploaded)
    return answer.value.media_id


def _refused(work: Work, message: Message, reason: str, code: str) -> Progress:
    with writing() as session:
        known = log.get(session, message.id)
        log.settle(session, known, MessageState.REFUSED, work.clock(), reason=reason, reason_code=code)
    return work.progress(End.REFUSED, f"Part {message.part}: {reason}")


_UNSETTLED = frozenset({MessageState.SENDING, MessageState.UNCERTAIN})


def publish_parts(work: Work, on_progress: OnProgress = lambda _done, _all: None) -> Progress:
    """Bring every part out that is not, each answering the one before; safe to repeat at any time.

    Raises XError when X was away and trying again at once may help.
    """
    while message := first_unfinished(work):
        stop = _one_step(work, message, on_progress)
        if stop:
            return stop
    return work.progress(End.OUT)


def _one_step(work: Work, message: Message, on_progress: OnProgress) -> Progress | None:
    if message.state in _UNSETTLED:
        return look_for(work, message)
    if message.state is MessageState.REFUSED:
        return work.progress(End.REFUSED, f"Part {message.part}: {message.reason}")
    if message.state is MessageState.CANCELLED:
        return work.progress(End.HALTED, "The delivery was stopped.")
    if stop := _closed(work):
        return stop
    media_ids = media_ids_of(work, message, on_progress)
    return media_ids if isinstance(media_ids, Progress) else publish_next(work, message, media_ids)


def _closed(work: Work) -> Progress | None:
    """Whether X said that it takes no posts for now."""
    with reading() as session:
        endpoints = [work.gateway.post_endpoint]
        opens_at = rate_limits.calls_open_at(session, work.service.id, endpoints, work.clock())
    return work.progress(End.WAITING, "X allows no more calls for now.", opens_at) if opens_at else None


_OPEN = frozenset({MessageState.SENDING, MessageState.UNCERTAIN})


class Logged(Protocol):
    """What is looked at of a message."""

    service_id: int
    part: int
    state: MessageState
    reason: str


def state_after(messages: Sequence[Logged], *, is_expired: bool) -> DeliveryState:
    """The state of a delivery that goes out, from the states of its messages.

    A refused part holds back the parts after it on its account, and no others.
    """
    states = {message.state for message in messages}
    if states & _OPEN:
        return DeliveryState.IN_PROGRESS
    if states <= {MessageState.SENT}:
        return DeliveryState.FINISHED
    if is_expired:
        return DeliveryState.EXPIRED
    held_back = {message.service_id for message in messages if message.state is MessageState.REFUSED}
    waiting = {message.service_id for message in messages if message.state is MessageState.PENDING}
    return DeliveryState.IN_PROGRESS if waiting - held_back else DeliveryState.FAILED


def why_failed(messages: Iterable[Logged], names: dict[int, str]) -> str:
    """One sentence that names each refused part, its account and X's reason."""
    refused = [message for message in messages if message.state is MessageState.REFUSED]
    return " ".join(f"Part {one.part} on {names[one.service_id]} was refused: {one.reason}" for one in refused)
