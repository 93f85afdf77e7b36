"""X's published rules: what a text weighs and where its links are, whatever the text is, and never for long."""

from functools import partial
from itertools import pairwise
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.twitter_text import _JOINED, _emoji, _top_level_domains, compose, find_links, weigh
from tests.pace import takes_less_than

# The examples of twitter-text's own conformance suite, validate.yml, with emoji counted, and more of the same kind.
WEIGHTS = [
    ("Hi http://test.co", 26),
    ("http://test.co", 23),
    ("285 chars-" + "xxxxxxxxxx-" * 25, 285),
    ("https://www.twitter.com/aloha " * 10, 240),
    ("故人西辞黄鹤楼烟花三月下扬州。" * 10, 300),
    ("😷" * 160, 320),
    ("the故人西辞黄鹤楼" * 2, 34),
    ("A\u0301B", 2),
    ("A\ufb2c", 4),
    ("H🐱☺👨‍👩‍👧‍👦", 7),
    ("😷👾😡🔥💩", 10),
    ("🙋🏽👨‍🎤", 4),
    ("\u2000\u200a\u200b\u2010\u2014\u2016\u201f\u2032\u2037", 9),
    ("\u2011\u2022\u2024\u20ac", 7),
    ("randomurlrandomurlrandomurlrandomurlrandomurlrandomurlrandomurls.com", 68),
    ("https://" + "somesuperlongurl" * 60 + ".com/foo https://validurl.com", 1_000),
    ("👨‍👩‍👧‍👦" * 140, 280),
    ("1⃣", 2),
    ("Unicode 10.0 emoji: 🤪; 🧕; 🧕🏾; 🏴󠁧󠁢󠁥󠁮󠁧󠁿", 34),
    ("Unicode 9.0 emoji: 🤠; 💃; 💃🏾", 29),
    ("ABC\u202a\uffffABC\ufffe", 12),
    ("\u2066\u202ahttp://foobar.پاکستان/\u202c\u2069", 31),
    ("⚽\ufe0f" * 140, 280),
    ("⚽" * 140, 280),
    ("🧑‍🔧", 2),
    ("❤️‍🔥", 2),
    ("©", 1),
    ("©️", 2),
    ("#️⃣*️⃣", 4),
    ("🇧🇪🇫🇷", 4),
    ("🇭🇪🇱🇱🇴", 2 + 2 + 2 + 2 + 2),
    ("🏻🏼🏽", 6),
    ("🔥🏽", 4),
    ("❤\ufe0e", 4),
    ("👩\u200d💩", 5),
    ("\ud83e", 2),
]


@pytest.mark.parametrize(("text", "weight"), WEIGHTS, ids=[ascii(text[:20]) for text, _ in WEIGHTS])
def test_a_text_weighs_what_x_counts(text: str, weight: int) -> None:
    assert weigh(text) == weight


def test_every_emoji_of_unicode_weighs_two() -> None:
    known, _ = _emoji()
    assert len(known) > 3_500
    assert {weigh(one) for one in known} == {2}
    assert all(_JOINED.match(one) for one in known)


def test_the_top_level_domains_are_in_small_letters_and_none_is_missing() -> None:
    known, longest = _top_level_domains()
    assert (len(known), longest) == (1574, 18)
    assert {name.lower() for name in known} == known


LINKS = [
    ("https://example.com", ["https://example.com"]),
    ("Read example.com, x.ai or Example.COM.", ["example.com", "x.ai", "Example.COM"]),
    ("ann@example.com #example.com $example.com", []),
    ("-example.com _example.com .example.com /example.com", []),
    ("1.5 e.g. this a..b example.notadomain", []),
    ("example.com?a=1 example.com:80 example.com:80/a?b=1", ["example.com", "example.com", "example.com:80/a?b=1"]),
    ("https://example.com?a=1. https://example.com:80!", ["https://example.com?a=1", "https://example.com:80"]),
    ("(https://en.example.org/wiki/Rust_(game))", ["https://en.example.org/wiki/Rust_(game)"]),
    (
        "https://example.com/a(b(c)d)e https://example.com/a(b",
        ["https://example.com/a(b(c)d)e", "https://example.com/a"],
    ),
    ("見てhttps://example.com/xです", ["https://example.com/x"]),
    ("見てexample.comです", ["example.com"]),
    ("a.com中国b.com", ["a.com", "b.com"]),
    ("https://例え.com/ 例え.com", ["https://例え.com/"]),
    ("http://foobar.پاکستان/ bücher.de élan.com", ["http://foobar.پاکستان/", "bücher.de", "élan.com"]),
    ("élan.com", ["lan.com"]),
    ("http://foo_bar.example.com http://foo_bar.com", ["http://foo_bar.example.com"]),
    ("http://t.co/Ab1/cd http://t.co/Ab1?x=1, http://t.co/" + "a" * 41, ["http://t.co/Ab1", "http://t.co/Ab1?x=1"]),
    ("http://" + "a" * 64 + ".com http://" + "a" * 63 + ".com", ["http://" + "a" * 63 + ".com"]),
    ("https://example.com/" + "a" * 4100, []),
    ("HTTPS://EXAMPLE.COM/Русские_слова", ["HTTPS://EXAMPLE.COM/Русские_слова"]),
    ("http://xn--p1ai.example.xn--p1ai", ["http://xn--p1ai.example.xn--p1ai"]),
    ("http://192.168.0.1/a ftp://example.com", []),
]


@pytest.mark.parametrize(("text", "links"), LINKS, ids=[ascii(text[:40]) for text, _ in LINKS])
def test_links_are_those_of_twitter_text(text: str, links: list[str]) -> None:
    assert [text[start:end] for start, end in find_links(text)] == links


PIECES = st.sampled_from(
    [
        *(
            "a.com",
            "https://",
            "example",
            ".com",
            ".",
            "/",
            "/a",
            "?q=1",
            "(",
            ")",
            "@",
            "#",
            "_",
            "-",
            " ",
            "\n",
            "\r\n",
        ),
        *(
            "é",
            "e\u0301",
            "\u0323\u0301",
            "日",
            "가",
            "\u1100\u1161",
            "⚽",
            "\ufe0f",
            "\u200d",
            "👩",
            "🏽",
            "🇧",
            "🇪",
            "1",
            "\u20e3",
        ),
        *("t.co/x", ".рф", "xn--", "\ud83e", "\u0f73", "\u202a", "\ufeff", "'", "…"),
    ]
)
TEXTS = st.text(max_size=40) | st.lists(PIECES, max_size=20).map("".join)


@given(TEXTS, TEXTS)
def test_two_texts_with_a_space_between_weigh_what_each_weighs(one: str, other: str) -> None:
    # With the space, because the first letter of a text is no part of a link: `élan.com`.
    assert weigh(f"{one} {other}") == weigh(one) + weigh(f" {other}")


@given(TEXTS)
def test_no_text_weighs_less_than_nothing_or_more_than_two_a_character(text: str) -> None:
    composed = compose(text)
    links = list(find_links(composed))
    assert 0 <= weigh(text) <= 2 * len(composed) + 23 * len(links)
    assert all(start < end for start, end in links)
    assert all(end < start for (_, end), (start, _) in pairwise(links))


@given(TEXTS)
def test_however_accents_are_written_a_text_weighs_the_same(text: str) -> None:
    assert weigh(text) == weigh(normalize("NFC", text)) == weigh(normalize("NFD", text))


@given(
    st.text("ae\u0301\u0316\u0323\u0345\u0f73\u0f71\u0f72\u0f75\u0f81é가ᄀ\u1161\u11a8ﬁ\u212b \u0344", max_size=30)
    | st.text()
)
def test_a_text_is_composed_as_unicode_says(text: str) -> None:
    assert compose(text) == normalize("NFC", text)


HARD = [
    *(
        "a",
        "a.",
        "a-.",
        "a-",
        "a_",
        "é",
        "é.",
        "a.a@",
        "a.com?a=",
        "a.com ",
        "é.com ",
        "日本.jp/",
        "a.com中国.",
        "b" * 63 + ".",
    ),
    *(
        "https://",
        "https://a.com/",
        "http",
        "hthttps:/",
        "a_b.com_",
        "com_x.",
        "a.xn--",
        "xn--a.",
        "a.com/(",
        "a.com/((a",
    ),
    *("a.com/(a", "a.com/(a)(", "a.com/@a", "a.com/!", "a.com?!", "a.com:80", "https://t.co/a?", "(", "((", "!", "@a/"),
    *(
        "日",
        "👨\u200d",
        "⚽\ufe0f",
        "🇽",
        "👩🏽",
        "1\ufe0f\u20e3",
        "😀",
        "\u0301",
        "\u0316\u0301",
        "\u0f73",
        "\ufe0f",
        "\r\n",
        "#a ",
    ),
]


@pytest.mark.parametrize("piece", HARD, ids=ascii)
def test_a_hundred_thousand_characters_take_less_than_a_second(piece: str) -> None:
    weigh("⚽\ufe0f a.com")  # loads the lists
    for begun in ("", "a.com/", "https://é."):
        assert takes_less_than(1, partial(weigh, begun + piece * (100_000 // len(piece))))
