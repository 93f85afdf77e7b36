import re
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.x.text import has_link, spans, weigh, without_links
from tests.pace import takes_less_than

LINKS = st.from_regex(re.compile(r"https://[a-z]{1,9}\.(com|org|be)(/[a-z0-9]{0,40})?"), fullmatch=True)
WORDS = st.text("abc äß 語🦊", max_size=40)


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("Hello", 5),
        ("日本語", 6),
        ("안녕", 4),
        ("🦊", 2),
        ("👨‍👩‍👧", 2),
        ("👍🏽", 2),
        ("🇧🇪", 2),
        ("\u26bd\ufe0f" * 140, 280),
        ("\U0001f9d1\u200d\U0001f527", 2),
        ("\u2764\ufe0f\u200d\U0001f525", 2),
        ("\u2764\u200d\U0001f525", 2),
        ("مرحبا", 5),
        ("e\u0301", 1),
        ("\u201cquoted\u201d \u2013 \u2026", 13),
        ("a\r\nb", 3),
        ("https://example.com/" + "a" * 200, 23),
        ("example.com", 23),
        ("ann@example.com", 15),
        ("見てhttps://example.com/a", 4 + 23),
        ("مرحبا https://example.com/a بكم", 5 + 1 + 23 + 1 + 3),
        ("half a character \ud83e", 19),
    ],
)
def test_a_text_weighs_what_x_counts(text: str, weight: int) -> None:
    assert weigh(text) == weight


@given(before=WORDS, one=LINKS, other=LINKS, after=WORDS)
def test_a_link_weighs_the_same_as_any_other(before: str, one: str, other: str, after: str) -> None:
    assert weigh(f"{before} {one} {after}") == weigh(f"{before} {other} {after}")


@given(one=WORDS, other=WORDS)
def test_two_words_weigh_what_each_weighs(one: str, other: str) -> None:
    assert weigh(f"{one}\n{other}") == weigh(one) + 1 + weigh(other)


@given(st.text(max_size=60))
def test_no_text_is_too_strange_to_be_weighed(text: str) -> None:
    assert weigh(text) >= 0
    found = spans(text)
    assert all(text[span.start : span.end] == span.text for span in found)
    assert all(one.end <= other.start for one, other in pairwise(found))


@pytest.mark.parametrize("piece", ["@a ", "#a", "#1", "#é", "$A ", "a.com @a ", "@a.com ", "\uff20a.com ", "é.com/@a "])
def test_no_text_takes_long(piece: str) -> None:
    spans("a.com")  # loads the list of top-level domains
    assert takes_less_than(1.5, lambda: spans(piece * (100_000 // len(piece))))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@acme and #tag", [("mention", "@acme"), ("hashtag", "#tag")]),
        ("ann@example.com", []),
        ("a@b #1 c#d $5 $ABCDEFG", []),
        ("$ABC, $BRK.B", [("cashtag", "$ABC"), ("cashtag", "$BRK.B")]),
        ("#हिन्दी #日本 #1a", [("hashtag", "#हिन्दी"), ("hashtag", "#日本"), ("hashtag", "#1a")]),
        ("example.com/#top and https://x.com/@acme", [("link", "example.com/#top"), ("link", "https://x.com/@acme")]),
        ("(@acme) .@beta", [("mention", "@acme"), ("mention", "@beta")]),
        ("\uff20acme.com", [("link", "acme.com")]),
        ("#tag https://a.com", [("hashtag", "#tag"), ("link", "https://a.com")]),
    ],
)
def test_what_x_links_is_found_in_order(text: str, found: list[tuple[str, str]]) -> None:
    assert [(span.kind, span.text) for span in spans(text)] == found


@pytest.mark.parametrize("text", ["https://example.com", "Read example.com", "x.ai", "Example.COM.", "bu\u0308cher.de"])
def test_a_bare_domain_is_a_link_too(text: str) -> None:
    assert has_link(text)


@pytest.mark.parametrize("text", ["", "Hello", "ann@example.com", "1.5", "e.g. this", "a..b", "example.notadomain"])
def test_what_looks_a_little_like_a_link_is_none(text: str) -> None:
    assert not has_link(text)


def test_links_and_names_can_be_left_out() -> None:
    assert without_links("Hi @acme, see example.com!").split() == ["Hi", ",", "see", "!"]


def test_the_emoji_are_loaded_by_the_first_text_that_has_one() -> None:
    program = (
        "import sys, campaign.x.text as w; w.weigh('a é 日 a.com 😀'); assert 'emoji' not in sys.modules;"
        "w.weigh('👍🏽'); assert 'emoji' in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
