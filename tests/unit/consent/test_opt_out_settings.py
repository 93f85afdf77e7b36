"""Which words the operator lets people opt out with."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import WrongUsage
from campaign.opt_out_words import DEFAULT, completed
from campaign.settings import Settings, load_settings

Words = Callable[[str], dict[str, list[str]]]


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Iterator[Words]:
    """What becomes of a value of the variable."""

    def read(value: str) -> dict[str, list[str]]:
        monkeypatch.setenv("CAMPAIGN_OPT_OUT_WORDS", value)
        load_settings.cache_clear()
        return load_settings().opt_out_words

    yield read
    load_settings.cache_clear()


def test_unset_every_language_has_its_short_list(words: Words) -> None:
    assert words("") == {language: list(of) for language, of in DEFAULT.items()}
    assert {"en", "fr", "de", "nl", "es", "it", "pt", "pl", "sv", "da", "nb", "fi", "cs", "tr", "ja"} <= set(DEFAULT)
    assert max(map(len, DEFAULT.values())) < 10


def test_a_language_that_is_named_replaces_its_list_and_the_others_stay(words: Words) -> None:
    lists = words('{"FR": [" Assez ", "stop", "assez", ""], "la": ["desine"]}')
    assert (lists["fr"], lists["la"], lists["de"]) == (["stop", "assez"], ["stop", "desine"], list(DEFAULT["de"]))


def test_an_empty_list_takes_a_language_away(words: Words) -> None:
    lists = words('{"fr": [], "de": ["  "]}')
    assert set(DEFAULT) - set(lists) == {"fr", "de"}


def test_stop_stays_when_everything_is_taken_away() -> None:
    assert completed({language: [] for language in DEFAULT}) == {"en": ["stop"]}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("stop, arret", 'it is not JSON; write it like {"en": ["stop", "unsubscribe"]}'),
        ('["stop"]', "Input should be a valid dictionary"),
        ('{"en": "stop"}', "Input should be a valid list"),
        ('{"en": [1]}', "Input should be a valid string"),
    ],
)
def test_a_bad_value_is_one_sentence_naming_its_variable(words: Words, value: str, why: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        words(value)
    assert str(caught.value) == f"CAMPAIGN_OPT_OUT_WORDS cannot be used: {why}."


@pytest.mark.usefixtures("words")
def test_the_inbox_is_read_every_quarter_of_an_hour_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().inbox_seconds == 900
    monkeypatch.setenv("CAMPAIGN_INBOX_SECONDS", "-1")
    with pytest.raises(WrongUsage, match=r"^CAMPAIGN_INBOX_SECONDS cannot be used: "):
        load_settings()


@given(st.dictionaries(st.text(max_size=3) | st.sampled_from(sorted(DEFAULT)), st.lists(st.text(max_size=5))))
def test_stop_belongs_to_every_list_whatever_is_set(named: dict[str, list[str]]) -> None:
    lists = completed(named)
    assert "en" in lists
    assert all(of[0] == "stop" and len(set(of)) == len(of) for of in lists.values())
