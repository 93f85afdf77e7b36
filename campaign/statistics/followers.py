"""The followers of a service day by day."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, cast, delete, func, insert, literal_column, union_all
from sqlalchemy import Date as SqlDate
from sqlmodel import Session, col, select

from campaign.db.json_rows import is_on_postgresql
from models import AudienceDay, PastSubscription, Subscription, SyncRun, SyncState

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Day:
    """One day (UTC): who follows at its end, who began and who ended in it."""

    day: date
    followers: int
    gained: int
    lost: int

    def as_json(self) -> dict[str, object]:
        """The day as scripts read it."""
        return {"day": self.day.isoformat(), "followers": self.followers, "gained": self.gained, "lost": self.lost}


def days_of(
    first: date, last: date, followers: int, gained: Mapping[date, int], lost: Mapping[date, int]
) -> Iterator[Day]:
    """Every day from the first to the last, those without a change too; `followers` were there at the beginning.

    Whoever the first reading found was there before: that is the beginning, and no gain.
    """
    day = first
    while day <= last:
        followers += gained.get(day, 0) - lost.get(day, 0)
        yield Day(day, followers, gained.get(day, 0), lost.get(day, 0))
        day += _DAY


def audience_of(session: Session, service_id: int, now: datetime) -> list[Day]:
    """Count the days of a service from its first complete reading until now, all of them anew; only reads."""
    return list(_days(session, service_id, now))


def keep_audience(session: Session, service_id: int, days: Sequence[Day]) -> None:
    """Write the days of a service in the place of those that were known; may be repeated at any time."""
    session.execute(delete(AudienceDay).where(col(AudienceDay.service_id) == service_id))
    if days:
        session.execute(insert(AudienceDay), [{"service_id": service_id, **_columns(day)} for day in days])


def _columns(day: Day) -> dict[str, Any]:
    return {"day": day.day, "followers": day.followers, "gained": day.gained, "lost": day.lost}


def _days(session: Session, service_id: int, now: datetime) -> Iterator[Day]:
    begin = _first_reading(session, service_id)
    if begin is None:
        return
    followings = _followings(service_id)
    was_there = followings.c.began_at <= begin, _ended_after(followings, begin)
    followers = session.scalar(select(func.count()).select_from(followings).where(*was_there)) or 0
    gained = _per_day(session, followings.c.began_at, begin)
    lost = _per_day(session, followings.c.ended_at, begin)
    yield from days_of(begin.astimezone(UTC).date(), now.astimezone(UTC).date(), followers, gained, lost)


def _first_reading(session: Session, service_id: int) -> datetime | None:
    """The end of the first reading that read all followers: whoever it found was there before."""
    finished = select(func.min(col(SyncRun.finished_at))).where(
        col(SyncRun.service_id) == service_id, col(SyncRun.state) == SyncState.FINISHED
    )
    first: datetime | None = session.scalar(finished)
    return first


def _followings(service_id: int) -> Any:
    """All followings of a service, those before somebody came back too."""
    now = select(Subscription.began_at, Subscription.ended_at).where(col(Subscription.service_id) == service_id)
    before = select(PastSubscription.began_at, PastSubscription.ended_at)
    return union_all(now, before.where(col(PastSubscription.service_id) == service_id)).subquery("following")


def _ended_after(followings: Any, moment: datetime) -> ColumnElement[bool]:
    return followings.c.ended_at.is_(None) | (followings.c.ended_at > moment)  # type: ignore[no-any-return]


def _per_day(session: Session, moment: Any, after: datetime) -> Counter[date]:
    """How many of these moments are on each day (UTC)."""
    day = _day_of(session, moment)
    counted = select(day, func.count()).where(moment > after).group_by(day)
    return Counter({_as_date(found): count for found, count in session.execute(counted)})


def _day_of(session: Session, moment: Any) -> ColumnElement[Any]:
    if is_on_postgresql(session):
        return cast(func.timezone(literal_column("'UTC'"), moment), SqlDate)
    return func.date(moment)  # on SQLite moments are text in UTC


def _as_date(found: date | str) -> date:
    return date.fromisoformat(found) if isinstance(found, str) else found


def days_since(session: Session, service_id: int, day: date | None = None) -> list[Day]:
    """The days of a service in their order, from a day on."""
    days = select(AudienceDay).where(col(AudienceDay.service_id) == service_id).order_by(col(AudienceDay.day))
    if day is not None:
        days = days.where(col(AudienceDay.day) >= day)
    return [Day(one.day, one.followers, one.gained, one.lost) for one in session.exec(days)]


def changes_of_all(session: Session, now: datetime, last_days: int) -> dict[int, tuple[int, int, int]]:
    """Followers now, gained and lost in the last days, of every service that was counted."""
    since = now.astimezone(UTC).date() - timedelta(days=last_days)
    newest = select(col(AudienceDay.service_id), func.max(col(AudienceDay.day)).label("day"))
    last = newest.group_by(col(AudienceDay.service_id)).subquery("newest")
    is_last = (col(AudienceDay.service_id) == last.c.service_id) & (col(AudienceDay.day) == last.c.day)
    followers = select(AudienceDay.service_id, AudienceDay.followers).join(last, is_last)
    sums = select(
        col(AudienceDay.service_id), func.sum(col(AudienceDay.gained)), func.sum(col(AudienceDay.lost))
    ).where(col(AudienceDay.day) > since)
    changed = {
        service_id: (int(gained), int(lost))
        for service_id, gained, lost in session.execute(sums.group_by(col(AudienceDay.service_id)))
    }
    return {service_id: (count, *changed.get(service_id, (0, 0))) for service_id, count in session.execute(followers)}
