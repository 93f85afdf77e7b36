"""The next batch of direct messages: chosen, personalised and armed in one transaction, after a last look."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from campaign.domain.message_budget import Allowance, Attempts, allowance
from campaign.domain.quiet_hours import QuietHours
from campaign.domain.spending import usd
from campaign.errors import NotPossible
from campaign.store import broadcasts, deliveries, ledgers, outbox, permission, services, waves
from campaign.store.engine import writing
from campaign.store.outbox import Candidate, Span
from campaign.x.gateway import Gateway, MessageTerms
from models import MAIN, Delivery, DeliveryState, MessageState, Service, WindowName
from tasks.desk import BATCH, SENDING, Desk, Letter
from tasks.progress import End, Progress

_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Armed:
    """Messages that are about to be sent: by their id, to whom (X user id) and what."""

    letter: Letter
    span: Span
    recipients: Mapping[int, Candidate]
    texts: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Next:
    """The broadcast whose turn it is, and the wave of it; or when the next wave begins."""

    letter: Letter | None = None
    span: Span | None = None
    begins_at: datetime | None = None


def next_up(session: Session, desk: Desk, now: datetime) -> Next:
    """What goes out next on a service: by priority, then by age, from waves that have begun."""
    begins: list[datetime] = []
    for delivery in broadcasts.under_way(session, desk.service.id):
        letter = desk.letters.get(delivery.id)
        if letter is None or deliveries.is_expired(delivery, now):
            continue
        known = waves.of_service(session, delivery.id, desk.service.id)
        whole = Span(delivery.id, desk.service.id, known[0].first_message_id if known else 0)
        first = outbox.pending(session, whole)
        if first is None or not known:
            continue
        place = bisect_right([wave.first_message_id for wave in known], first) - 1
        begins_at = waves.begins_at(delivery, known[place]) or now
        if begins_at <= now:
            beyond = known[place + 1].first_message_id if place + 1 < len(known) else None
            return Next(letter, Span(delivery.id, desk.service.id, first, beyond))
        begins.append(begins_at)
    return Next(begins_at=min(begins, default=None))


def arm(desk: Desk, letter: Letter, span: Span) -> Armed | Progress:
    """Commit that the next messages of a span are about to be sent; says why when none may be."""
    with writing(durable=True) as session:
        now = desk.clock()
        delivery = deliveries.get(session, letter.delivery_id)
        if halted := _halted(session, desk, letter, span, delivery, now):
            return halted
        broadcasts.lock_app(session, desk.service)
        service = services.get(session, desk.service.id)
        allowed = allowance_of(session, service, desk.gateway, desk.quiet, now)
        if not allowed.messages:
            return desk.progress(End.WAITING, allowed.why, allowed.until)
        is_main = span.proof_number == MAIN
        reasons = permission.of_broadcast(service, now) if is_main else permission.always(service)
        chosen = outbox.candidates(session, span, reasons, min(allowed.messages, BATCH))
        texts, dropped = _texts(session, letter, chosen, now)
        paid = ledgers.reserve(session, service.id, SENDING, desk.gateway.message_price, len(texts), now)
        if texts and not paid:
            reason = f"This month's spend cap of {usd(service.spend_cap)} is reached; raise it or wait."
            return desk.progress(End.CAPPED, reason)
        armed = outbox.arm(session, dict(list(texts.items())[:paid]), reasons, now)
        if len(armed) < paid:
            ledgers.give_back(session, service.id, SENDING, keep=len(armed))
        known = {one.message_id: one for one in chosen if one.message_id in armed}
        if dropped and is_main:
            change = Counter({MessageState.CANCELLED: dropped, MessageState.PENDING: -dropped})
            desk.on_change(letter.delivery_id, change)
        return Armed(letter, span, known, {message_id: texts[message_id] for message_id in known})


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


def _texts(session: Session, letter: Letter, chosen: list[Candidate], now: datetime) -> tuple[dict[int, str], int]:
    """The text for each person who may be written to, and how many may not, or cannot be: they get nothing for good."""
    texts: dict[int, str] = {}
    dropped: dict[int, tuple[str, str]] = {}
    for one in chosen:
        if one.reason is not None:
            dropped[one.message_id] = (one.reason.value, outbox.words_for(one.reason))
            continue
        try:
            texts[one.message_id] = one.text or letter.text.render(one.person)
        except NotPossible as error:
            dropped[one.message_id] = ("field_missing", str(error))
    outbox.drop(session, dropped, now)
    return texts, len(dropped)


def allowance_of(
    session: Session, service: Service, gateway: MessageTerms | Gateway, quiet: QuietHours | None, now: datetime
) -> Allowance:
    """How many messages a service may send now, by what X said, its own settings, and what it tried lately."""
    windows = ledgers.windows_of(session, service, gateway.message_endpoint)
    told = {window.name for window in windows if window.reset_at > now}
    attempts = Attempts()
    if service.daily_limit or set(gateway.message_limits) - told:
        own = outbox.tried_since(session, [service.id], now - _DAY)
        together = broadcasts.of_same_app(session, service)
        app = own if WindowName.APP_DAY in told else outbox.tried_since(session, together, now - _DAY)
        attempts = Attempts(own, app)
    allowed = allowance(
        windows, gateway.message_limits, attempts, daily_limit=service.daily_limit, quiet=quiet, now=now
    )
    under_way = outbox.being_sent(session, broadcasts.of_same_app(session, service)) if service.app else 0
    return allowed if not under_way else _less(allowed, under_way, now)


def _less(allowed: Allowance, under_way: int, now: datetime) -> Allowance:
    """What other services of the app are sending at this moment is not in X's figures yet."""
    left = allowed.messages - under_way
    if left > 0 or not allowed.messages:
        return Allowance(max(left, 0), allowed.until, allowed.why)
    return Allowance(0, now + timedelta(seconds=5), "Other services of the same developer app are sending.")
