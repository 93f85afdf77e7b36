"""Arming: which messages of a service go out next, written to the log before X is called."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from campaign.broadcasts import outbox, waves
from campaign.broadcasts.context import BATCH, SENDING, Desk, Letter, moved, pause, pause_all
from campaign.broadcasts.exclusions import EXCLUSION_SENTENCES
from campaign.broadcasts.outbox import Candidate, Span
from campaign.consent import agreements, permission
from campaign.consent.permission import Reasons
from campaign.db.engine import reading, writing
from campaign.deliveries import log
from campaign.deliveries import store as deliveries
from campaign.deliveries.links import keep, shorten_messages
from campaign.deliveries.progress import End, Progress, stop_for
from campaign.errors import NotPossible, Refused, ServiceBlocked, XError
from campaign.formatting import usd
from campaign.limits import rate_limits, spend_cap
from campaign.limits.rate_limits import allowance_of
from campaign.limits.spend_cap import book_failed_call
from campaign.services import store as services
from campaign.x.types import MediaFile
from models import MAIN, Delivery, DeliveryState, ExclusionReason, MessageState, Service, UploadedFile, Wave


@dataclass(frozen=True, slots=True)
class Next:
    """The broadcast whose turn it is, and the wave of it; or when the next wave begins."""

    letter: Letter | None = None
    span: Span | None = None
    begins_at: datetime | None = None


def next_up(session: Session, desk: Desk, now: datetime) -> Next:
    """What goes out next on a service: by priority, then by age, from waves that have begun."""
    begins: list[datetime] = []
    for delivery in waves.under_way(session, desk.service.id):
        letter = desk.letters.get(delivery.id)
        if letter is None or deliveries.is_expired(delivery, now):
            continue
        if letter.stamp != deliveries.stamp_of(session, delivery):
            continue
        known = waves.of_service(session, delivery.id, desk.service.id)
        found = _first_pending(session, desk, letter, known)
        if found is None:
            continue
        wave, span = found
        begins_at = waves.begins_at(delivery, wave) or now
        if begins_at <= now:
            return Next(letter, span)
        begins.append(begins_at)
    return Next(begins_at=min(begins, default=None))


def _first_pending(session: Session, desk: Desk, letter: Letter, known: Sequence[Wave]) -> tuple[Wave, Span] | None:
    """The first wave in which something has not gone out, and what of it has not."""
    if not known:
        return None
    whole = Span(letter.delivery_id, desk.service.id, known[0].first_message_id)
    first = outbox.pending(session, whole)
    if first is None:
        return None
    place = bisect_right([wave.first_message_id for wave in known], first) - 1
    beyond = known[place + 1].first_message_id if place + 1 < len(known) else None
    return known[place], Span(letter.delivery_id, desk.service.id, first, beyond)


@dataclass(frozen=True, slots=True)
class Armed:
    """Messages that are about to be sent: by their id, to whom (X user id) and what; known by the moment `at`."""

    letter: Letter
    span: Span
    at: datetime
    recipients: Mapping[int, Candidate]
    texts: Mapping[int, str]


def arm(desk: Desk, letter: Letter, span: Span) -> Armed | Progress:
    """Commit that the next messages of a span are about to be sent; says why when none may be."""
    with writing(durable=True) as session:
        # Whoever pauses or stops it does so before this or after it, and what is armed is known to them then.
        delivery = waves.lock(session, letter.delivery_id)
        rate_limits.lock_app(session, desk.service)
        now = desk.clock()
        if halted := _halted(session, desk, letter, span, delivery, now):
            return halted
        service = services.get(session, desk.service.id)
        allowed = allowance_of(session, service, desk.gateway, desk.quiet, now)
        if not allowed.messages:
            return desk.progress(End.WAITING, allowed.why, allowed.until)
        reasons = _reasons(service, delivery, span, now)
        chosen = outbox.candidates(session, span, reasons, min(allowed.messages, BATCH))
        texts, dropped = _texts(session, letter, chosen, now)
        paid = spend_cap.reserve(session, service.id, SENDING, desk.gateway.message_price, len(texts), now)
        short = shorten_messages(dict(list(texts.items())[:paid]), letter.links)
        known = _arm(session, desk, short.texts, reasons, now)
        keep(session, delivery, letter.links, short.tokens_of(known), now)
    if dropped and span.proof_number == MAIN:
        desk.on_change(letter.delivery_id, moved(MessageState.PENDING, *[MessageState.CANCELLED] * dropped))
    if texts and not paid:
        return _capped(desk, service)
    return Armed(letter, span, now, {one.message_id: one for one in chosen if one.message_id in known}, known)


def _reasons(service: Service, delivery: Delivery, span: Span, now: datetime) -> Reasons:
    """Why somebody may not be written to after all; of a proof only what holds for everything."""
    if span.proof_number != MAIN:
        return permission.always(service)
    invitation = agreements.of_invitation(service, delivery.id) if delivery.is_invitation else []
    return permission.in_order([*permission.of_broadcast(service, now), *invitation])


def _halted(
    session: Session, desk: Desk, letter: Letter, span: Span, delivery: Delivery, now: datetime
) -> Progress | None:
    if deliveries.stamp_of(session, delivery) != letter.stamp:
        return desk.progress(End.HALTED, f"{delivery.name} changed after its confirmation.")
    if span.proof_number != MAIN:
        return None
    if delivery.state is not DeliveryState.IN_PROGRESS:
        return desk.progress(End.HALTED, f"{delivery.name} is {delivery.state.value.replace('_', ' ')}.")
    if deliveries.is_expired(delivery, now):
        return desk.progress(End.HALTED, f"The validity of {delivery.name} ended.")
    return None


def _texts(session: Session, letter: Letter, chosen: Sequence[Candidate], now: datetime) -> tuple[dict[int, str], int]:
    """The text for each person who may be written to, and how many may not, or cannot be: they get nothing for good."""
    texts: dict[int, str] = {}
    dropped: dict[int, tuple[str, str]] = {}
    for one in chosen:
        if one.reason is not None:
            dropped[one.message_id] = (one.reason.value, EXCLUSION_SENTENCES[one.reason])
            continue
        try:
            texts[one.message_id] = one.text or letter.text.render(one.person)
        except NotPossible as error:
            dropped[one.message_id] = (ExclusionReason.FIELD_MISSING.value, str(error))
    return texts, outbox.drop(session, dropped, now)


def _arm(session: Session, desk: Desk, texts: Mapping[int, str], reasons: Reasons, now: datetime) -> dict[int, str]:
    """Arm what is paid for; money for whoever may not be written to after all is given back."""
    if not texts:
        return {}
    armed = outbox.arm(session, texts, reasons, now)
    if len(armed) < len(texts):
        spend_cap.give_back(session, desk.service.id, SENDING, keep=len(armed))
    return {message_id: text for message_id, text in texts.items() if message_id in armed}


def _capped(desk: Desk, service: Service) -> Progress:
    reason = f"This month's spend cap of {usd(service.spend_cap)} is reached; raise it or wait."
    return desk.progress(End.CAPPED, reason)


def media_id_of(desk: Desk, letter: Letter) -> str | Progress | None:
    """X's id of the file; None when there is none. A file that X cannot use pauses the broadcast."""
    if letter.file is None:
        return None
    media = _media(letter)
    with reading() as session:
        known = log.uploaded(session, desk.service.id, letter.file.sha256, media.category, media.alt_text, desk.clock())
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
        if paid and not spend_cap.reserve(session, service_id, purpose, price, paid, desk.clock()):
            return desk.progress(End.CAPPED, "This month's spend cap is reached; raise it or wait.")
    try:
        answer = desk.gateway.upload(media, lambda _done, _all: None)
    except XError as error:
        return _failed(desk, letter, purpose, error)
    with writing() as session:
        spend_cap.settle(session, service_id, purpose, answer.receipts, desk.clock())
        uploaded = UploadedFile(
            service_id=service_id,
            sha256=file.sha256,
            category=media.category,
            alt_text=media.alt_text,
            media_id=answer.value.media_id,
            expires_at=answer.value.expires_at,
        )
        log.remember_upload(session, uploaded)
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
