"""How far a broadcast is, in one line."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaign.broadcasts.report import Numbers, Standing, ends_about, planned_end, progress_line
from campaign.deliveries.findings import Analysis, WavePlan
from campaign.formatting import format_duration
from models import MessageState
from tests.factories import NOW

HOUR = timedelta(hours=1)


def numbers(sent: int = 0, refused: int = 0, pending: int = 0, **more: int) -> Numbers:
    counts = {"sent": sent, "refused": refused, "pending": pending, **more}
    return Numbers(Counter({MessageState(name): count for name, count in counts.items()}))


def standing(**changes: Any) -> Standing:
    defaults: dict[str, Any] = {"price": Decimal("0.015"), "spend_cap": Decimal(50)}
    return Standing(**{**defaults, **changes})


def test_a_broadcast_stands_in_one_line() -> None:
    waves = [NOW - HOUR, NOW - HOUR / 2, NOW + HOUR, NOW + 2 * HOUR]
    end = datetime(2026, 11, 27, 9, tzinfo=UTC)
    said = progress_line(
        numbers(1204, 3, 3793),
        standing(waves=waves, planned_end=end),
        started_at=NOW - HOUR,
        goes_on_at=NOW.replace(hour=14, minute=15),
        now=NOW,
    )
    assert said == (
        "sent 1,204, refused 3, uncertain 0, pending 3,793 of 5,000 · wave 2 of 4 · $18.06 of $50.00 cap"
        " · continues at 14:15 UTC · ends about 2026-11-27 09:00 UTC"
    )


def test_what_says_nothing_is_left_out() -> None:
    said = progress_line(numbers(5), standing(waves=[NOW]), started_at=NOW, goes_on_at=NOW, now=NOW)
    assert said == "sent 5, refused 0, uncertain 0, pending 0 of 5 · $0.075 of $50.00 cap"


def test_what_is_cancelled_and_what_is_on_its_way_is_counted() -> None:
    assert numbers(1, 1, 1, sending=2, cancelled=3, uncertain=4).summary() == (
        "sent 1, refused 1, uncertain 4, cancelled 3, pending 3 of 12"
    )


def test_another_day_is_named() -> None:
    said = progress_line(numbers(pending=1), standing(), started_at=None, goes_on_at=NOW + 24 * HOUR, now=NOW)
    assert said.endswith("· continues at 2026-11-27 07:30 UTC")


@pytest.mark.parametrize(
    ("counted", "percentage"),
    [
        (numbers(), 100.0),
        (numbers(1, 1, 2, cancelled=1), 60.0),
        (numbers(99_999, 0, 1), 99.9),
        (numbers(5), 100.0),
        (numbers(5, uncertain=5), 50.0),
    ],
)
def test_all_is_done_only_when_all_is(counted: Numbers, percentage: float) -> None:
    assert counted.percentage == percentage


def test_differences_in_any_order_never_show_less_than_none() -> None:
    assert Numbers(Counter({MessageState.UNCERTAIN: -1})).summary().startswith("sent 0, refused 0, uncertain 0")


def test_the_end_is_planned_and_later_follows_the_speed_so_far() -> None:
    assert ends_about(numbers(1, 0, 1), NOW + HOUR, started_at=NOW, now=NOW) == NOW + HOUR
    assert ends_about(numbers(100, 0, 50), NOW - HOUR, started_at=NOW - 2 * HOUR, now=NOW) == NOW + HOUR
    assert ends_about(numbers(0, 0, 50), NOW - HOUR, started_at=NOW - 2 * HOUR, now=NOW) is None
    assert ends_about(numbers(100), NOW + HOUR, started_at=NOW, now=NOW) is None


def test_the_planned_end_moves_with_the_start() -> None:
    wave = WavePlan(service="acme", number=1, recipients=1, begins_at=NOW, ends_at=NOW + HOUR)
    analysis = Analysis(waves=[wave], ends_at=NOW + HOUR)
    assert planned_end(analysis, NOW + 5 * HOUR) == NOW + 6 * HOUR
    assert planned_end(analysis, None) == NOW + HOUR
    assert planned_end(Analysis(), NOW) is None


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(), "no time"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(minutes=15, seconds=20), "15 minutes"),
        (timedelta(hours=23, minutes=1), "23 hours 1 minute"),
        (timedelta(days=2, hours=3, minutes=4), "2 days 3 hours"),
    ],
)
def test_a_length_has_its_two_largest_units(length: timedelta, words: str) -> None:
    assert format_duration(length) == words
