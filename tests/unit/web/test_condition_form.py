"""A condition in the form of a broadcast: its text and its rows, of which one was changed."""

import pytest
from starlette.datastructures import FormData

from campaign.web.desk.broadcast_form import read_condition

ROW = {"where-join": "and", "where-field-1": "followers_count", "where-operator-1": ">", "where-shown": "verified"}


@pytest.mark.parametrize(
    ("changed", "is_typed", "is_shown"),
    [
        ({"where-field-1": "verified", "where-operator-1": "is", "where-value-1": "yes"}, False, True),
        ({"where-value-1": "50"}, False, False),
        ({"where": "not verified"}, True, False),
    ],
    ids=["nothing", "a row", "the text"],
)
def test_only_a_changed_part_of_a_condition_is_sent_again(
    changed: dict[str, str], *, is_typed: bool, is_shown: bool
) -> None:
    condition = read_condition(FormData({"where": "verified"} | ROW | changed), "where")
    assert (condition.is_typed, condition.is_shown) == (is_typed, is_shown)
