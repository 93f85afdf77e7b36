"""Posts planned ahead: weekly slots, the next one that is free, posts too close to each other; and series.

A series is a post that is repeated every week or month at a local time, each occurrence a delivery of its own.
"""

import re
from calendar import monthrange
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, takewhile
from zoneinfo import ZoneInfo, available_timezones

import pendulum
from sqlalchemy import exists, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Content, Draft
from campaign.errors import CampaignError, NotPossible, WrongUsage
from campaign.users import store as users
from campaign.x.text import is_same_text
from models import (
    WEEKDAYS,
    ApprovalMode,
    Delivery,
    DeliveryKind,
    DeliveryState,
    DeliveryTarget,
    Every,
    Series,
    SeriesOccurrence,
    Service,
    Slot,
)

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
    slots = list_slots(session, service_ids)
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


def list_slots(session: Session, service_ids: Collection[int]) -> list[Slot]:
    """Returns the slots of these services, Monday first."""
    chosen = select(Slot).where(col(Slot.service_id).in_(service_ids))
    return list(session.exec(chosen.order_by(col(Slot.weekday), col(Slot.clock), col(Slot.id))))


def add_slot(
    session: Session, service: Service, weekday: int, clock: time, zone: str, *, actor: str, now: datetime
) -> Slot:
    """Adds a slot to a service; raises NotPossible where it has this one."""
    slot = Slot(service_id=service.id, weekday=weekday, clock=f"{clock:%H:%M}", timezone=zone)
    session.add(slot)
    try:
        session.flush()
    except IntegrityError:
        raise NotPossible(f"@{service.internal_name} has the slot {slot} already.") from None
    users.record_audit(session, actor, f"service {service.internal_name}", "slot added", now, str(slot))
    return slot


def find_slot(session: Session, slot_id: int) -> Slot | None:
    """Finds a slot by its number."""
    return session.get(Slot, slot_id)


def remove_slot(session: Session, service: Service, slot: Slot, *, actor: str, now: datetime) -> None:
    """Removes a slot of a service; what was planned with it stays."""
    users.record_audit(session, actor, f"service {service.internal_name}", "slot removed", now, str(slot))
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


AHEAD = timedelta(weeks=8)
"""How long before its time an occurrence is made."""
MOST = 1_000
"""The most occurrences of a series with a number of them."""
#: An occurrence of which nothing has gone out is stopped with its series.
_NOT_BEGUN = deliveries.EDITABLE


def day_of(series: Series, number: int) -> date:
    """Returns the day of an occurrence, counted from 0; a month without that day has its last one instead."""
    first = series.starts_on
    if series.every is Every.WEEK:
        return first + timedelta(weeks=number)
    year, month = divmod(first.year * 12 + first.month - 1 + number, 12)
    return date(year, month + 1, min(first.day, monthrange(year, month + 1)[1]))


def occurrences(series: Series, begin: int = 0) -> Iterator[tuple[int, datetime]]:
    """Yields the numbers and moments of the occurrences, from a number on; without an end where it has none."""
    numbers = range(begin, series.count) if series.count is not None else count(begin)
    clock = time.fromisoformat(series.clock)
    for number in numbers:
        day = day_of(series, number)
        if series.until is not None and day > series.until:
            return
        yield number, at_local(day, clock, series.timezone)


def list_series(session: Session) -> list[Series]:
    """Returns all series, those that go on first, the newest first."""
    found = session.exec(select(Series).order_by(col(Series.id).desc()))
    return sorted(found, key=lambda one: one.stopped_at is not None)


def get_series(session: Session, series_id: int, *, lock: bool = False) -> Series:
    """Finds a series by its number; raises WrongUsage when there is none."""
    known = select(Series).where(col(Series.id) == series_id)
    found: Series | None = session.scalar(known.with_for_update() if lock else known)
    if found is None:
        raise WrongUsage(f"There is no series {series_id}; `campaign series list` shows them.")
    return found


def draft_of_series(series: Series) -> Draft:
    """Returns what a series repeats."""
    return Draft.model_validate_json(series.draft)


def deliveries_of(session: Session, series: Series) -> list[Delivery]:
    """Returns the occurrences of a series that were made, by number."""
    joined = select(Delivery).join(SeriesOccurrence, col(SeriesOccurrence.delivery_id) == col(Delivery.id))
    chosen = joined.where(col(SeriesOccurrence.series_id) == series.id)
    return list(session.exec(chosen.order_by(col(SeriesOccurrence.number))))


def drafts_of(session: Session, series: Series) -> list[str]:
    """Returns the names of its posts that are being edited."""
    return [one.name for one in deliveries_of(session, series) if one.state is DeliveryState.BEING_EDITED]


def series_of(session: Session, delivery_ids: list[int]) -> dict[int, int]:
    """Returns the series of deliveries that belong to one, by the id of the delivery."""
    chosen = select(SeriesOccurrence).where(col(SeriesOccurrence.delivery_id).in_(delivery_ids))
    return {one.delivery_id: one.series_id for one in session.exec(chosen)}


def create_series(
    name: str, every: Every, zone: str, actor: str, *, until: date | None = None, times: int | None = None
) -> Series:
    """Repeats a post from its date on; it is the first occurrence. Raises NotPossible, WrongUsage."""
    now = pendulum.now("UTC")
    if times is not None and not 1 < times <= MOST:
        raise WrongUsage(f"A series has 2 to {MOST:,} posts; write such a number, or a last day.")
    with transaction() as session:
        delivery = deliveries.named(session, name, lock=True)
        if delivery.kind is not DeliveryKind.POST or delivery.state not in deliveries.EDITABLE:
            raise NotPossible(f"{name} cannot be repeated: only a post that has not gone out can.")
        if delivery.contact_date is None or delivery.contact_date <= now:
            raise NotPossible(f"{name} has no date in the future; give it the date of the first post of the series.")
        if series_of(session, [delivery.id]):
            raise NotPossible(f"{name} belongs to a series already; stop that one, or repeat another post.")
        local = pendulum.instance(delivery.contact_date).in_timezone(zone)
        if until is not None and until <= local.date():
            raise WrongUsage(f"The last day, {until}, is not after that of the first post, {local.date()}.")
        draft = deliveries.draft_of(session, delivery).model_copy(update={"contact_date": None})
        series = Series(
            label=delivery.label or delivery.name,
            draft=draft.model_dump_json(),
            every=every,
            starts_on=local.date(),
            clock=f"{local:%H:%M}",
            timezone=zone,
            until=until,
            count=times,
            reached=1,
            created_by=actor,
            created_at=now,
        )
        session.add(series)
        session.flush()
        session.add(SeriesOccurrence(series_id=series.id, number=0, delivery_id=delivery.id))
        deliveries.note(session, delivery, "repeated", actor, now, f"It is repeated every {every.value}.")
    extend_one(series.id, now)
    return series


def extend_series(now: datetime) -> list[str]:
    """Makes the occurrences of all series whose time comes within eight weeks; returns their names.

    A series whose next one cannot be made keeps the reason, and does not hold up the others.
    """
    with read_session() as session:
        waiting = [one for one in list_series(session) if one.stopped_at is None and next(_due(one, now), None)]
    return [name for one in waiting for name in extend_one(one.id, now)]


def extend_one(series_id: int, now: datetime) -> list[str]:
    """Makes the occurrences of a series whose time comes within eight weeks, as drafts; returns their names."""
    try:
        return _make(series_id, now)
    except CampaignError as error:
        with transaction() as session:
            get_series(session, series_id, lock=True).problem = str(error)
        return []


def _due(series: Series, now: datetime) -> Iterator[tuple[int, datetime]]:
    return takewhile(lambda one: one[1] <= now + AHEAD, occurrences(series, series.reached))


def _make(series_id: int, now: datetime) -> list[str]:
    with read_session() as session:
        services, proof = approval.services_of(draft_of_series(get_series(session, series_id)))
    made = []
    with transaction() as session:
        # Two runs that come here at once make each number once.
        series = get_series(session, series_id, lock=True)
        if series.stopped_at is not None:
            return []
        for number, moment in list(_due(series, now)):
            series.reached, series.problem = number + 1, ""
            if moment <= now:
                continue
            draft = draft_of_series(series).model_copy(update={"contact_date": moment})
            one = approval.compose_in(session, draft, services, proof, actor=series.created_by, now=now)
            deliveries.note(session, one, "of a series", series.created_by, now, f"Number {number + 1} of its series.")
            session.add(SeriesOccurrence(series_id=series.id, number=number, delivery_id=one.id))
            made.append(one.name)
    return made


def stop_series(series_id: int, actor: str) -> list[Delivery]:
    """Stops a series, with all its posts of which nothing has gone out; returns these as they were before."""
    now, stopped = pendulum.now("UTC"), []
    with transaction() as session:
        series = get_series(session, series_id, lock=True)
        series.stopped_at = series.stopped_at or now
        for delivery in deliveries_of(session, series):
            if delivery.state in _NOT_BEGUN and delivery.started_at is None:
                stopped.append(delivery.model_copy())
                deliveries.move(session, delivery, DeliveryState.STOPPED, actor, now, "Its series was stopped.")
    return stopped


def waiting_for_a_run(session: Session) -> list[Delivery]:
    """Returns the occurrences that were never analysed, and whose approval mode lets a run approve them."""
    joined = select(Delivery).join(SeriesOccurrence, col(SeriesOccurrence.delivery_id) == col(Delivery.id))
    modes = [ApprovalMode.AUTOMATIC, ApprovalMode.SEMI_AUTOMATIC]
    chosen = joined.where(
        col(Delivery.state) == DeliveryState.BEING_EDITED,
        col(Delivery.approval).in_(modes),
        col(Delivery.analysed_at).is_(None),
    )
    return list(session.exec(chosen.order_by(col(Delivery.id))))
