"""The days and moments of a series."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from campaign.deliveries.planning import occurrences
from models import Every, Series

BRUSSELS = "Europe/Brussels"
ZONES = ["UTC", BRUSSELS, "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Africa/Casablanca"]
RULES = st.builds(
    Series,
    label=st.just(""),
    draft=st.just(""),
    every=st.sampled_from(Every),
    starts_on=st.dates(date(2020, 1, 1), date(2035, 12, 31)),
    clock=st.times().map(lambda clock: f"{clock:%H:%M}"),
    timezone=st.sampled_from(ZONES),
    created_by=st.just("ann"),
    created_at=st.just(datetime(2026, 11, 26, tzinfo=UTC)),
)


def series(starts_on: date, clock: str = "02:30", every: Every = Every.WEEK, **changes: Any) -> Series:
    given: dict[str, Any] = {
        "label": "",
        "draft": "",
        "created_by": "ann",
        "created_at": datetime(2026, 11, 26, tzinfo=UTC),
    }
    return Series(every=every, starts_on=starts_on, clock=clock, timezone=BRUSSELS, **given | changes)


def local(one: Series, most: int) -> list[str]:
    moments = (moment.astimezone(ZoneInfo(BRUSSELS)) for _, moment in occurrences(one))
    return [f"{moment:%Y-%m-%d %H:%M %Z}" for moment in islice(moments, most)]


def test_a_series_keeps_its_local_time_over_both_clock_changes() -> None:
    spring = local(series(date(2027, 3, 21), "09:00"), 3)
    assert spring == ["2027-03-21 09:00 CET", "2027-03-28 09:00 CEST", "2027-04-04 09:00 CEST"]
    autumn = local(series(date(2026, 10, 18), "09:00"), 3)
    assert autumn == ["2026-10-18 09:00 CEST", "2026-10-25 09:00 CET", "2026-11-01 09:00 CET"]


def test_a_missing_hour_is_an_hour_later_and_a_repeated_one_the_first() -> None:
    assert local(series(date(2027, 3, 28)), 2) == ["2027-03-28 03:30 CEST", "2027-04-04 02:30 CEST"]
    assert local(series(date(2026, 10, 25)), 2) == ["2026-10-25 02:30 CEST", "2026-11-01 02:30 CET"]


def test_a_month_without_the_day_has_its_last_one() -> None:
    found = local(series(date(2026, 12, 31), "09:00", Every.MONTH), 4)
    assert [one[:10] for one in found] == ["2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31"]


def test_a_series_ends_on_its_last_day_or_after_its_number() -> None:
    assert len(local(series(date(2026, 12, 1), until=date(2026, 12, 15)), 9)) == 3
    assert len(local(series(date(2026, 12, 1), count=4), 9)) == 4
    assert [number for number, _ in occurrences(series(date(2026, 12, 1), count=4), 2)] == [2, 3]


@given(RULES)
def test_no_week_or_month_is_skipped_or_has_two(one: Series) -> None:
    zone, clock = ZoneInfo(one.timezone), time.fromisoformat(one.clock)
    found = list(islice(occurrences(one), 60))
    assert [number for number, _ in found] == list(range(60))
    for (_, before), (_, after) in pairwise(found):
        if one.every is Every.WEEK:
            assert abs(after - before - timedelta(weeks=1)) <= timedelta(hours=1)
        else:
            assert timedelta(days=27, hours=22) <= after - before <= timedelta(days=31, hours=2)
    for _, moment in found:
        shown = moment.astimezone(zone)
        wanted = datetime.combine(shown.date(), clock)
        # Only a time that the clock skips is another one.
        exists = wanted.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wanted
        assert shown.time() == clock or not exists or shown.date() != wanted.date()
