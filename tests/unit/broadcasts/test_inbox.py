"""What people's messages mean, and how far they were read."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.broadcasts.inbox import Incoming, judge, read_to
from campaign.consent.opt_out import Meaning
from campaign.x.types import MessageEvent, first_id_at
from tests.factories import NOW

SECOND = timedelta(seconds=1)
SETTLE = 60 * SECOND
AGES = st.lists(st.integers(0, 200))


def event(age: int, sender: str = "7", recipient: str = "42", text: str = "Hello") -> MessageEvent:
    at = NOW - age * SECOND
    return MessageEvent(first_id_at(at), sender, recipient, text, at)


def test_what_others_sent_to_the_account_is_judged_oldest_first() -> None:
    late, early = event(1, text="Stop!"), event(9, sender="8")
    assert judge([late, early], "42", ["stop"]) == [
        Incoming("8", early.x_id, early.created_at, Meaning.OTHER),
        Incoming("7", late.x_id, late.created_at, Meaning.OPT_OUT),
    ]


@pytest.mark.parametrize(
    "other",
    [event(1, sender="42", recipient="7"), event(1, sender="42"), event(1, recipient="9"), event(1, text=" ")],
    ids=["sent by the account", "sent to itself", "sent to another person", "a message whose text X left out"],
)
def test_whatever_else_x_shows_is_passed_over(other: MessageEvent) -> None:
    assert judge([other], "42", ["stop"]) == []


def test_an_event_on_two_pages_is_one() -> None:
    assert len(judge([event(1), event(1)], "42", ["stop"])) == 1


def test_the_next_reading_begins_after_the_newest_shown_event() -> None:
    young, edge, old, older = event(59), event(60), event(61), event(62)
    assert read_to([young, edge, old, older], NOW, SETTLE, before="5") == old.x_id
    assert read_to([young], NOW, SETTLE, before="5") == "5"
    assert read_to([], NOW, SETTLE, before="") == ""
    assert read_to([old], NOW, SETTLE, before="") == old.x_id


def test_ids_are_compared_as_numbers() -> None:
    old = MessageEvent("999", "7", "42", "Hello", NOW - 2 * SETTLE)
    assert read_to([old], NOW, SETTLE, before="1000") == "1000"


@given(AGES, st.integers(0, 200))
def test_the_reading_never_goes_back_nor_past_what_may_still_show(ages: list[int], age: int) -> None:
    before = event(age).x_id
    after = read_to([event(each) for each in ages], NOW, SETTLE, before)
    assert int(after) >= int(before)
    assert after == before or int(after) < int(first_id_at(NOW - SETTLE))
