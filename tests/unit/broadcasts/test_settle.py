"""What a look at X proves of direct messages whose answer was lost."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.broadcasts.settle import (
    MessageLookup,
    SettledMessage,
    UnknownOutcome,
    Verdict,
    after_id_for,
    settle_messages,
)
from campaign.x.types import CLOCK_SKEW, MessageEvent, MessageEvents, first_id_at
from tests.factories import NOW
from tests.pace import takes_less_than

SECOND = timedelta(seconds=1)
SETTLE = timedelta(seconds=60)
ATTEMPT = UnknownOutcome(1, "7", "Hello", first_armed_at=NOW, called_by=NOW + 10 * SECOND, armed_at=NOW)
LATER = replace(ATTEMPT, message_id=2, first_armed_at=NOW + 300 * SECOND, called_by=NOW + 300 * SECOND)


def shown(x_id: str = "1", text: str = "Hello", after: int = 1, recipient: str = "7") -> MessageEvent:
    return MessageEvent(x_id, "42", recipient, text, NOW + after * SECOND)


def look(events: Sequence[MessageEvent], at: int = 1, is_complete: bool = True, owned: str = "") -> MessageLookup:
    return MessageLookup("42", MessageEvents(events, is_complete), NOW + at * SECOND, frozenset(owned.split()))


def settled(events: Sequence[MessageEvent], *attempts: UnknownOutcome) -> list[str | None]:
    return [each.x_id for each in settle_messages(attempts or [ATTEMPT], look(events), SETTLE)]


def test_a_message_that_fits_is_what_was_sent() -> None:
    assert settle_messages([ATTEMPT], look([shown()]), SETTLE) == [SettledMessage(1, Verdict.FOUND, "1")]


@pytest.mark.parametrize(
    "other",
    [
        shown(text="Hello there"),
        shown(recipient="8"),
        shown(after=-121),
        replace(shown(), sender="7", recipient="42"),
        replace(shown(), sender="8"),
    ],
    ids=["another text", "another person", "sent before the first attempt", "an answer", "somebody else's"],
)
def test_a_message_that_does_not_fit_is_not(other: MessageEvent) -> None:
    assert settled([other]) == [None]


def test_what_xs_clock_puts_a_little_before_and_what_x_respells_still_fits() -> None:
    assert settled([shown(after=-120)]) == ["1"]
    assert settled([shown(text="See http://example.com")], replace(ATTEMPT, text="See example.com ")) == ["1"]


def test_a_message_that_another_one_of_ours_owns_is_not_counted_again() -> None:
    early, late = look([shown()], owned="1"), look([shown()], at=70, owned="1")
    assert settle_messages([ATTEMPT], early, SETTLE)[0].verdict is Verdict.UNKNOWN
    assert settle_messages([ATTEMPT], late, SETTLE)[0].verdict is Verdict.ABSENT


def test_of_two_that_fit_the_older_one_is_it() -> None:
    assert settled([shown("10", after=2), shown("9", after=1)]) == ["9"]
    assert settled([shown("10"), shown("9")]) == ["9"]


def test_deliveries_with_the_same_text_to_a_person_get_one_message_each() -> None:
    assert settled([shown("2", after=301), shown("1")], LATER, ATTEMPT) == ["1", "2"]
    assert settled([shown("1"), shown("1")], LATER, ATTEMPT) == ["1", None]
    assert settled([shown("2", after=301)], LATER, ATTEMPT) == ["2", None]


@pytest.mark.parametrize(
    ("at", "is_complete", "verdict"),
    [(70, True, Verdict.ABSENT), (69, True, Verdict.UNKNOWN), (70, False, Verdict.UNDECIDABLE)],
    ids=["settled", "too early", "part of the list"],
)
def test_absence_is_proved_only_by_a_complete_look_after_the_settling_delay(
    at: int, is_complete: bool, verdict: Verdict
) -> None:
    empty = look([], at, is_complete)
    (settled,) = settle_messages([ATTEMPT], empty, SETTLE)
    assert (settled.verdict, settled.x_id) == (verdict, None)


AT_ATTEMPT = first_id_at(NOW)
LONG_BEFORE = first_id_at(NOW - CLOCK_SKEW - SECOND)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"left_out": [AT_ATTEMPT]}, "X left something out of messages of that time"),
        ({"left_out": ["?"]}, "X left something out of messages of that time"),
        ({"left_out": [LONG_BEFORE]}, ""),
        ({"events": MessageEvents([shown(text="")], is_complete=True)}, "X shows a message to the person since"),
        ({"events": MessageEvents([shown(text="See https://t.co/x")], is_complete=True)}, "X shows a message"),
        ({"events": MessageEvents([shown(text="")], is_complete=True), "owned": {"1"}}, ""),
        ({"events": MessageEvents([shown(text="", after=-121)], is_complete=True)}, ""),
        ({"events": MessageEvents([shown(text="", recipient="8")], is_complete=True)}, ""),
        ({"written_to": {"7"}}, "X does not show it, and the conversation"),
        ({"written_to": {"8"}}, ""),
    ],
    ids=[
        "an event without its sender",
        "an event without an id",
        "an event of before",
        "a message whose text X left out",
        "a message whose links X left out",
        "a message of ours",
        "a message of before",
        "a message to another person",
        "a conversation that went quiet",
        "another conversation",
    ],
)
def test_absence_is_not_concluded_from_an_answer_that_lacks_something(changes: dict[str, Any], why: str) -> None:
    lookup = replace(look([], at=70), **changes)
    (settled,) = settle_messages([replace(ATTEMPT, text="See example.com")], lookup, SETTLE)
    assert settled.verdict is (Verdict.UNDECIDABLE if why else Verdict.ABSENT)
    assert settled.why.startswith(why)


def test_what_another_attempt_sent_is_no_doubt_of_this_one() -> None:
    other = replace(ATTEMPT, message_id=2, text="Another text")
    first, second = settle_messages([ATTEMPT, other], look([shown(text="Another text")], at=70), SETTLE)
    assert (first.verdict, second.verdict) == (Verdict.ABSENT, Verdict.FOUND)


def test_the_look_begins_before_the_earliest_attempt() -> None:
    assert after_id_for([LATER, ATTEMPT]) == first_id_at(NOW - CLOCK_SKEW)


EVENTS = st.lists(
    st.builds(shown, st.integers(1, 9).map(str), st.sampled_from(["a", "b", "a "]), st.integers(-200, 400)), max_size=12
)
ATTEMPTS = st.lists(
    st.builds(
        lambda text, after: replace(ATTEMPT, text=text, first_armed_at=NOW + after * SECOND),
        st.sampled_from(["a", "b"]),
        st.integers(0, 300),
    ),
    max_size=12,
).map(lambda made: [replace(each, message_id=number) for number, each in enumerate(made)])


@given(EVENTS, ATTEMPTS, st.sets(st.integers(1, 9).map(str)))
def test_one_event_never_settles_two_attempts(
    events: list[MessageEvent], attempts: list[UnknownOutcome], owned: set[str]
) -> None:
    results = settle_messages(attempts, look(events, owned=" ".join(owned)), SETTLE)
    found = [result.x_id for result in results if result.x_id]
    assert sorted(result.message_id for result in results) == [attempt.message_id for attempt in attempts]
    assert len(found) == len(set(found))
    assert not owned.intersection(found)


def test_a_hundred_attempts_are_found_among_a_thousand_messages_at_once() -> None:
    text = "See example.com/a " * 20
    attempts = [replace(ATTEMPT, message_id=number, text=text) for number in range(100)]
    events = [shown(str(number), text, after=number) for number in range(1, 1001)]
    assert settled(events, *attempts) == [str(number) for number in range(1, 101)]
    assert takes_less_than(1, lambda: settled(events, *attempts))
