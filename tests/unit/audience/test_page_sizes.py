"""The pages of an incremental reading: small, and larger only while all people on them are new."""

import pytest

from campaign.audience.sync import page_size
from models import SyncMode, SyncRun
from tests.factories import NOW


def size(mode: SyncMode = SyncMode.INCREMENTAL, largest: int = 1_000, **counts: int) -> int:
    run = SyncRun(service_id=1, mode=mode, started_at=NOW, reading_since=NOW)
    for name, count in counts.items():
        setattr(run, name, count)
    return page_size(run, largest)


def test_a_full_reading_has_the_largest_pages() -> None:
    assert size(SyncMode.FULL) == size(SyncMode.FULL, pages=3, followers_read=3_000, new=7) == 1_000


@pytest.mark.parametrize(
    ("pages", "read", "expected"),
    [(0, 0, 100), (1, 100, 200), (2, 300, 400), (3, 700, 800), (4, 1_500, 1_000), (10_000, 10**7, 1_000)],
)
def test_pages_double_while_all_people_are_new(pages: int, read: int, expected: int) -> None:
    assert size(pages=pages, followers_read=read, new=read) == expected


def test_after_a_known_person_pages_are_small_again() -> None:
    assert size(pages=4, followers_read=1_500, new=1_499) == 100


def test_no_page_is_larger_than_x_allows() -> None:
    assert size(largest=50) == 50
    assert size(largest=5_000, pages=9, followers_read=9, new=9) == 5_000
