"""Sending what is armed, a few calls at a time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from functools import partial

from campaign.domain.check import sentence_of
from campaign.domain.direct_messages import NewMessage
from campaign.errors import ServiceBlocked, Unsent, XError
from tasks.arming import Armed
from tasks.calls import Call, Told
from tasks.desk import Desk
from tasks.progress import End, Progress
from tasks.settling import settle
from tasks.watching import Watch

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
