"""Arming: which messages of a service go out next, written to the log before X is called."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from campaign.broadcasts import outbox, waves
from campaign.broadcasts.analysis import EXCLUSION_SENTENCES
from campaign.broadcasts.context import BATCH, SENDING, BroadcastSender, OutgoingBroadcast, moved, pause, pause_all
from campaign.broadcasts.outbox import Candidate, Span
from campaign.consent import agreements, permission
from campaign.db.engine import transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.kind import End, Progress
from campaign.deliveries.links import save_links, shorten_messages
from campaign.deliveries.sender import media_id_of, why_halted
from campaign.errors import NotPossible, Refused, ServiceBlocked, XError
from campaign.formatting import usd
from campaign.limits import rate_limits, spend_cap
from campaign.limits.rate_limits import allowance_of
from campaign.services import store as services
from models import MAIN, ExclusionReason, MessageState


@dataclass(frozen=True, slots=True)
class Next:
    """The broadcast whose turn it is, and the wave of it; or when the next wave begins."""

    broadcast: OutgoingBroadcast | None = None
    span: Span | None = None
    begins_at: datetime | None = None


def next_up(session: Session, sender: BroadcastSender, now: datetime) -> Next:
    """Returns what goes out next on a service: by priority, then by age, from waves that have begun."""
    begins: list[datetime] = []
    for delivery in waves.under_way(session, sender.service.id):
        broadcast = sender.broadcasts.get(delivery.id)
        if broadcast is None or deliveries.is_expired(delivery, now):
            continue
        known = waves.of_service(session, delivery.id, sender.service.id)
        if broadcast.version != deliveries.version_of(session, delivery) or not known:
            continue
        first = outbox.pending(session, Span(delivery.id, sender.service.id))
        if first is None:
            continue
        # A message that was unknown when the waves were written comes before the first, and goes out with it.
        place = max(bisect_right([wave.first_message_id for wave in known], first) - 1, 0)
        begins_at = waves.begins_at(delivery, known[place]) or now
        if begins_at <= now:
            beyond = known[place + 1].first_message_id if place + 1 < len(known) else None
            return Next(broadcast, Span(delivery.id, sender.service.id, first, beyond))
        begins.append(begins_at)
    return Next(begins_at=min(begins, default=None))


@dataclass(frozen=True, slots=True)
class Armed:
    """Messages that are about to be sent: by their id, to whom (X user id) and what; known by the moment `at`."""

    broadcast: OutgoingBroadcast
    span: Span
    at: datetime
    recipients: Mapping[int, Candidate]
    texts: Mapping[int, str]


def arm(sender: BroadcastSender, broadcast: OutgoingBroadcast, span: Span) -> Armed | Progress:
    """Commits that the next messages of a span are about to be sent; returns why when none may be."""
    with transaction(durable=True) as session:
        # A pause or a stop comes before this or after it, and then knows what is armed.
        delivery = waves.lock(session, broadcast.delivery_id)
        rate_limits.lock_app(session, sender.service)
        now = sender.clock()
        if halted := why_halted(session, delivery, broadcast.version, span.proof_number, now):
            return sender.progress(End.HALTED, halted)
        service = services.get(session, sender.service.id)
        allowed = allowance_of(session, service, sender.gateway, sender.quiet, now)
        if not allowed.messages:
            return sender.progress(End.WAITING, allowed.why, allowed.until)
        reasons = permission.always(service)  # for a proof only those that hold for everything
        if span.proof_number == MAIN:
            invitation = agreements.of_invitation(service, delivery.id) if delivery.is_invitation else []
            reasons = permission.in_order([*permission.of_broadcast(service, now), *invitation])
        chosen = outbox.candidates(session, span, reasons, min(allowed.messages, BATCH))
        texts, dropped = _texts(session, broadcast, chosen, now)
        paid = spend_cap.reserve(session, service.id, SENDING, sender.gateway.message_price, len(texts), now)
        short = shorten_messages(dict(list(texts.items())[:paid]), broadcast.links)
        armed = outbox.arm(session, short.texts, reasons, now) if short.texts else set()
        if len(armed) < len(short.texts):
            spend_cap.release(session, service.id, SENDING, keep=len(armed))
        known = {message_id: text for message_id, text in short.texts.items() if message_id in armed}
        save_links(session, delivery, broadcast.links, short.tokens_of(known), now)
    if dropped and span.proof_number == MAIN:
        sender.on_change(broadcast.delivery_id, moved(MessageState.PENDING, *[MessageState.CANCELLED] * dropped))
    if texts and not paid:
        reason = f"This month's spend cap of {usd(service.spend_cap)} is reached; raise it or wait."
        return sender.progress(End.CAPPED, reason)
    return Armed(broadcast, span, now, {one.message_id: one for one in chosen if one.message_id in known}, known)


def _texts(
    session: Session, broadcast: OutgoingBroadcast, chosen: Sequence[Candidate], now: datetime
) -> tuple[dict[int, str], int]:
    """Returns the text for each person who may get it, and counts the others, whose messages are cancelled."""
    texts: dict[int, str] = {}
    dropped: dict[int, tuple[str, str]] = {}
    for one in chosen:
        if one.reason is not None:
            dropped[one.message_id] = (one.reason.value, EXCLUSION_SENTENCES[one.reason])
            continue
        try:
            texts[one.message_id] = one.text or broadcast.text.render(one.person)
        except NotPossible as error:
            dropped[one.message_id] = (ExclusionReason.FIELD_MISSING.value, str(error))
    return texts, outbox.drop(session, dropped, now)


def upload_file(sender: BroadcastSender, broadcast: OutgoingBroadcast) -> str | Progress | None:
    """Returns X's id of the file; None when there is none. A file that X cannot use pauses the broadcast."""
    if broadcast.file is None:
        return None
    try:
        return media_id_of(sender, broadcast.file, for_messages=True)
    except Refused as error:
        reason = f"X does not take its file: {error}"
        with transaction() as session:
            pause(session, broadcast.delivery_id, reason, sender.clock())
        return sender.progress(End.REFUSED, f"{broadcast.name}: {reason}")
    except XError as error:
        if isinstance(error, ServiceBlocked):
            pause_all(sender.service, error, sender.clock())
        if stop := sender.stop_for(error):
            return stop
        raise
