from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.deliveries.approval import broadcast_fingerprint
from campaign.deliveries.draft import Draft, LoadedFile
from models import ApprovalMode, Priority
from tests.analysing import loaded
from tests.broadcasting import broadcast, calendar, same
from tests.factories import NOW

DRAFT = broadcast(services=["acme", "beta"], contact_date=NOW, waves=same(10))
RECIPIENTS = {1: 100, 2: 50}


def mark(draft: Draft = DRAFT, recipients: dict[int, int] | None = None, unconsented: int = 7, **options: Any) -> str:
    return broadcast_fingerprint(draft, recipients or RECIPIENTS, unconsented, **options)


@pytest.mark.parametrize(
    "changes",
    [
        {"contact_date": None},
        {"contact_date": NOW + timedelta(seconds=1)},
        {"validity_days": 6},
        {"approval": ApprovalMode.AUTOMATIC},
        {"tracking": False},
        {"priority": Priority.HIGH},
        {"waves": same(11)},
        {"waves": same(10, 60)},
        {"waves": calendar((10, 0))},
        {"proof_recipients": ["other"]},
        {"where": "followers_count > 10"},
        {"except_where": "verified"},
        {"people": ["ann"]},
        {"recipients_of": "dm-1"},
        {"not_if_received": ["dm-1"]},
        {"limit": 5},
    ],
)
def test_a_change_of_who_gets_it_and_when_is_another_mark(changes: dict[str, Any]) -> None:
    same_but = {"services": ["acme", "beta"], "contact_date": NOW, "waves": same(10), **changes}
    assert mark(broadcast(**same_but)) != mark()


def test_a_change_of_what_it_says_is_another_mark() -> None:
    assert mark(DRAFT.model_copy(update={"content": broadcast("Hello").content})) != mark()
    assert mark(opt_out_lines={1: "Reply STOP"}) != mark()
    assert mark(opt_out_lines={1: "Reply STOP"}) != mark(opt_out_lines={1: "Say stop"})
    assert len({mark(), mark(join_address="https://one.example"), mark(join_address="https://two.example")}) == 3


def test_a_change_of_how_many_get_it_is_another_mark() -> None:
    marks = [mark(), mark(recipients={1: 99, 2: 50}), mark(recipients={1: 150}), mark(recipients={1: 50, 2: 100})]
    assert len({*marks, mark(unconsented=8)}) == 5


def test_a_file_counts_by_what_is_in_it() -> None:
    def with_file(file: LoadedFile) -> str:
        return mark(files=[file])

    assert with_file(replace(loaded(), path="/tmp/x")) == with_file(loaded())
    assert with_file(replace(loaded(), sha256="other")) != with_file(loaded())


def test_labels_order_of_services_and_time_zone_do_not_count() -> None:
    renamed = DRAFT.model_copy(update={"label": "x", "code": "y", "description": "z"})
    elsewhere = renamed.model_copy(update={"contact_date": NOW.astimezone(timezone(timedelta(hours=9)))})
    assert mark(elsewhere, {2: 50, 1: 100}) == mark()


COUNTS = st.dictionaries(st.integers(1, 20), st.integers(0, 3), max_size=3)


@given(COUNTS, COUNTS, st.integers(0, 2), st.integers(0, 2))
def test_fingerprints_are_equal_only_when_the_same_numbers_get_them(
    one: dict[int, int], other: dict[int, int], agreed: int, others: int
) -> None:
    same_mark = broadcast_fingerprint(DRAFT, one, agreed) == broadcast_fingerprint(DRAFT, other, others)
    assert same_mark == (one == other and agreed == others)
    again = Draft.model_validate_json(DRAFT.model_dump_json())
    assert mark(again) == mark()


def test_the_mark_is_the_same_in_every_process_and_release() -> None:
    assert mark() == "30c6a7ffa4d2ca3d17c827cbf5234b7f3bfd0104d5d260690f9a04cd3ce5f930"
