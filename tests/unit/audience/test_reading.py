import pytest

from campaign.audience.sync import is_complete
from models import SyncMode


@pytest.mark.parametrize("mode", list(SyncMode))
@pytest.mark.parametrize("new", [0, 5])
def test_the_end_of_the_list_ends_every_reading(mode: SyncMode, new: int) -> None:
    assert is_complete(mode, None, new, new)


def test_a_full_reading_goes_on_though_no_person_is_new() -> None:
    assert not is_complete(SyncMode.FULL, "token", people=5, newcomers=0)


def test_an_incremental_reading_ends_where_no_person_is_new() -> None:
    assert is_complete(SyncMode.INCREMENTAL, "token", people=5, newcomers=0)


def test_an_incremental_reading_goes_on_while_a_person_is_new() -> None:
    assert not is_complete(SyncMode.INCREMENTAL, "token", people=5, newcomers=1)


def test_an_incremental_reading_goes_on_after_a_page_without_any_person() -> None:
    assert not is_complete(SyncMode.INCREMENTAL, "token", people=0, newcomers=0)
