"""Series: a post that is repeated every week or month at a local time, each occurrence a delivery of its own."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import count, takewhile

import pendulum
from sqlmodel import Session, col, select

from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft
from campaign.deliveries.slots import at_local
from campaign.errors import CampaignError, NotPossible, WrongUsage
from models import ApprovalMode, Delivery, DeliveryKind, DeliveryState, Every, Series, SeriesOccurrence

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


def listed(session: Session) -> list[Series]:
    """Returns all series, those that go on first, the newest first."""
    found = session.exec(select(Series).order_by(col(Series.id).desc()))
    return sorted(found, key=lambda one: one.stopped_at is not None)


def get(session: Session, series_id: int, *, lock: bool = False) -> Series:
    """Finds a series by its number; raises WrongUsage when there is none."""
    known = select(Series).where(col(Series.id) == series_id)
    found: Series | None = session.scalar(known.with_for_update() if lock else known)
    if found is None:
        raise WrongUsage(f"There is no series {series_id}; `campaign series list` shows them.")
    return found


def draft_of(series: Series) -> Draft:
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


def create(
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


def extend(now: datetime) -> list[str]:
    """Makes the occurrences of all series whose time comes within eight weeks; returns their names.

    A series whose next one cannot be made keeps the reason, and does not hold up the others.
    """
    with read_session() as session:
        waiting = [one for one in listed(session) if one.stopped_at is None and next(_due(one, now), None)]
    return [name for one in waiting for name in extend_one(one.id, now)]


def extend_one(series_id: int, now: datetime) -> list[str]:
    """Makes the occurrences of a series whose time comes within eight weeks, as drafts; returns their names."""
    try:
        return _make(series_id, now)
    except CampaignError as error:
        with transaction() as session:
            get(session, series_id, lock=True).problem = str(error)
        return []


def _due(series: Series, now: datetime) -> Iterator[tuple[int, datetime]]:
    return takewhile(lambda one: one[1] <= now + AHEAD, occurrences(series, series.reached))


def _make(series_id: int, now: datetime) -> list[str]:
    with read_session() as session:
        services, proof = approval.services_of(draft_of(get(session, series_id)))
    made = []
    with transaction() as session:
        # Two runs that come here at once make each number once.
        series = get(session, series_id, lock=True)
        if series.stopped_at is not None:
            return []
        for number, moment in list(_due(series, now)):
            series.reached, series.problem = number + 1, ""
            if moment <= now:
                continue
            draft = draft_of(series).model_copy(update={"contact_date": moment})
            one = approval.compose_in(session, draft, services, proof, actor=series.created_by, now=now)
            deliveries.note(session, one, "of a series", series.created_by, now, f"Number {number + 1} of its series.")
            session.add(SeriesOccurrence(series_id=series.id, number=number, delivery_id=one.id))
            made.append(one.name)
    return made


def stop(series_id: int, actor: str) -> list[Delivery]:
    """Stops a series, with all its posts of which nothing has gone out; returns these as they were before."""
    now, stopped = pendulum.now("UTC"), []
    with transaction() as session:
        series = get(session, series_id, lock=True)
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
