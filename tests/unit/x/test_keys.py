import pytest
from pydantic import SecretStr

from campaign.x.types import Keys, problems_of_keys

KEY, SECRET = "K" * 25, "S" * 50
TOKEN, TOKEN_SECRET = "2244994945-" + "t" * 40, "s" * 45


def keys_of(*values: str) -> Keys:
    return Keys(*map(SecretStr, values))


def test_nothing_of_the_keys_is_shown() -> None:
    assert repr(keys_of(KEY, SECRET, TOKEN, TOKEN_SECRET)) == "Keys()"


@pytest.mark.parametrize(
    "values",
    [
        pytest.param((KEY, SECRET, TOKEN, TOKEN_SECRET), id="as X makes them"),
        pytest.param(("k", "s", "t", "x"), id="short"),
        pytest.param(("k-1", "12-34", "a_token", "1-2"), id="unusual"),
        pytest.param((SECRET, SECRET + "x", TOKEN, TOKEN_SECRET), id="long"),
    ],
)
def test_keys_that_may_work_are_let_through(values: tuple[str, ...]) -> None:
    assert problems_of_keys(keys_of(*values)) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param((KEY, SECRET, "", TOKEN_SECRET), "The access token is empty", id="empty"),
        pytest.param((KEY, "  ", TOKEN, TOKEN_SECRET), "The consumer secret is empty", id="blank"),
        pytest.param((KEY + "\n", SECRET, TOKEN, TOKEN_SECRET), "The consumer key contains a space", id="line break"),
        pytest.param(
            (KEY, SECRET, TOKEN, SECRET), "consumer secret and the access token secret are the same", id="two"
        ),
        pytest.param((SECRET, KEY, TOKEN, TOKEN_SECRET), "the two are swapped", id="key and secret"),
        pytest.param((KEY, SECRET, TOKEN_SECRET, TOKEN), "The access token secret looks like", id="token and secret"),
        pytest.param((TOKEN, SECRET, KEY, TOKEN_SECRET), "The consumer key looks like", id="token first"),
        pytest.param((KEY, TOKEN, SECRET, TOKEN_SECRET), "The consumer secret looks like", id="token second"),
    ],
)
def test_surely_wrong_keys_are_explained(values: tuple[str, ...], said: str) -> None:
    problem = " ".join(problems_of_keys(keys_of(*values)))
    assert said in problem
    assert not any(value.strip() and value in problem for value in values)


def test_every_key_that_is_missing_is_named() -> None:
    assert problems_of_keys(keys_of("", SECRET, " ", TOKEN_SECRET)) == [
        "The consumer key is empty: copy it from the developer console.",
        "The access token is empty: copy it from the developer console.",
    ]
