"""Cells for spreadsheets: no formula wherever a cell may begin, no id that is rounded, and read again as they were."""

import csv
from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaign.formatting import for_spreadsheet, from_spreadsheet, write_csv

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\u2212\ufe62\ufe63\ufe66\ufe6b"
TEXTS = st.one_of(st.text(), st.text(alphabet=f"{SIGNS};,|\t\r\n'\" a1e0"))


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        (" =1+1", "' =1+1"),
        ("'=1+1", "''=1+1"),
        ("\u201c=1+1", "'\u201c=1+1"),
        ("Ana;=1+1;x", "Ana;'=1+1;x"),
        ("Ana, =1+1", "Ana,' =1+1"),
        ('Ana;"=1+1', "Ana;'\"=1+1"),
        ("Ana\t=1+1", "Ana\t'=1+1"),
        ("Ana\n=1+1", "Ana\n'=1+1"),
        ("Ana|=1+1", "Ana|'=1+1"),
        ("\ufeff=1+1", "'\ufeff=1+1"),
        ("Ana;\u200b=1+1", "Ana;'\u200b=1+1"),
        ("Ana\uff1b=1+1", "Ana\uff1b'=1+1"),
    ],
)
def test_a_formula_is_stopped_wherever_a_cell_may_begin(text: str, cell: str, sign: str) -> None:
    assert for_spreadsheet(text.replace("=", sign)) == cell.replace("=", sign)


@pytest.mark.parametrize(
    "text",
    [
        "Ana",
        "a-b",
        "a=b",
        "12",
        "-5",
        "-12.50",
        "2026-11-30 10:00",
        "Smith, Ana",
        "x; y",
        "",
        "may",
        "octopus8",
        "dec_1",
    ],
)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert for_spreadsheet(text) == text


@pytest.mark.parametrize(
    "text", ["1257683100473814718", "1234567890123456", "007", "1e5", "12E34", "march8", "Sept2026", "1jan"]
)
def test_a_number_that_a_spreadsheet_changes_is_text(text: str) -> None:
    assert for_spreadsheet(text) == f"'{text}"
    assert from_spreadsheet(f"'{text}") == text


@given(TEXTS)
@example("'1257683100473814718")
@example("';=1")
@example("'\t'\n=")
def test_every_text_is_read_as_it_was_written(text: str) -> None:
    assert from_spreadsheet(for_spreadsheet(text)) == text


@given(st.text(alphabet=f"{SIGNS};,\t\n'\" a1"))
def test_no_cell_begins_with_a_sign_however_it_is_split(text: str) -> None:
    file = StringIO()
    write_csv(file, ["Name"], [[text]])
    for separator in ";,\t":
        for row in csv.reader(StringIO(file.getvalue(), newline=""), delimiter=separator):
            for cell in row:
                is_number = cell.removeprefix("-").isdigit()
                assert is_number or not cell.lstrip(' "').startswith(tuple(SIGNS))
