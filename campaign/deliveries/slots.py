"""The weekly slots of services and the next one that is free; posts that stand too close to each other."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import exists, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from campaign.deliveries.draft import Content
from campaign.errors import NotPossible, WrongUsage
from campaign.users import audit
from campaign.x.text import is_same_text
from models import WEEKDAYS, Delivery, DeliveryKind, DeliveryState, DeliveryTarget, Service, Slot

CLOSE = timedelta(minutes=10)
"""Two posts of an account within this time are in each other's way."""
SAME_TEXT_WITHIN = timedelta(hours=24)
"""X refuses a text that the account posted so recently."""
#: Weeks in which a free slot is looked for.
_WEEKS = 53
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)


def at_local(day: date, clock: time, zone: str) -> datetime:
    """Returns the moment, in UTC, at which a clock of this zone shows that.

    When clocks are changed: a time that exists twice is the first one, and one that does not exist is as much later as
    the clock is put forward, 02:30 becomes 03:30 (the rule of RFC 5545, by which calendars repeat things).
    """
    return datetime.combine(day, clock, ZoneInfo(zone)).astimezone(UTC)


def read_clock(text: str) -> time:
    """Reads a time of the day such as 09:30; raises WrongUsage in one sentence."""
    found = _CLOCK.fullmatch(text.strip())
    if not found:
        raise WrongUsage(f"{text!r} is not a time of the day; write it like 09:30.")
    return time(int(found[1]), int(found[2]))


def read_weekday(text: str) -> int:
    """Reads a day of the week, by its name or the beginning of it; 0 is Monday. Raises WrongUsage in one sentence."""
    word = text.strip().lower()
    found = [number for number, name in enumerate(WEEKDAYS) if len(word) > 1 and name.lower().startswith(word)]
    if len(found) != 1:
        raise WrongUsage(f"{text!r} is not a day of the week; write it like Monday or Mon.")
    return found[0]


def read_zone(text: str) -> str:
    """Checks the name of a time zone; raises WrongUsage in one sentence."""
    if text.strip() not in available_timezones():
        raise WrongUsage(f"{text!r} is not a time zone; write it like Europe/Brussels.")
    return text.strip()


def moments_of(slots: Collection[Slot], after: datetime) -> list[datetime]:
    """Returns the moments of slots after a moment, each once and the next one first, for about a year."""
    begin = after.astimezone(UTC).date() - timedelta(days=1)
    monday = begin - timedelta(days=begin.weekday())
    moments = {
        at_local(monday + timedelta(weeks=week, days=slot.weekday), time.fromisoformat(slot.clock), slot.timezone)
        for week in range(_WEEKS)
        for slot in slots
    }
    return sorted(moment for moment in moments if moment > after)


def free_slot(slots: Collection[Slot], taken: Collection[datetime], now: datetime) -> datetime | None:
    """Returns the next moment of the slots to which no taken one is close; None where there is none in a year."""
    return next((one for one in moments_of(slots, now) if all(abs(one - other) >= CLOSE for other in taken)), None)


def next_free(session: Session, services: Sequence[Service], now: datetime) -> datetime | None:
    """Returns the next slot of any of the services that is free on all of them; None where they have no slots."""
    service_ids = [service.id for service in services]
    slots = listed(session, service_ids)
    if not slots:
        return None
    planned = planned_between(session, now - CLOSE, now + timedelta(weeks=_WEEKS + 1), service_ids)
    taken = {one.contact_date for one, _ in planned if one.kind is DeliveryKind.POST and one.state not in _NOT_COMING}
    return free_slot(slots, [moment for moment in taken if moment], now)


_NOT_COMING = {DeliveryState.STOPPED, DeliveryState.EXPIRED}


def planned_between(
    session: Session, begin: datetime, end: datetime, among: Collection[int] | None
) -> list[tuple[Delivery, frozenset[int]]]:
    """Returns the deliveries of this time, by their date or else their start, each with the ids of its services.

    `among` are services, to one of which a delivery goes.
    """
    moment = func.coalesce(col(Delivery.contact_date), col(Delivery.started_at))
    chosen = select(Delivery).where(moment >= begin, moment < end).order_by(moment, col(Delivery.id))
    if among is not None:
        goes_to = exists().where(
            col(DeliveryTarget.delivery_id) == col(Delivery.id), col(DeliveryTarget.service_id).in_(among)
        )
        chosen = chosen.where(goes_to)
    found = list(session.exec(chosen))
    targets: dict[int, set[int]] = {one.id: set() for one in found}
    ids = select(DeliveryTarget).where(col(DeliveryTarget.delivery_id).in_(list(targets)))
    for target in session.exec(ids):
        targets[target.delivery_id].add(target.service_id)
    return [(one, frozenset(targets[one.id])) for one in found]


def planned_texts(
    session: Session, begin: datetime, end: datetime, among: Collection[int] | None
) -> list["PlannedText"]:
    """Returns the posts of this time that go out, or went out, as far as others can be in their way."""
    found = []
    for one, accounts in planned_between(session, begin, end, among):
        at = one.contact_date or one.started_at
        if one.kind is DeliveryKind.POST and one.state not in _NOT_COMING and at:
            parts = Content.model_validate_json(one.content).parts
            found.append(PlannedText(one.name, at, accounts, tuple(part.text for part in parts), one.label))
    return found


def listed(session: Session, service_ids: Collection[int]) -> list[Slot]:
    """Returns the slots of these services, Monday first."""
    chosen = select(Slot).where(col(Slot.service_id).in_(service_ids))
    return list(session.exec(chosen.order_by(col(Slot.weekday), col(Slot.clock), col(Slot.id))))


def add(session: Session, service: Service, weekday: int, clock: time, zone: str, *, actor: str, now: datetime) -> Slot:
    """Adds a slot to a service; raises NotPossible where it has this one."""
    slot = Slot(service_id=service.id, weekday=weekday, clock=f"{clock:%H:%M}", timezone=zone)
    session.add(slot)
    try:
        session.flush()
    except IntegrityError:
        raise NotPossible(f"@{service.internal_name} has the slot {slot} already.") from None
    audit.record(session, actor, f"service {service.internal_name}", "slot added", now, str(slot))
    return slot


def find(session: Session, slot_id: int) -> Slot | None:
    """Finds a slot by its number."""
    return session.get(Slot, slot_id)


def remove(session: Session, service: Service, slot: Slot, *, actor: str, now: datetime) -> None:
    """Removes a slot of a service; what was planned with it stays."""
    audit.record(session, actor, f"service {service.internal_name}", "slot removed", now, str(slot))
    session.delete(slot)


@dataclass(frozen=True, slots=True)
class PlannedText:
    """A post as far as others can be in its way."""

    name: str
    at: datetime
    accounts: frozenset[int]
    texts: tuple[str, ...]
    label: str = ""
    """What a person calls it."""


@dataclass(frozen=True, slots=True)
class Collision:
    """Two posts of an account that are in each other's way."""

    one: str
    other: str
    is_close: bool
    """Whether both go out within minutes."""
    has_same_text: bool
    """Whether both say the same within a day, which X refuses."""

    def sentence(self, other: str) -> str:
        """Says in one sentence how a post is in the way of the other one, which is called so."""
        if self.is_close and self.has_same_text:
            return (
                f"It says the same as {other}, within minutes of it, and X refuses that: change the text or the time."
            )
        if self.has_same_text:
            return f"It says the same as {other} within a day, and X refuses that: change the text or the day."
        return f"It goes out within minutes of {other} on the same account: move one of them."


def collisions(posts: Iterable[PlannedText]) -> list[Collision]:
    """Returns the posts that are in each other's way, the first ones first."""
    found = []
    ordered, begin = sorted(posts, key=lambda post: (post.at, post.name)), 0
    for place, later in enumerate(ordered):
        while ordered[begin].at < later.at - SAME_TEXT_WITHIN:
            begin += 1
        for earlier in ordered[begin:place]:
            if not earlier.accounts & later.accounts:
                continue
            is_close = later.at - earlier.at < CLOSE
            texts = [(one, other) for one in earlier.texts for other in later.texts if one.strip()]
            has_same_text = any(is_same_text(one, other) for one, other in texts)
            if is_close or has_same_text:
                found.append(Collision(earlier.name, later.name, is_close, has_same_text))
    return found
