"""What a look at X proves of a post whose answer was lost."""

from datetime import timedelta

import pytest

from campaign.posts.lookup import Attempt, Lookup, found_in, is_proof_of_absence, since_of
from campaign.x.types import CLOCK_SKEW, OwnPost
from tests.factories import NOW

SECOND = timedelta(seconds=1)
SETTLE = timedelta(seconds=60)
ATTEMPT = Attempt("Hello", None, first_armed_at=NOW, armed_at=NOW + 10 * SECOND)


def shown(x_id: str = "1", text: str = "Hello", after: timedelta = SECOND, reply_to: str | None = None) -> OwnPost:
    return OwnPost(x_id, text, NOW + after, reply_to)


def look(*posts: OwnPost, at: timedelta = SECOND, is_complete: bool = True) -> Lookup:
    return Lookup(posts, NOW + at, is_complete)


def test_a_post_that_fits_is_what_the_attempt_published() -> None:
    assert found_in(look(shown()), ATTEMPT, owned=set()) == "1"


@pytest.mark.parametrize(
    "other",
    [
        shown(text="Hello there"),
        shown(reply_to="7"),
        shown(after=-CLOCK_SKEW - SECOND),
    ],
    ids=["another text", "an answer to something else", "posted before the first attempt"],
)
def test_a_post_that_does_not_fit_is_not(other: OwnPost) -> None:
    assert found_in(look(other), ATTEMPT, owned=set()) is None


def test_a_post_that_another_message_owns_is_not_counted_again() -> None:
    assert found_in(look(shown("1")), ATTEMPT, owned={"1"}) is None


def test_of_two_that_fit_the_older_one_is_it() -> None:
    assert found_in(look(shown("2", after=2 * SECOND), shown("1")), ATTEMPT, owned=set()) == "1"


def test_what_xs_clock_puts_a_little_before_the_attempt_still_counts() -> None:
    assert found_in(look(shown(after=-CLOCK_SKEW)), ATTEMPT, owned=set()) == "1"
    assert since_of(ATTEMPT) == NOW - CLOCK_SKEW


@pytest.mark.parametrize(
    ("at", "is_complete", "proves"),
    [(70 * SECOND, True, True), (69 * SECOND, True, False), (70 * SECOND, False, False)],
    ids=["settled", "too early", "part of the list"],
)
def test_absence_is_proved_only_by_a_complete_look_after_the_settling_delay(
    at: timedelta, is_complete: bool, proves: bool
) -> None:
    assert is_proof_of_absence(look(at=at, is_complete=is_complete), ATTEMPT, SETTLE) is proves
