"""Points in time as a condition writes them: days, moments, and so long ago."""

from datetime import UTC, date, datetime, timedelta

import pendulum

from campaign.domain.condition_tree import FromNow, Value

#: Of each unit, how many days it has at most.
UNITS = {"hours": 1, "days": 1, "weeks": 7, "months": 31, "years": 366}
_LONGEST = 366_000  # days: dates of a thousand years ago and ahead can be stored and compared
_YEARS = range(1900, 3000)
#: The databases know no shorter time.
_MOMENT = timedelta(microseconds=1)


def unit_named(word: str) -> str | None:
    """The unit that a word is, of one or of several; None when it is none."""
    return next((unit for unit in UNITS if word.lower() in {unit, unit[:-1]}), None)


def is_too_long(amount: int, unit: str) -> bool:
    """Whether so long ago is beyond what can be reckoned with."""
    return abs(amount) * UNITS[unit] > _LONGEST


def read_time(text: str) -> date | datetime | None:
    """A day such as 2026-11-01, or a moment such as 2026-11-01 07:30, in UTC unless it says otherwise."""
    try:
        when = _day_or_moment(text)
    except ValueError:
        return None
    return when if when.year in _YEARS else None


def _day_or_moment(text: str) -> date | datetime:
    try:
        return date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def span(value: Value, now: datetime) -> tuple[datetime, datetime]:
    """The first moment of a day or moment, and the first one beyond it."""
    match value:
        case FromNow():
            return _span_from(value, pendulum.instance(now).in_timezone("UTC"))
        case datetime():
            return value, value + _MOMENT
        case date():
            first = datetime(value.year, value.month, value.day, tzinfo=UTC)
            return first, first + timedelta(days=1)
    raise TypeError(value)  # the reader lets no other value through


def _span_from(value: FromNow, now: pendulum.DateTime) -> tuple[datetime, datetime]:
    first = (now.start_of("day") if value.is_day else now).add(**{value.unit: value.amount})
    return first, first + (timedelta(days=1) if value.is_day else _MOMENT)
