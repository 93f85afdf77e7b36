"""The message events of a service, read for two ends at once: what people wrote, and what became of lost answers."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from campaign.domain.direct_messages import MessageEvents, first_id_at
from campaign.domain.settling_messages import after_id_for
from campaign.errors import ServiceBlocked, XError
from campaign.store import ledgers
from campaign.store.engine import writing
from campaign.store.outcomes import Doubt
from campaign.store.paid_calls import book_failed_call
from tasks.desk import Desk
from tasks.hearing import keep
from tasks.pausing import pause_all
from tasks.progress import End, Progress
from tasks.work import stop_for

_READING = "reading message events"
#: What people wrote before a service's events are read for the first time: one page, X shows 30 days.
_SHOWN_FOR = timedelta(days=30)
#: Pages asked for until nothing is left out, more at each attempt: together what X allows in 15 minutes. Whoever gets
#: more messages than that between two readings is read no further.
_PAGES = (1, 4, 10)


def read_events(desk: Desk, before: str, doubts: Sequence[Doubt]) -> Progress | None:
    """Read what came after the event `before`, and whatever settles the doubts; None when it is read."""
    starts = [before] if before else []
    if doubts:
        starts.append(after_id_for([doubt.attempt for doubt in doubts]))
    after_id = min(starts, key=int) if starts else first_id_at(desk.clock() - _SHOWN_FOR)
    for pages in _PAGES:
        answer = _ask(desk, after_id, pages * desk.gateway.longest_event_page)
        if isinstance(answer, Progress):
            return answer
        found, asked_at = answer
        if found.is_complete or not starts:
            break
    keep(desk, found, doubts, before, asked_at)
    return None


def _ask(desk: Desk, after_id: str, wanted: int) -> tuple[MessageEvents, datetime] | Progress:
    """The events, and the moment before they were asked for: what X took later is perhaps not among them."""
    service_id = desk.service.id
    with writing() as session:
        asked_at = desk.clock()
        if ledgers.reserve(session, service_id, _READING, desk.gateway.event_price, wanted, asked_at) < wanted:
            ledgers.release(session, service_id, _READING)
            return desk.progress(End.CAPPED, "The inbox cannot be read: this month's spend cap is reached.")
    try:
        answer = desk.gateway.message_events(desk.service.x_user_id or "", after_id, wanted)
    except XError as error:
        return _failed(desk, error)
    with writing() as session:
        ledgers.settle(session, service_id, _READING, answer.receipts, desk.clock())
    return answer.value, asked_at


def _failed(desk: Desk, error: XError) -> Progress:
    with writing() as session:
        book_failed_call(session, desk.service.id, _READING, error, desk.clock())
    if isinstance(error, ServiceBlocked):
        pause_all(desk.service, error, desk.clock())
    if stop := stop_for(desk, error):
        return stop
    raise error
