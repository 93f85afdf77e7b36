"""Whose turn it is on a service: the broadcast and the wave of it that goes out next."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from campaign.store import broadcasts, deliveries, outbox, waves
from campaign.store.outbox import Span
from models import Wave
from tasks.desk import Desk, Letter


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
        if letter.stamp != deliveries.stamp_of(session, delivery):
            continue
        known = waves.of_service(session, delivery.id, desk.service.id)
        found = _first_pending(session, desk, letter, known)
        if found is None:
            continue
        wave, span = found
        begins_at = waves.begins_at(delivery, wave) or now
        if begins_at <= now:
            return Next(letter, span)
        begins.append(begins_at)
    return Next(begins_at=min(begins, default=None))


def _first_pending(session: Session, desk: Desk, letter: Letter, known: Sequence[Wave]) -> tuple[Wave, Span] | None:
    """The first wave in which something has not gone out, and what of it has not."""
    if not known:
        return None
    whole = Span(letter.delivery_id, desk.service.id, known[0].first_message_id)
    first = outbox.pending(session, whole)
    if first is None:
        return None
    place = bisect_right([wave.first_message_id for wave in known], first) - 1
    beyond = known[place + 1].first_message_id if place + 1 < len(known) else None
    return known[place], Span(letter.delivery_id, desk.service.id, first, beyond)
