from hypothesis import given
from hypothesis import strategies as st

from campaign.broadcasts.context import should_pause

SENT, REFUSED = True, False


def test_a_broadcast_that_goes_well_goes_on() -> None:
    assert should_pause([]) is None
    assert should_pause([SENT] * 500) is None


def test_ten_refusals_in_a_row_happen_and_eleven_are_a_sign() -> None:
    assert should_pause([SENT, *[REFUSED] * 10]) is None
    assert should_pause([SENT, *[REFUSED] * 11]) == (
        "X refused 11 messages in a row: look at the reasons in the report of the delivery, then resume or stop it."
    )


def test_one_that_was_sent_breaks_the_row() -> None:
    assert should_pause([*[REFUSED] * 9, SENT, *[REFUSED] * 9]) is None


def test_a_fifth_of_the_last_hundred_is_too_much() -> None:
    assert should_pause([SENT, SENT, SENT, SENT, REFUSED] * 19 + [SENT] * 5) is None
    assert should_pause([SENT, SENT, SENT, SENT, REFUSED] * 20) == (
        "X refused 20 of the last 100 messages: look at the reasons in the report of the delivery, then resume or stop"
        " it."
    )


def test_what_was_refused_before_the_last_hundred_is_forgotten() -> None:
    assert should_pause([REFUSED, SENT] * 100 + [SENT] * 100) is None


def test_a_few_refusals_at_the_beginning_are_no_share() -> None:
    assert should_pause([REFUSED, SENT] * 19) is None
    assert "20 of the last 40" in (should_pause([REFUSED, SENT] * 20) or "")


@given(st.lists(st.booleans(), max_size=300))
def test_it_never_pauses_below_ten_refusals_and_always_after_eleven_more(outcomes: list[bool]) -> None:
    assert should_pause(outcomes) is None or outcomes.count(REFUSED) > 10
    assert should_pause([*outcomes, *[REFUSED] * 11])
