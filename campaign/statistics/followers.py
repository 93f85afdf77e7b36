"""The followers of a service day by day."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, cast, delete, func, insert, literal_column, union_all
from sqlalchemy import Date as SqlDate
from sqlmodel import Session, col, select

from campaign.db.engine import is_on_postgresql
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
        """Returns the day for scripts."""
        return {"day": self.day.isoformat(), "followers": self.followers, "gained": self.gained, "lost": self.lost}


def days_of(
    first: date, last: date, followers: int, gained: Mapping[date, int], lost: Mapping[date, int]
) -> Iterator[Day]:
    """Yields every day from the first to the last, also those without a change.

    `followers` were there at the beginning: those that the first sync found are no gain.
    """
    day = first
    while day <= last:
        followers += gained.get(day, 0) - lost.get(day, 0)
        yield Day(day, followers, gained.get(day, 0), lost.get(day, 0))
        day += _DAY


def audience_of(session: Session, service_id: int, now: datetime) -> list[Day]:
    """Counts the days of a service from its first complete sync until now, all of them again; only reads."""
    is_finished = col(SyncRun.service_id) == service_id, col(SyncRun.state) == SyncState.FINISHED
    begin: datetime | None = session.scalar(select(func.min(col(SyncRun.finished_at))).where(*is_finished))
    if begin is None:
        return []
    # With the earlier followings of people who came back.
    current = select(Subscription.began_at, Subscription.ended_at).where(col(Subscription.service_id) == service_id)
    earlier = select(PastSubscription.began_at, PastSubscription.ended_at)
    of_service = col(PastSubscription.service_id) == service_id
    following: Any = union_all(current, earlier.where(of_service)).subquery("following")
    had_not_ended = following.c.ended_at.is_(None) | (following.c.ended_at > begin)
    was_there = following.c.began_at <= begin, had_not_ended
    followers = session.scalar(select(func.count()).select_from(following).where(*was_there)) or 0
    gained, lost = (_per_day(session, moment, begin) for moment in (following.c.began_at, following.c.ended_at))
    return list(days_of(begin.astimezone(UTC).date(), now.astimezone(UTC).date(), followers, gained, lost))


def _per_day(session: Session, moment: Any, after: datetime) -> dict[date, int]:
    """Counts how many of these moments are on each day (UTC)."""
    if is_on_postgresql(session):
        day: ColumnElement[Any] = cast(func.timezone(literal_column("'UTC'"), moment), SqlDate)
    else:
        day = func.date(moment)  # moments are text in UTC
    counted = session.execute(select(day, func.count()).where(moment > after).group_by(day))
    return {date.fromisoformat(str(found)): count for found, count in counted}


def save_audience(session: Session, service_id: int, days: Sequence[Day]) -> None:
    """Writes the days of a service over those that were known; may be repeated at any time."""
    session.execute(delete(AudienceDay).where(col(AudienceDay.service_id) == service_id))
    if days:
        session.execute(insert(AudienceDay), [{"service_id": service_id, **asdict(day)} for day in days])


def days_since(session: Session, service_id: int, day: date | None = None) -> list[Day]:
    """Reads the days of a service in their order, from a day on."""
    days = select(AudienceDay).where(col(AudienceDay.service_id) == service_id).order_by(col(AudienceDay.day))
    if day is not None:
        days = days.where(col(AudienceDay.day) >= day)
    return [Day(one.day, one.followers, one.gained, one.lost) for one in session.exec(days)]


def changes_of_all(session: Session, now: datetime, last_days: int) -> dict[int, tuple[int, int, int]]:
    """Reads the followers now, gained and lost in the last days, of every service that was counted."""
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
