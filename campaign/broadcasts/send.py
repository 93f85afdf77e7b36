"""Sends what is due on a service: batch after batch, until X allows no more; and sends its proofs."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from operator import itemgetter
from threading import Event

import pendulum

from campaign.audience import visitors as people
from campaign.broadcasts import waves
from campaign.broadcasts.context import (
    STOPPING,
    Armed,
    BroadcastSender,
    Call,
    LatestLimits,
    OnChange,
    OutgoingBroadcast,
    Record,
    arm,
    next_up,
    pause_all,
    sender_for,
    upload_file,
)
from campaign.broadcasts.inbox import read_inbox, recover, waits_until
from campaign.broadcasts.prepare import render_broadcast, text_for
from campaign.broadcasts.settle import record_calls
from campaign.broadcasts.waves import Span
from campaign.db.engine import Claim, claim, read_session, transaction
from campaign.deliveries import log as messages
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import opens_at, start_delivery
from campaign.deliveries.kind import End, Progress, Rendered
from campaign.deliveries.links import links_in
from campaign.errors import NotPossible, ServiceBlocked, Uncertain, Unsent, WrongUsage, XError
from campaign.limits import rate_limits
from campaign.running import retried, run_side_by_side, wait_until
from campaign.services import store as services
from campaign.services.store import check_if_due
from campaign.x.types import NewMessage
from models import Delivery, DeliveryKind, DeliveryState, MessageState, Service

#: So many lost answers in a row end a batch: X is away, and every further one would have to be looked up.
MOST_UNCERTAIN = 3


class Watch:
    """Halts a batch when the run is stopped, the broadcast paused or stopped, or the batch taken over by another."""

    def __init__(self, sender: BroadcastSender, armed: Armed) -> None:
        self._sender, self._armed = sender, armed
        self._left = set(armed.texts)
        self._halt = Event()
        self._next = time.monotonic() + sender.check_every
        self._uncertain = 0

    @property
    def is_halted(self) -> bool:
        """Returns whether no further call may begin; asked by every thread."""
        return self._halt.is_set()

    @property
    def is_away(self) -> bool:
        """Returns whether X answers nothing any more."""
        return self._uncertain >= MOST_UNCERTAIN

    def halt(self) -> None:
        """Begins no further call."""
        self._halt.set()

    def check(self) -> None:
        """Checks, between two messages and not too often, whether the batch may go on."""
        if self._sender.is_stopped():
            self.halt()
        if not self.is_halted and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._sender.check_every
            with read_session() as session:
                if not rate_limits.may_go_on(session, self._left, self._armed.at):
                    self.halt()

    def note(self, calls: Sequence[Call]) -> None:
        """Notes calls whose outcome is recorded now."""
        for call in calls:
            self._left.discard(call.message_id)
            if call.result is not None and not self.is_away:
                self._uncertain = self._uncertain + 1 if isinstance(call.result, Uncertain) else 0
        if self.is_away:
            self.halt()


_CallOne = Callable[[int], Call]


def send(sender: BroadcastSender, armed: Armed, media_id: str | None) -> Progress | None:
    """Sends a batch; None when the next one can follow at once. Raises XError when trying again at once may help."""
    watch, latest, failed = Watch(sender, armed), LatestLimits(), list[XError]()

    def call(message_id: int) -> Call:
        """Sends one message, unless the batch was halted; what stops the account stops the other threads at once."""
        if watch.is_halted:
            return Call(message_id, None)
        message = NewMessage(armed.recipients[message_id].recipient, armed.texts[message_id], media_id)
        try:
            return Call(message_id, sender.gateway.send_message(message))
        except XError as error:
            if isinstance(error, ServiceBlocked | Unsent):
                watch.halt()
            return Call(message_id, error)

    pool = ThreadPoolExecutor(sender.at_once) if sender.at_once > 1 else None
    with pool or nullcontext():
        try:
            groups = _side_by_side(pool, sender, armed, call, watch) if pool else _one_by_one(armed, call, watch)
            for calls in groups:
                failed += [each.result for each in calls if isinstance(each.result, XError)]
                watch.note(calls)
                if record_calls(sender, armed, calls, latest):
                    watch.halt()
        finally:
            watch.halt()  # no call begins whose outcome would not be recorded
    return _end_of_batch(sender, failed, is_away=watch.is_away)


def _one_by_one(armed: Armed, call: _CallOne, watch: Watch) -> Iterator[list[Call]]:
    left = list(armed.texts)
    while left:
        watch.check()
        if watch.is_halted:
            yield [Call(message_id, None) for message_id in left]
            return
        yield [call(left.pop(0))]


def _side_by_side(
    pool: ThreadPoolExecutor, sender: BroadcastSender, armed: Armed, call: _CallOne, watch: Watch
) -> Iterator[list[Call]]:
    """Returns the calls that are over, in groups: what was answered between two checks is committed together.

    With quick answers that is all of a batch, with X's usual ones a few messages: a crash leaves those in one.
    """
    waiting: set[Future[Call]] = {pool.submit(call, message_id) for message_id in armed.texts}
    while waiting:
        done, waiting = wait(waiting, timeout=sender.check_every)
        watch.check()
        if done:
            yield [future.result() for future in done]


def _end_of_batch(sender: BroadcastSender, failed: Sequence[XError], *, is_away: bool) -> Progress | None:
    """Returns how the service goes on after a batch."""
    blocked = next((error for error in failed if isinstance(error, ServiceBlocked)), None)
    if blocked is not None:
        return sender.progress(End.BLOCKED, f"{sender.service.internal_name}: {blocked.sentence}")
    unsent = [error for error in failed if isinstance(error, Unsent)]
    limited = [(error.retry_at, error) for error in unsent if error.retry_at]
    if limited:
        until, error = max(limited, key=itemgetter(0))
        reason = "X allows no more messages for now." if error.reason == "rate_limited" else error.sentence
        return sender.progress(End.WAITING, reason, until)
    if unsent:
        raise unsent[0]
    if is_away:
        return sender.progress(End.WAITING, "X does not answer.", sender.clock() + sender.settle_after)
    return None


def send_what_is_due(sender: BroadcastSender) -> Progress:
    """Sends until nothing is left, X allows no more, or the run is stopped.

    Raises XError when X was away and trying again at once may help.
    """
    recover(sender)
    end: Progress | None = None
    while end is None:
        if sender.is_stopped():
            return sender.progress(End.HALTED, "The run was stopped.")
        end = read_inbox(sender) or _send_next_batch(sender)
    end = replace(end, left_out=len(sender.left_out))
    lookup = waits_until(sender) if end.end in {End.WAITING, End.OUT} else None
    if lookup is None:
        return end
    if end.end is End.OUT:  # nothing is out before unknown outcomes are looked up
        return replace(end, end=End.WAITING, reason="X may show late what it took.", until=lookup)
    return replace(end, until=min(end.until or lookup, lookup))


def _send_next_batch(sender: BroadcastSender) -> Progress | None:
    """Sends the next batch; None when the next one, or the next broadcast, follows."""
    with read_session() as session:
        following = next_up(session, sender, sender.clock())
    if following.broadcast is None or following.span is None:
        if following.begins_at:
            return sender.progress(End.WAITING, "The next wave has not begun.", following.begins_at)
        return sender.progress(End.OUT)
    media_id = upload_file(sender, following.broadcast)
    if isinstance(media_id, Progress):
        end = media_id
    else:
        armed = arm(sender, following.broadcast, following.span)
        if isinstance(armed, Armed):
            return send(sender, armed, media_id)
        end = armed
    # The end of one broadcast only: the others go on, and it is not found again.
    return None if end.end in {End.HALTED, End.REFUSED} else end


#: How long X is left alone when it was away.
AWAY_FOR = timedelta(minutes=5)


def due_broadcasts() -> list[str]:
    """Returns the names of the broadcasts whose time has come."""
    with read_session() as session:
        return [delivery.name for delivery in waves.due(session, pendulum.now("UTC"))]


def begin_broadcast(name: str, actor: str) -> Rendered:
    """Lets a confirmed broadcast go out; raises NotPossible when it is not, or no longer, what was confirmed."""
    broadcast = render_broadcast(name)
    if broadcast.delivery.kind is not DeliveryKind.DM:
        raise WrongUsage(f"{name} is a post; run post-publication for it.")
    with transaction() as session:
        delivery = deliveries.named(session, name)
        reason = start_delivery(session, broadcast, delivery, actor, pendulum.now("UTC"))
    if reason is not None:
        raise NotPossible(reason)
    return broadcast


def under_way(begun: Sequence[Rendered] = ()) -> list[Rendered]:
    """Returns the broadcasts that go out now; one that was changed after its confirmation by other means fails instead.

    Those in `begun` were rendered a moment ago, and their files are not read again.
    """
    fresh = {one.delivery.name: one for one in begun}
    with read_session() as session:
        names = [delivery.name for delivery in waves.under_way(session)]
    going = []
    for broadcast in (fresh.get(name) or render_broadcast(name) for name in names):
        with transaction() as session:
            delivery = deliveries.get(session, broadcast.delivery.id)
            if start_delivery(session, broadcast, delivery, "dm-broadcast", pendulum.now("UTC")) is None:
                going.append(broadcast)
    return going


def services_at_work(going: Sequence[Rendered], names: Sequence[str]) -> list[Service]:
    """Returns the services of these broadcasts, and those that have messages with an unknown outcome."""
    ids = {service.id for broadcast in going if broadcast.delivery.name in names for service in broadcast.services}
    with read_session() as session:
        ids |= set(rate_limits.with_unsettled(session))
        return [services.get(session, service_id) for service_id in sorted(ids)]


def outgoing_broadcasts(
    service: Service, going: Sequence[Rendered], records: dict[int, Record]
) -> dict[int, OutgoingBroadcast]:
    """Returns what a service sends: its part of each broadcast."""
    return {
        one.delivery.id: OutgoingBroadcast(
            one.delivery.id,
            one.delivery.name,
            one.version,
            text_for(one.draft, service, one.delivery.id),
            next(iter(one.usable_files), None),
            records[one.delivery.id],
            links_in(one.draft, service),
        )
        for one in going
        if service.id in {target.id for target in one.services}
    }


def records_of(going: Sequence[Rendered]) -> dict[int, Record]:
    """Returns the latest outcomes of each broadcast."""
    with read_session() as session:
        return {
            one.delivery.id: Record(
                waves.last_outcomes(session, one.delivery.id, [service.id for service in one.services])
            )
            for one in going
        }


def work_for(
    service: Service,
    broadcasts: dict[int, OutgoingBroadcast],
    on_change: OnChange = lambda _delivery_id, _change: None,
    log: Callable[[str], None] = lambda _line: None,
) -> Progress:
    """Reads a service's inbox, then sends as many of its messages as X allows now; never fails other services.

    Raises XError when X was away and trying again at once may help.
    """
    try:
        with claim(service.id, service.internal_name, Claim.MESSAGES):
            checked = check_if_due(service)
            return send_what_is_due(sender_for(checked, dict(broadcasts), on_change, log))
    except ServiceBlocked as error:
        end = End.CAPPED if error.reason == "cap" else End.BLOCKED
        if end is End.BLOCKED:
            pause_all(service, error, pendulum.now("UTC"))
        return Progress(service.id, end, f"{service.internal_name}: {error.sentence}")
    except (NotPossible, WrongUsage) as error:
        return Progress(service.id, End.BLOCKED, f"{service.internal_name}: {error}")


def end_of(service: Service, result: Progress | Exception) -> Progress:
    """Returns how a service ended; where X was away for longer than a step tries, it goes on in some minutes."""
    if isinstance(result, XError):
        retry_at = result.retry_at if isinstance(result, Unsent) else None
        reason, until = f"{service.internal_name}: {result.sentence}", retry_at or pendulum.now("UTC") + AWAY_FOR
        return Progress(service.id, End.WAITING, reason, until)
    if isinstance(result, Exception):
        raise result
    return result


def conclude_broadcast(name: str) -> Delivery:
    """Brings the state of a broadcast in line with its log."""
    with transaction() as session:
        delivery, now, cancelled = deliveries.named(session, name), pendulum.now("UTC"), 0
        if delivery.state is not DeliveryState.IN_PROGRESS:
            return delivery
        is_expired = deliveries.is_expired(delivery, now)
        if is_expired:
            cancelled = messages.cancel_pending(session, delivery, now, "The validity of the delivery ended.")
        counts = waves.count_by_state(session, delivery.id)
        if any(counts[state] for state in (MessageState.PENDING, MessageState.SENDING, MessageState.UNCERTAIN)):
            return delivery
        if is_expired and (cancelled or counts[MessageState.CANCELLED]):
            reason = f"Its validity ended; {cancelled:,} of {counts.total():,} messages did not go out."
            deliveries.move(session, delivery, DeliveryState.EXPIRED, "dm-broadcast", now, reason)
        else:
            deliveries.move(session, delivery, DeliveryState.FINISHED, "dm-broadcast", now)
        return delivery


def send_broadcast(name: str, started_by: str, *, wait: bool) -> tuple[Delivery, list[Progress], datetime | None]:
    """Sends a confirmed broadcast, its services side by side; waits for X unless `wait` is off.

    Returns it, how each service ended, and when it goes on. Other broadcasts of the same services that are under way
    take their turns with it. Raises NotPossible and WrongUsage when it may not go out now.
    """
    STOPPING.clear()
    while opens := opens_at(name):
        if not wait:
            return conclude_broadcast(name), [], opens
        wait_until(opens)
    begun = [begin_broadcast(name, started_by)]
    while True:
        going, begun = under_way(begun), []
        ends = _send_side_by_side(services_at_work(going, [name]), going)
        until = min((end.until for end in ends if end.until), default=None)
        if until is None or not wait:
            break
        wait_until(until)
    concluded = {one.delivery.name: conclude_broadcast(one.delivery.name) for one in going}
    return concluded.get(name) or conclude_broadcast(name), ends, until


def _send_side_by_side(services: Sequence[Service], going: Sequence[Rendered]) -> list[Progress]:
    records, send = records_of(going), retried(work_for)

    def run(service: Service) -> Progress:
        try:
            return send(service, outgoing_broadcasts(service, going, records))
        except XError as error:
            return end_of(service, error)

    return run_side_by_side(run, services, STOPPING.set)


def describe_outcome(
    unhappy: Sequence[str], ends: Sequence[Progress], problems: Sequence[str], until: datetime | None
) -> tuple[bool, str]:
    """Returns whether nothing needs a person, and one sentence on it; empty when there is nothing to add."""
    stuck = [end.reason for end in ends if end.end in {End.BLOCKED, End.CAPPED, End.REFUSED}]
    stuck = [reason for reason in stuck if not any(reason in sentence for sentence in unhappy)]
    if unhappy or stuck or problems:
        return False, " ".join(dict.fromkeys([*problems, *unhappy, *stuck]))
    return True, f"Continues at {until:%Y-%m-%d %H:%M:%S %Z}." if until else ""


def send_broadcast_proof(name: str, actor: str, *, like: str = "") -> Progress:
    """Sends the next proof, as the person `like` (a handle) or a sample would get it.

    Raises NotPossible when it has no recipient, WrongUsage when a handle is unknown.
    """
    broadcast = render_broadcast(name)
    if not broadcast.draft.broadcast.proof_recipients:
        raise NotPossible(f"{name} has no proof recipients; name some, or confirm it without a proof.")
    if not broadcast.services or not broadcast.draft.content.parts:
        raise NotPossible(f"{name} has errors; put them right, then send a proof.")
    service = check_if_due(broadcast.services[0])
    text = proof_text(broadcast, service, like)
    with claim(service.id, service.internal_name, Claim.MESSAGES):
        with transaction() as session:
            delivery = session.get_one(Delivery, broadcast.delivery.id, with_for_update=True)
            handles = broadcast.draft.broadcast.proof_recipients
            recipients = [people.named(session, handle).id for handle in dict.fromkeys(handles)]
            delivery.proofs += 1
            waves.plan(session, delivery, service.id, recipients, text)
            detail = f"Proof #{delivery.proofs} to {', '.join(handles)}."
            deliveries.note(session, delivery, "proof", actor, pendulum.now("UTC"), detail)
            span = Span(delivery.id, service.id, proof_number=delivery.proofs)
        return _send(broadcast, service, span, len(recipients))


def proof_text(broadcast: Rendered, service: Service, like: str) -> str:
    """Returns the message as one person gets it."""
    with read_session() as session:
        if like:
            person = people.person_of(session, people.named(session, like).id)
        else:
            found = waves.samples(session, broadcast.delivery.id, service.id, seed=broadcast.delivery.id)
            if not found:
                raise NotPossible(f"{broadcast.delivery.name} has no recipients; analyse it, then send a proof.")
            person = found[-1][1]
    return text_for(broadcast.draft, service, broadcast.delivery.id).render(people.example_of(person))


def _send(broadcast: Rendered, service: Service, span: Span, expected: int) -> Progress:
    outgoing = outgoing_broadcasts(service, [broadcast], records_of([broadcast]))
    sender, proof = sender_for(service, outgoing), outgoing[broadcast.delivery.id]
    recover(sender)
    media_id = upload_file(sender, proof)
    if isinstance(media_id, Progress):
        return media_id
    armed = arm(sender, proof, span)
    if isinstance(armed, Progress):
        return armed
    if stop := send(sender, armed, media_id):
        return stop
    with read_session() as session:
        log = waves.log_of(session, span)
    sent = sum(one.state is MessageState.SENT for one in log)
    if sent == expected:
        return sender.progress(End.OUT)
    reasons = " ".join(dict.fromkeys(one.reason for one in log if one.reason))
    return sender.progress(End.REFUSED, f"{sent} of {expected} proofs of {proof.name} are out. {reasons}".strip())
