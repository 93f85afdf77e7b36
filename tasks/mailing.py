"""All that one service can send of its broadcasts now, its inbox first; safe to repeat at any time."""

from dataclasses import replace

from campaign.store.engine import reading
from tasks.arming import Armed, arm
from tasks.attaching import media_id_of
from tasks.desk import Desk
from tasks.inbox import read_inbox, recover, waits_until
from tasks.messaging import send
from tasks.progress import End, Progress
from tasks.turns import Next, next_up


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
