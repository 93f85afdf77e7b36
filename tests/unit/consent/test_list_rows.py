"""What a row of an imported list of consents says."""

from datetime import UTC, datetime, timedelta

import pytest

from campaign.consent.lists import ConsentRow, read_row
from campaign.errors import WrongUsage
from models import ConsentSource
from tests.factories import NOW


def row(**cells: str) -> ConsentRow:
    return read_row(cells, "a note", NOW)


def test_what_is_left_out_is_an_import_of_now_that_the_note_proves() -> None:
    assert row(external_id="7") == ConsentRow("7", "", ConsentSource.IMPORT, "a note", NOW)


def test_a_row_says_what_it_says() -> None:
    said = row(username="@Ana_1", source="opt_in_form", proof="form 12", given_at="2026-11-24T09:00+01:00")
    assert said == ConsentRow("", "ana_1", ConsentSource.OPT_IN_FORM, "form 12", datetime(2026, 11, 24, 8, tzinfo=UTC))
    assert said.person == "@ana_1"


def test_an_id_counts_before_a_username() -> None:
    assert row(external_id="7", username="ana").person == "7"


def test_a_day_is_in_utc() -> None:
    assert row(external_id="7", given_at="2026-11-24").given_at == datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({}, "external_id and username are empty"),
        ({"external_id": "1.2E+18"}, "invalid X user id '1.2E+18'"),
        ({"external_id": "٣"}, "invalid X user id '٣'"),
        ({"external_id": "1" * 21}, "invalid X user id"),
        ({"username": "two words"}, "invalid handle 'two words'"),
        ({"username": "nu\x00l"}, "invalid handle"),
        ({"external_id": "7", "source": "operator"}, "invalid source 'operator'; write import or opt_in_form"),
        ({"external_id": "7", "given_at": "24/11/2026"}, "invalid time '24/11/2026'; write it as in 2026-11-24"),
        ({"external_id": "7", "given_at": "2005-01-01"}, "the time '2005-01-01' is before X began"),
        ({"external_id": "7", "given_at": "0001-01-01T00:00+14:00"}, "is before X began"),
        ({"external_id": "7", "given_at": "9999-12-31T23:59-14:00"}, "is in the future"),
        ({"external_id": "7", "given_at": str(NOW + timedelta(seconds=1))}, "is in the future"),
    ],
)
def test_what_cannot_be_meant_is_reported(cells: dict[str, str], problem: str) -> None:
    with pytest.raises(WrongUsage) as told:
        row(**cells)
    assert problem in str(told.value)
