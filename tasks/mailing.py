"""All that one service can send of its broadcasts now, its inbox first; safe to repeat at any time."""

from campaign.store.engine import reading
from tasks.arming import Armed, Next, arm, next_up
from tasks.attaching import media_id_of
from tasks.desk import Desk
from tasks.inbox import read_inbox, recover, waits_until
from tasks.messaging import send
from tasks.progress import End, Progress


def send_what_is_due(desk: Desk) -> Progress:
    """Send until nothing is left, X allows no more, or somebody stops it.

    Raises XError when X was away and trying again at once may help.
    """
    recover(desk)
    while not desk.is_stopped():
        if end := read_inbox(desk) or _one_batch(desk):
            return end
    return desk.progress(End.HALTED, "The run was stopped.")


def _one_batch(desk: Desk) -> Progress | None:
    """Send the next batch; what no longer may go out is left to others, and the next broadcast follows."""
    with reading() as session:
        following = next_up(session, desk, desk.clock())
    if following.letter is None or following.span is None:
        return _nothing_now(desk, following)
    media_id = media_id_of(desk, following.letter)
    if isinstance(media_id, Progress):
        return media_id
    armed = arm(desk, following.letter, following.span)
    if isinstance(armed, Armed):
        return send(desk, armed, media_id)
    if armed.end is not End.HALTED:
        return armed
    del desk.letters[following.letter.delivery_id]
    return None


def _nothing_now(desk: Desk, following: Next) -> Progress:
    """Nothing can be sent at this moment: when the next wave begins, or a lost answer can be settled."""
    unsettled = waits_until(desk)
    moments = [moment for moment in (following.begins_at, unsettled) if moment]
    if not moments:
        return desk.progress(End.OUT)
    reason = "The next wave has not begun." if following.begins_at else "X may show late what it took."
    return desk.progress(End.WAITING, reason, min(moments))
