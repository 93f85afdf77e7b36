"""Sending what is due on one service: batch after batch, watched, until X allows no more."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from threading import Event

from campaign.broadcasts.arm import Armed, Next, arm, media_id_of, next_up
from campaign.broadcasts.context import Call, Desk, Told
from campaign.broadcasts.inbox import read_inbox, recover, waits_until
from campaign.broadcasts.settle import settle
from campaign.db.engine import reading
from campaign.deliveries.progress import End, Progress
from campaign.errors import ServiceBlocked, Uncertain, Unsent, XError
from campaign.limits import rate_limits
from campaign.services.check import sentence_of
from campaign.x.types import NewMessage

#: So many lost answers in a row end a batch: X is away, and every further one would have to be looked for.
MOST_UNCERTAIN = 3


class Watch:
    """Halts a batch when the run is stopped, the broadcast paused or stopped, or the batch taken over by another."""

    def __init__(self, desk: Desk, armed: Armed) -> None:
        self._desk, self._armed = desk, armed
        self._left = set(armed.texts)
        self._halt = Event()
        self._next = time.monotonic() + desk.look_every
        self._uncertain = 0

    @property
    def is_halted(self) -> bool:
        """Whether no further call may begin; asked by every thread."""
        return self._halt.is_set()

    @property
    def is_away(self) -> bool:
        """Whether X answers nothing any more."""
        return self._uncertain >= MOST_UNCERTAIN

    def halt(self) -> None:
        """Begin no further call."""
        self._halt.set()

    def around(self) -> None:
        """Look, between two messages and not too often, whether the batch may go on."""
        if self._desk.is_stopped():
            self.halt()
        if not self.is_halted and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._desk.look_every
            if not self._may_go_on():
                self.halt()

    def _may_go_on(self) -> bool:
        with reading() as session:
            return rate_limits.may_go_on(session, self._left, self._armed.at)

    def hear(self, calls: Sequence[Call]) -> None:
        """Take note of calls that are settled now."""
        for call in calls:
            self._left.discard(call.message_id)
            if call.result is not None and not self.is_away:
                self._uncertain = self._uncertain + 1 if isinstance(call.result, Uncertain) else 0
        if self.is_away:
            self.halt()


_CallOne = Callable[[int], Call]


def send(desk: Desk, armed: Armed, media_id: str | None) -> Progress | None:
    """Send a batch; None when the next one can follow at once. Raises XError when trying again at once may help."""
    watch, told, failed = Watch(desk, armed), Told(), list[XError]()
    call = partial(_call, desk, armed, media_id, watch)
    pool = ThreadPoolExecutor(desk.at_once) if desk.at_once > 1 else None
    with pool or nullcontext(), _halted_at_the_end(watch):
        groups = _side_by_side(pool, armed, call, watch, desk.look_every) if pool else _one_by_one(armed, call, watch)
        for calls in groups:
            failed += [each.result for each in calls if isinstance(each.result, XError)]
            watch.hear(calls)
            if settle(desk, armed, calls, told):
                watch.halt()
    return _end(desk, failed, is_away=watch.is_away)


@contextmanager
def _halted_at_the_end(watch: Watch) -> Iterator[None]:
    """Whatever goes wrong, no call begins that nobody would settle."""
    try:
        yield
    finally:
        watch.halt()


def _one_by_one(armed: Armed, call: _CallOne, watch: Watch) -> Iterator[list[Call]]:
    left = list(armed.texts)
    while left:
        watch.around()
        if watch.is_halted:
            yield [Call(message_id, None) for message_id in left]
            return
        yield [call(left.pop(0))]


def _side_by_side(
    pool: ThreadPoolExecutor, armed: Armed, call: _CallOne, watch: Watch, look_every: float
) -> Iterator[list[Call]]:
    """What came of the calls, in groups: what was answered between two looks is committed together.

    With quick answers that is all of a batch, with X's usual ones a few messages: a crash leaves those in doubt.
    """
    waiting: set[Future[Call]] = {pool.submit(call, message_id) for message_id in armed.texts}
    while waiting:
        done, waiting = wait(waiting, timeout=look_every)
        watch.around()
        if done:
            yield [future.result() for future in done]


def _call(desk: Desk, armed: Armed, media_id: str | None, watch: Watch, message_id: int) -> Call:
    """Send one message, unless the batch was halted; what stops the account stops the other threads at once."""
    if watch.is_halted:
        return Call(message_id, None)
    message = NewMessage(armed.recipients[message_id].recipient, armed.texts[message_id], media_id)
    try:
        return Call(message_id, desk.gateway.send_message(message))
    except XError as error:
        if isinstance(error, ServiceBlocked | Unsent):
            watch.halt()
        return Call(message_id, error)


def _end(desk: Desk, failed: Sequence[XError], *, is_away: bool) -> Progress | None:
    """How the service goes on after a batch."""
    blocked = next((error for error in failed if isinstance(error, ServiceBlocked)), None)
    if blocked is not None:
        return desk.progress(End.BLOCKED, f"{desk.service.internal_name}: {sentence_of(blocked)}")
    unsent = [error for error in failed if isinstance(error, Unsent)]
    limited = [error.retry_at for error in unsent if error.retry_at]
    if limited:
        return desk.progress(End.WAITING, "X allows no more messages for now.", max(limited))
    if unsent:
        raise unsent[0]
    if is_away:
        return desk.progress(End.WAITING, "X does not answer.", desk.clock() + desk.settle_after)
    return None


def send_what_is_due(desk: Desk) -> Progress:
    """Send until nothing is left, X allows no more, or somebody stops it.

    Raises XError when X was away and trying again at once may help.
    """
    recover(desk)
    while not desk.is_stopped():
        if end := read_inbox(desk) or _one_batch(desk):
            return _with_looks(desk, end)
    return desk.progress(End.HALTED, "The run was stopped.")


def _one_batch(desk: Desk) -> Progress | None:
    """Send the next batch; what no longer may go out is left to others, and the next broadcast follows."""
    with reading() as session:
        following = next_up(session, desk, desk.clock())
    if following.letter is None or following.span is None:
        return _nothing_now(desk, following)
    media_id = media_id_of(desk, following.letter)
    if isinstance(media_id, Progress):
        return _unless_only_that(media_id)
    armed = arm(desk, following.letter, following.span)
    return send(desk, armed, media_id) if isinstance(armed, Armed) else _unless_only_that(armed)


def _unless_only_that(end: Progress) -> Progress | None:
    """What ends one broadcast is no end for the others: it is not found again."""
    return None if end.end in {End.HALTED, End.REFUSED} else end


def _nothing_now(desk: Desk, following: Next) -> Progress:
    """Nothing can be sent at this moment."""
    if following.begins_at:
        return desk.progress(End.WAITING, "The next wave has not begun.", following.begins_at)
    return desk.progress(End.OUT)


def _with_looks(desk: Desk, end: Progress) -> Progress:
    """Nothing is out before lost answers are settled: whoever waits goes on when one can be, if that is sooner."""
    looks = waits_until(desk) if end.end in {End.WAITING, End.OUT} else None
    if looks is None:
        return end
    if end.end is End.OUT:
        return desk.progress(End.WAITING, "X may show late what it took.", looks)
    return replace(end, until=min(end.until or looks, looks))
