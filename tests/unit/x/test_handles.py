import pytest

from campaign.errors import WrongUsage
from campaign.x.types import check_handle


@pytest.mark.parametrize("handle", ["a", "Acme", "acme_2026", "_", "fifteen_letters", "0123456789"])
def test_a_handle_that_x_can_know_is_given_back_unchanged(handle: str) -> None:
    assert check_handle(handle) == handle


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("@acme", "Write the handle without the @: acme."),
        ("sixteen_letters_", "'sixteen_letters_' is 16 characters long; a handle on X has at most 15."),
        ("", "'' is not a handle on X; it has 1 to 15 letters, digits and underscores, and nothing else."),
    ],
)
def test_a_wrong_handle_is_one_sentence_that_says_why(text: str, sentence: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        check_handle(text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("text", ["@", "@@acme", "ac me", " acme", "acme\n", "acmé", "а", "٣", "acme-x", "x.com/acme"])  # noqa: RUF001
def test_what_x_cannot_know_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match="is not a handle on X"):
        check_handle(text)


def test_a_long_handle_with_an_at_sign_is_refused() -> None:
    with pytest.raises(WrongUsage):
        check_handle("@" + "a" * 16)
