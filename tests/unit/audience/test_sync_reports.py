from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from campaign.audience.sync import SyncReport, report_of
from models import SyncState
from tests.factories import NOW, service, sync_run

REPORT = SyncReport(
    service="acme",
    state=SyncState.WAITING,
    followers=12_000,
    new=1_200,
    changed=30,
    ended=4,
    pages=12,
    left_out=1,
    cost=Decimal(12),
    took=timedelta(seconds=83.44),
    goes_on_at=NOW,
    reason="X allows no more calls for now.",
)


def test_scripts_read_exactly_these_names_and_values() -> None:
    assert REPORT.as_json() == {
        "service": "acme",
        "state": "waiting",
        "followers": 12_000,
        "new": 1_200,
        "changed": 30,
        "ended": 4,
        "pages": 12,
        "left_out": 1,
        "cost_usd": "12.00",
        "took_seconds": 83.4,
        "goes_on_at": "2026-11-26T07:30:00+00:00",
        "reason": "X allows no more calls for now.",
    }


def test_people_read_the_same_in_a_table() -> None:
    assert REPORT.as_row() == {
        "Service": "acme",
        "State": "waiting",
        "Followers": "12,000",
        "New": "1,200",
        "Changed": "30",
        "Ended": "4",
        "Pages": "12",
        "Left out": "1",
        "Cost": "$12.00",
        "Took": "83.4 s",
        "Goes on at": "2026-11-26 07:30:00 UTC",
        "Reason": "X allows no more calls for now.",
    }


def test_what_there_is_not_is_null_for_scripts_and_empty_for_people() -> None:
    report = SyncReport("acme", SyncState.FINISHED)
    assert (report.as_json()["goes_on_at"], report.as_json()["reason"]) == (None, None)
    assert [report.as_row()[name] for name in ("Goes on at", "Reason", "Left out")] == ["", "", ""]


@pytest.mark.parametrize(
    ("cost", "written"),
    [
        ("0", "0.00"),
        ("12", "12.00"),
        ("12.5", "12.50"),
        ("0.001", "0.001"),
        ("0.000001", "0.000001"),
        ("1E+3", "1000.00"),
    ],
)
def test_a_cost_has_its_cents_and_is_never_rounded_down_to_nothing(cost: str, written: str) -> None:
    report = SyncReport("acme", SyncState.FINISHED, cost=Decimal(cost))
    assert report.as_json()["cost_usd"] == written
    assert report.as_row()["Cost"] == f"${written}"


@pytest.mark.parametrize("state", list(SyncState))
def test_a_person_acts_only_where_a_sync_was_refused_stopped_or_failed(state: SyncState) -> None:
    unhappy = {SyncState.REFUSED, SyncState.STOPPED, SyncState.FAILED}
    assert SyncReport("acme", state).is_unhappy == (state in unhappy)


def test_a_report_tells_what_the_reading_holds() -> None:
    run = sync_run(
        state=SyncState.FINISHED,
        finished_at=NOW + timedelta(minutes=2),
        followers=5,
        new=4,
        changed=3,
        ended=2,
        pages=1,
        left_out=2,
        cost=Decimal("0.005"),
    )
    assert report_of(service(), run, NOW + timedelta(hours=1)) == SyncReport(
        service="acme",
        state=SyncState.FINISHED,
        followers=5,
        new=4,
        changed=3,
        ended=2,
        pages=1,
        left_out=2,
        cost=Decimal("0.005"),
        took=timedelta(minutes=2),
    )


def test_a_reading_that_goes_on_has_taken_until_now() -> None:
    assert report_of(service(), sync_run(), NOW + timedelta(minutes=3)).took == timedelta(minutes=3)


def test_the_moment_of_going_on_keeps_its_time_zone() -> None:
    at = datetime(2026, 11, 26, 9, 30, tzinfo=timezone(timedelta(hours=2), "EET"))
    report = SyncReport("acme", SyncState.WAITING, goes_on_at=at)
    assert report.as_json()["goes_on_at"] == "2026-11-26T09:30:00+02:00"
    assert report.as_row()["Goes on at"] == "2026-11-26 09:30:00 EET"
