"""What a look at X proves of a post whose answer was lost."""

from dataclasses import replace
from datetime import timedelta

import pytest

from campaign.posts.publish import Attempt, Lookup, find_candidates, is_proof_of_absence, since_of
from campaign.x.types import CLOCK_SKEW, OwnPost
from tests.factories import NOW

SECOND = timedelta(seconds=1)
SETTLE = timedelta(seconds=60)
ATTEMPT = Attempt("Hello", None, first_armed_at=NOW, armed_at=NOW + 10 * SECOND)


def shown(x_id: str = "1", text: str = "Hello", after: timedelta = SECOND, reply_to: str | None = None) -> OwnPost:
    return OwnPost(x_id, text, NOW + after, reply_to)


def look(*posts: OwnPost, at: timedelta = SECOND, is_complete: bool = True) -> Lookup:
    return Lookup(posts, NOW + at, is_complete)


def found(lookup: Lookup, owned: frozenset[str] = frozenset()) -> list[str]:
    return [post.x_id for post in find_candidates(lookup, ATTEMPT, owned)]


def test_a_post_with_the_same_text_may_be_what_the_attempt_published() -> None:
    assert found(look(shown(), shown("2", reply_to="7"))) == ["1", "2"]


@pytest.mark.parametrize(
    "other",
    [shown(text="Hello there"), shown(after=-CLOCK_SKEW - SECOND)],
    ids=["another text", "posted before the first attempt"],
)
def test_a_post_that_does_not_fit_is_left_out(other: OwnPost) -> None:
    assert found(look(other)) == []


def test_a_post_that_another_message_owns_is_not_counted_again() -> None:
    assert found(look(shown("1")), owned=frozenset({"1"})) == []


def test_of_two_that_fit_the_older_one_comes_first() -> None:
    assert found(look(shown("2", after=2 * SECOND), shown("1"))) == ["1", "2"]


def test_what_xs_clock_puts_a_little_before_the_attempt_still_counts() -> None:
    assert found(look(shown(after=-CLOCK_SKEW))) == ["1"]
    assert since_of(ATTEMPT) == NOW - CLOCK_SKEW


@pytest.mark.parametrize(
    ("at", "is_complete", "proves"),
    [(70 * SECOND, True, True), (69 * SECOND, True, False), (70 * SECOND, False, False)],
    ids=["settled", "too early", "part of the list"],
)
def test_absence_needs_a_complete_lookup_after_the_settling_delay(
    at: timedelta, is_complete: bool, proves: bool
) -> None:
    assert is_proof_of_absence(look(at=at, is_complete=is_complete), ATTEMPT, [], SETTLE) is proves


@pytest.mark.parametrize(
    ("answers", "shown_answers", "proves"),
    [("6", None, False), ("6", "7", True), (None, "7", True)],
    ids=["X may have left out what it answers", "it answers another post", "it answers a post, ours does not"],
)
def test_a_post_without_what_it_answers_is_no_proof_of_absence(
    answers: str | None, shown_answers: str | None, proves: bool
) -> None:
    candidate = shown(reply_to=shown_answers)
    lookup = look(candidate, at=70 * SECOND)
    assert is_proof_of_absence(lookup, replace(ATTEMPT, reply_to=answers), [candidate], SETTLE) is proves
