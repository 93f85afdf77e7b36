"""What sending the messages of one service needs, what pauses its broadcasts, and which messages it arms next."""

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from threading import Event, Lock

import pendulum
from sqlmodel import Session

from campaign.broadcasts import waves
from campaign.broadcasts.analysis import EXCLUSION_SENTENCES
from campaign.broadcasts.waves import Candidate, Span
from campaign.consent import permission, store
from campaign.consent.opt_out import opt_out_words
from campaign.db.engine import transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import LoadedFile, NamedLink
from campaign.deliveries.kind import End, Progress, Sender, media_id_of, why_halted
from campaign.deliveries.links import save_links, shorten_messages
from campaign.deliveries.templating import BroadcastText
from campaign.errors import NotPossible, Refused, ServiceBlocked, XError
from campaign.formatting import usd
from campaign.limits import rate_limits, spend_cap
from campaign.limits.quiet_hours import QuietHours, parse_quiet_hours
from campaign.limits.rate_limits import allowance_of
from campaign.services import store as services
from campaign.services.store import gateway_of
from campaign.settings import load_settings
from campaign.x.types import Answer, Window
from models import MAIN, DeliveryState, ExclusionReason, MessageState, Service, WindowName


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is over: X's response, or how it failed; `result` is None for a call that was not made."""

    message_id: int
    result: Answer[str] | XError | None


class LatestLimits:
    """The latest limits of each window: calls that run side by side come back in any order."""

    def __init__(self) -> None:
        self._windows: dict[WindowName, Window] = {}

    def update(self, calls: Sequence[Call]) -> tuple[Window, ...]:
        """Returns the newest limits after these calls, or nothing when they brought none."""
        receipts = [receipt for call in calls if call.result is not None for receipt in call.result.receipts]
        brought = [window for receipt in receipts for window in receipt.windows]
        for window in brought:
            # Within one window, fewer and fewer calls are left.
            known = self._windows.get(window.name, window)
            if (window.reset_at.timestamp(), -window.remaining) >= (known.reset_at.timestamp(), -known.remaining):
                self._windows[window.name] = window
        return tuple(self._windows.values()) if brought else ()


def pause(session: Session, delivery_id: int, reason: str, now: datetime) -> None:
    """Pauses one broadcast, if it is under way."""
    delivery = waves.lock(session, delivery_id)
    if delivery.state is DeliveryState.IN_PROGRESS:
        deliveries.move(session, delivery, DeliveryState.PAUSED, "campaign", now, reason)


def pause_all(service: Service, error: ServiceBlocked, now: datetime) -> None:
    """Pauses every broadcast of a service that X blocks; what other services send alone goes on."""
    sentence = error.sentence
    with transaction() as session:
        # The broadcasts before the service, as everywhere: two that wait for each other would both fail.
        for delivery in waves.lock_under_way(session, service.id):
            reason = f"{service.internal_name}: {sentence}"
            deliveries.move(session, delivery, DeliveryState.PAUSED, "campaign", now, reason)
        services.mark_blocked(session, services.get(session, service.id), sentence)


MOST_IN_A_ROW = 10
COUNTED = 100
"""So many messages, the last ones with a response of X."""
LEAST_REFUSED = 20
MOST_REFUSED = 0.2
"""The share of those that are counted."""

_REMEDY = "look at the reasons in the report of the delivery, then resume or stop it."


def should_pause(outcomes: Sequence[bool]) -> str | None:
    """Returns why the broadcast pauses, in one sentence; None when it goes on.

    `outcomes` are those of the messages with a response, the newest last: True was sent, False was refused.
    """
    row = sum(1 for _ in takewhile(lambda sent: not sent, reversed(outcomes)))
    if row > MOST_IN_A_ROW:
        return f"X refused {row:,} messages in a row: {_REMEDY}"
    last = outcomes[-COUNTED:]
    refused = len(last) - sum(last)
    if refused >= LEAST_REFUSED and refused >= MOST_REFUSED * len(last):
        return f"X refused {refused} of the last {len(last)} messages: {_REMEDY}"
    return None


#: Messages armed together at most: one look-up finds the outcomes of as many.
BATCH = 100
SENDING = "sending direct messages"
"""The purpose for which the budget of a batch is reserved."""


class Record:
    """The last outcomes of one broadcast, on all its services; pauses it when X refuses too much."""

    def __init__(self, outcomes: Sequence[bool] = ()) -> None:
        self._outcomes = deque(outcomes, COUNTED)
        self._lock = Lock()
        self._files_unknown = 0

    def file_is_unknown(self) -> bool:
        """Notes that X did not know the file though it had taken it; True when that is not the first time."""
        with self._lock:
            self._files_unknown += 1
            return self._files_unknown > 1

    def add(self, outcomes: Sequence[bool]) -> str | None:
        """Notes the outcomes of messages, the newest last; returns why the broadcast has to pause."""
        with self._lock:
            for outcome in outcomes:
                self._outcomes.append(outcome)
                if reason := should_pause(list(self._outcomes)):
                    return reason
        return None


@dataclass(frozen=True, slots=True)
class OutgoingBroadcast:
    """A broadcast on one service: its text, its file, and the version that was confirmed."""

    delivery_id: int
    name: str
    version: str
    text: BroadcastText
    file: LoadedFile | None = None
    record: Record = field(default_factory=Record)
    links: Mapping[str, NamedLink] = field(default_factory=dict)
    """Those whose clicks are counted, by their address as it is written."""


OnChange = Callable[[int, Counter[MessageState]], None]
"""Receives by how much the counts of a broadcast's messages change, by state."""
#: Set when the run is to end: what is being called is finished, and nothing more is sent.
STOPPING = Event()


@dataclass(frozen=True)
class BroadcastSender(Sender):
    """A service that sends direct messages: its part of each broadcast, by delivery id."""

    broadcasts: dict[int, OutgoingBroadcast]
    inbox_every: timedelta
    opt_out_words: frozenset[str]
    quiet: QuietHours | None = None
    at_once: int = 3
    """Calls to X at the same time."""
    is_stopped: Callable[[], bool] = lambda: False
    on_change: OnChange = lambda _delivery_id, _change: None
    log: Callable[[str], None] = lambda _line: None
    check_every: float = 0.25
    """How often it is checked whether a batch may still go out, in seconds."""
    left_out: set[str] = field(default_factory=set)
    """The X ids of events that could not be read in this run, "?" for one without an id."""


def moved(before: MessageState, *after: MessageState) -> Counter[MessageState]:
    """Returns by how much the counts of messages change that were in one state."""
    change = Counter(after)
    change[before] -= len(after)
    return change


def quiet_hours_of(service: Service) -> QuietHours | None:
    """Returns the quiet hours of a service."""
    return parse_quiet_hours(service.quiet_hours, services.zone_of(service))


def sender_for(
    service: Service,
    broadcasts: dict[int, OutgoingBroadcast],
    on_change: OnChange = lambda _delivery_id, _change: None,
    log: Callable[[str], None] = lambda _line: None,
) -> BroadcastSender:
    """Returns everything that sending the messages of a service needs."""
    settings = load_settings()
    return BroadcastSender(
        gateway=gateway_of(service),
        service=service,
        clock=lambda: pendulum.now("UTC"),
        settle_after=timedelta(seconds=settings.settle_seconds),
        broadcasts=broadcasts,
        inbox_every=timedelta(seconds=settings.inbox_seconds),
        opt_out_words=opt_out_words(),
        quiet=quiet_hours_of(service),
        is_stopped=STOPPING.is_set,
        on_change=on_change,
        log=log,
    )


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
        first = waves.pending(session, Span(delivery.id, sender.service.id))
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
            invitation = store.of_invitation(service, delivery.id) if delivery.is_invitation else []
            reasons = permission.in_order([*permission.of_broadcast(service, now), *invitation])
        chosen = waves.candidates(session, span, reasons, min(allowed.messages, BATCH))
        texts, dropped = _texts(session, broadcast, chosen, now)
        paid = spend_cap.reserve(session, service.id, SENDING, sender.gateway.message_price, len(texts), now)
        short = shorten_messages(dict(list(texts.items())[:paid]), broadcast.links)
        armed = waves.arm(session, short.texts, reasons, now) if short.texts else set()
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
    return texts, waves.drop(session, dropped, now)


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
