"""A post or thread on one account, from its first part to its last, in order."""

from campaign.store import budgets
from campaign.store.engine import reading
from models import Message, MessageState
from tasks.looking import look_for
from tasks.progress import End, Progress
from tasks.publishing import publish_next
from tasks.uploading import OnProgress, media_ids_of
from tasks.work import Work, first_unfinished

_UNSETTLED = frozenset({MessageState.SENDING, MessageState.UNCERTAIN})


def publish_parts(work: Work, on_progress: OnProgress = lambda _done, _all: None) -> Progress:
    """Bring every part out that is not, each answering the one before; safe to repeat at any time.

    Raises XError when X was away and trying again at once may help.
    """
    while message := first_unfinished(work):
        stop = _one_step(work, message, on_progress)
        if stop:
            return stop
    return work.progress(End.OUT)


def _one_step(work: Work, message: Message, on_progress: OnProgress) -> Progress | None:
    if message.state in _UNSETTLED:
        return look_for(work, message)
    if message.state is MessageState.REFUSED:
        return work.progress(End.REFUSED, f"Part {message.part}: {message.reason}")
    if message.state is MessageState.CANCELLED:
        return work.progress(End.HALTED, "The delivery was stopped.")
    if stop := _closed(work):
        return stop
    media_ids = media_ids_of(work, message, on_progress)
    return media_ids if isinstance(media_ids, Progress) else publish_next(work, message, media_ids)


def _closed(work: Work) -> Progress | None:
    """Whether X said that it takes no posts for now."""
    with reading() as session:
        endpoints = [work.gateway.post_endpoint]
        opens_at = budgets.calls_open_at(session, work.service.id, endpoints, work.clock())
    return work.progress(End.WAITING, "X allows no more calls for now.", opens_at) if opens_at else None
