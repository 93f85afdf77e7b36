"""Conditions as rows of a form: what fits into rows means the same as the text."""

import pytest

from campaign.audience.conditions import (
    FIELDS,
    PHRASES,
    ConditionRow,
    ConditionRows,
    WrongCondition,
    parse,
    rows_of,
    spellings,
    takes_value,
    text_of,
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("followers_count>50 and verified", [("followers_count", ">", "50"), ("verified", "=", "yes")]),
        ("follows_since > 30 days ago", [("follows_since", ">", "now - 30 days")]),
        ("not consented", [("consented", "<>", "yes")]),
        ("location in ('nl', 'fr')", [("location", "is included in", "nl, fr")]),
        ("followers_count between 5 and 10", [("followers_count", "between", "5 and 10")]),
        ("location = 'O''Brien'", [("location", "=", "O'Brien")]),
        ("first_known = '2026-11-01'", [("first_known", "=", "2026-11-01")]),
        ("location is null", [("location", "is empty", "")]),
        ("", []),
    ],
)
def test_a_condition_without_brackets_is_shown_as_rows(text: str, rows: list[tuple[str, str, str]]) -> None:
    found = rows_of(text)
    assert found is not None
    assert [(row.field, row.operator, row.value) for row in found.rows] == rows
    assert not text or parse(text_of(found)) == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "not (verified and consented)",
        "verified and (consented or followers_count > 5)",
        "not followers_count > 5",
        "updated_at > '2026-11-01 07:30:12'",
        "verified and location in ('Gent, Belgium', 'fr')",
    ],
)
def test_what_rows_cannot_show_stays_a_text(text: str) -> None:
    assert parse(text)
    assert rows_of(text) is None


def test_rows_are_joined_by_and_or_by_or() -> None:
    rows = (ConditionRow("location", "contains", "Gent"), ConditionRow(), ConditionRow("followers_count", ">", "1,000"))
    assert text_of(ConditionRows(rows)) == "location contains 'Gent' and followers_count > 1000"
    assert text_of(ConditionRows(rows, is_any=True)) == "location contains 'Gent' or followers_count > 1000"


def test_a_quote_in_a_value_ends_no_text() -> None:
    text = text_of(ConditionRows((ConditionRow("full_name", "=", "x' or verified or full_name = 'y"),)))
    assert rows_of(text) == ConditionRows((ConditionRow("full_name", "=", "x' or verified or full_name = 'y"),))


def test_a_wrong_text_is_an_error_with_its_place() -> None:
    with pytest.raises(WrongCondition) as wrong:
        rows_of("followers_count >> 5")
    assert wrong.value.position == 18


@pytest.mark.parametrize("field", [field.name for field in FIELDS])
def test_each_operator_that_a_row_offers_is_understood(field: str) -> None:
    values = {"followers_count": "5 and 6", "verified": "yes", "consented": "yes"}
    moments = {"first_known", "updated_at", "follows_since"}
    for operator in spellings(field):
        value = values.get(field, "today and now" if field in moments else "a")
        if "between" not in operator:
            value = value.partition(" and ")[0]
        parse(text_of(ConditionRows((ConditionRow(field, operator, value),))))
    assert set(spellings("")) <= {phrase.words for phrase in PHRASES}
    assert not takes_value("is not empty")
