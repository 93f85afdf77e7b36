"""Publishing the parts of a post on one account, each exactly once: arm, call X, settle."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from campaign.domain.check import sentence_of
from campaign.domain.posts import NewPost, Poll
from campaign.domain.receipt import Answer
from campaign.domain.rendered import RenderedPart
from campaign.domain.spending import usd
from campaign.errors import Refused, ServiceBlocked, Uncertain, XError
from campaign.store import deliveries, ledgers, links, messages, services
from campaign.store.engine import reading, writing
from campaign.store.paid_calls import book_failed_call
from models import MAIN, DeliveryState, Message, MessageState
from tasks.progress import End, Progress
from tasks.work import Work, price_of, purpose_of, reply_to, stop_for

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
        known = messages.get(session, message.id)
        if known.state is not MessageState.PENDING:
            return work.progress(End.HALTED, "Another run publishes this.")
        price = price_of(work, known.text)
        if not ledgers.reserve(session, work.service.id, purpose_of(known), price, 1, now):
            cap = usd(services.get(session, work.service.id).spend_cap)
            return work.progress(End.CAPPED, f"This month's spend cap of {cap} is reached; raise it or wait.")
        messages.arm(session, known, now)
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
        now, known = work.clock(), messages.get(session, message.id)
        ledgers.settle(session, work.service.id, purpose_of(known), answer.receipts, now)
        messages.settle(session, known, MessageState.SENT, now, x_id=answer.value)


def _settle_failure(work: Work, message: Message, error: XError) -> Progress | None:
    """Write what a failed call means for the part, and say how to go on."""
    with writing(durable=True) as session:
        now, known = work.clock(), messages.get(session, message.id)
        state = _state_after(known, error)
        book_failed_call(session, work.service.id, purpose_of(known), error, now)
        messages.settle(session, known, state, now, reason=str(error), reason_code=error.reason)
        if error.reason == "media_unknown":
            sha256s = [file.sha256 for file in work.parts[known.part].files]
            messages.forget_uploads(session, work.service.id, sha256s)
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
