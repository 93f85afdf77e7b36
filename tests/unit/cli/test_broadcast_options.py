"""Times and lengths of time as a person types them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from campaign.cli.delivery_options import length_of_time, moment
from campaign.errors import WrongUsage
from campaign.settings import load_settings

SetZone = Callable[[str], None]


@pytest.fixture
def timezone(monkeypatch: pytest.MonkeyPatch) -> Iterator[SetZone]:
    """Sets CAMPAIGN_TIMEZONE."""

    def change(zone: str) -> None:
        monkeypatch.setenv("CAMPAIGN_TIMEZONE", zone)
        load_settings.cache_clear()

    yield change
    monkeypatch.undo()
    load_settings.cache_clear()


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1d", timedelta(days=1)),
        ("6h", timedelta(hours=6)),
        ("30m", timedelta(minutes=30)),
        ("0h", timedelta()),
        ("1d12h", timedelta(hours=36)),
        (" 1D ", timedelta(days=1)),
    ],
)
def test_a_length_of_time_is_read(text: str, length: timedelta) -> None:
    assert length_of_time(text) == length


@pytest.mark.parametrize("text", ["", "d", "1", "1w", "-1d", "1.5h", "1h1d", "99999d", "61d", "\u0663d"])
def test_an_invalid_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match=r"length of time|longer than"):
        length_of_time(text)


BRUSSELS = "Europe/Brussels"


@pytest.mark.parametrize(
    ("text", "zone", "sentence"),
    [
        ("2026-10-25T02:30", BRUSSELS, "exists twice in Europe/Brussels"),
        ("2026-10-25T02:30", BRUSSELS, "write 2026-10-25T02:30+02:00 or 2026-10-25T02:30+01:00."),
        ("2026-10-25T02:00:59", BRUSSELS, "write 2026-10-25T02:00:59+02:00 or 2026-10-25T02:00:59+01:00."),
        ("2026-11-01T01:15", "America/New_York", "write 2026-11-01T01:15-04:00 or 2026-11-01T01:15-05:00."),
        ("2026-04-05T01:45", "Australia/Lord_Howe", "write 2026-04-05T01:45+11:00 or 2026-04-05T01:45+10:30."),
        ("2027-03-28T02:30", BRUSSELS, "does not exist in Europe/Brussels"),
        ("2027-03-28T02:30:20", BRUSSELS, "are 2027-03-28T01:59+01:00 and 2027-03-28T03:00+02:00."),
        ("2026-09-06", "America/Santiago", "are 2026-09-05T23:59-04:00 and 2026-09-06T01:00-03:00."),
    ],
)
def test_a_time_of_a_clock_change_is_asked_back(text: str, zone: str, sentence: str, timezone: SetZone) -> None:
    timezone(zone)
    with pytest.raises(WrongUsage) as refused:
        moment(text)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-10-25T02:30+02:00", "2026-10-25T00:30"),
        ("2026-10-25T02:30+01:00", "2026-10-25T01:30"),
        ("2026-10-25T01:59", "2026-10-24T23:59"),
        ("2026-10-25T03:00", "2026-10-25T02:00"),
        ("2027-03-28T01:59", "2027-03-28T00:59"),
        ("2027-03-28T03:00", "2027-03-28T01:00"),
    ],
)
def test_a_time_beside_a_clock_change_is_read(text: str, utc: str, timezone: SetZone) -> None:
    timezone(BRUSSELS)
    assert moment(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M") == utc


def test_the_day_of_a_filter_may_begin_without_midnight(timezone: SetZone) -> None:
    timezone("America/Santiago")
    assert moment("2026-09-06", earliest=True) <= datetime(2026, 9, 6, 4, tzinfo=UTC)
