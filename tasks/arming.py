"""The next batch of direct messages: chosen, personalised and armed in one transaction, after a last look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from campaign.domain.exclusion_words import EXCLUSION_SENTENCES
from campaign.domain.spending import usd
from campaign.errors import NotPossible
from campaign.store import broadcasts, deliveries, invitations, ledgers, outbox, permission, services
from campaign.store.engine import writing
from campaign.store.outbox import Candidate, Span
from campaign.store.permission import Reasons
from models import MAIN, Delivery, DeliveryState, ExclusionReason, MessageState, Service
from tasks.allowing import allowance_of
from tasks.desk import BATCH, SENDING, Desk, Letter, moved
from tasks.linking import keep, shorten_messages
from tasks.progress import End, Progress


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
        delivery = broadcasts.lock(session, letter.delivery_id)
        broadcasts.lock_app(session, desk.service)
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
        paid = ledgers.reserve(session, service.id, SENDING, desk.gateway.message_price, len(texts), now)
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
    invitation = invitations.of_invitation(service, delivery.id) if delivery.is_invitation else []
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
        ledgers.give_back(session, desk.service.id, SENDING, keep=len(armed))
    return {message_id: text for message_id, text in texts.items() if message_id in armed}


def _capped(desk: Desk, service: Service) -> Progress:
    reason = f"This month's spend cap of {usd(service.spend_cap)} is reached; raise it or wait."
    return desk.progress(End.CAPPED, reason)
