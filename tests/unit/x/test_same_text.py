import string
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.x.text import is_same_text
from tests.pace import takes_less_than

WORDS = st.lists(st.text(string.ascii_letters + "äß語🦊", min_size=1), min_size=1).map(" ".join)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Hello", "Hello"),
        ("  Hello \n", "Hello"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a  \nb", "a\nb"),
        (normalize("NFD", "Grüße"), "Grüße"),
        ("Read example.com", "Read http://example.com"),
        ("Read Example.COM.", "Read http://example.com."),
        ("(example.com)", "(http://example.com/)"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com/a/", "https://example.com/a"),
        ("https://example.com?a=1", "https://example.com/?a=1"),
        ("https://EXAMPLE.com/A?b=C", "http://example.com/A?b=C"),
        ("https://example.com/für", "https://example.com/f%C3%BCr"),
        ("見てhttps://example.com/a", "見てhttp://example.com/a"),
        ("bücher.example", "http://bücher.example"),
        ("example.com:8080/a", "http://example.com:8080/a"),
        ("a.com and B.com", "http://a.com and http://b.com"),
        ("https://münchen.de/angebot", "https://xn--mnchen-3ya.de/angebot"),
        ("MÜNCHEN.DE", "http://xn--mnchen-3ya.de/"),
        (normalize("NFD", "münchen.de/über"), "http://xn--mnchen-3ya.de/%C3%BCber"),
        ("https://münchen.de/u\u0308ber", "https://münchen.de/%75%CC%88ber"),
        ("https://faß.de", "https://fass.de"),
        ("https://faß.de", "https://xn--fa-hia.de/"),
        ("https://βόλος.com", "https://xn--nxasmm1c.com"),
        ("https://пример.рф/путь", "https://xn--e1afmkfd.xn--p1ai/путь"),
        ("https://उदाहरण.भारत/", "https://xn--p1b6ci4b4b3a.xn--h2brj9c"),
        ("https://i❤.ws", "https://xn--i-7iq.ws"),
        ("https://i❤\ufe0f.ws", "https://xn--i-7iq.ws"),
        ("Seht👉Example.com", "Seht👉http://example.com/"),
        ("見てExample.comをご覧", "見てhttp://example.com/をご覧"),
        ("a & b < c", "a &amp; b &lt; c"),
        ("https://a.example/?b=1&c=2", "https://a.example/?b=1&amp;c=2"),
        ("AT&amp;T", "AT&amp;amp;T"),
        ("https://example.com:443/a", "https://example.com/a"),
    ],
)
def test_what_x_respells_is_the_same(written: str, shown: str) -> None:
    assert is_same_text(written, shown)
    assert is_same_text(shown, written)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Hello", "hello"),
        ("Hello", "Hello!"),
        ("a b", "a\nb"),
        ("a\nb", "a\n\nb"),
        ("a b", "ab"),
        ("example.com/a", "example.com/A"),
        ("example.com/a", "example.com/a/b"),
        ("example.com", "example.org"),
        ("example.com?a=1", "example.com?a=2"),
        ("example.com:80", "example.com:81"),
        ("1.50 EUR", "1.05 EUR"),
        ("Sale https://t.co/abc", "Sale"),
        ("", "a"),
        ("Ann@example.com", "ann@example.com"),
        ("Ann.Lee@example.com", "ann.lee@example.com"),
    ],
)
def test_different_texts_are_different(written: str, shown: str) -> None:
    assert not is_same_text(written, shown)
    assert not is_same_text(shown, written)


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "語",
        "a.",
        "a-",
        "a@",
        "/",
        "http://",
        "a.bc",
        "a.bc/",
        "\r",
        " ",
        "👉.",
        "ü.",
        "xn--a.",
        "&amp;",
        "ß.com",
        "अ़.",
    ],
)
def test_long_texts_take_no_time(part: str) -> None:
    text = f"x{part * 25_000}x http://a.bc{part * 25_000}x"
    assert is_same_text(text, text)
    assert takes_less_than(1, lambda: is_same_text(text, text))


@given(text=st.text())
def test_a_text_is_the_same_as_itself_with_space_around_it(text: str) -> None:
    assert is_same_text(text, text)
    assert is_same_text(f" {text}\n", normalize("NFC", text))


@given(one=WORDS, other=WORDS)
def test_words_are_the_same_only_when_they_are_equal(one: str, other: str) -> None:
    assert is_same_text(one, other) == (normalize("NFC", one) == normalize("NFC", other))


@given(one=st.text(), other=st.text())
def test_it_does_not_matter_which_is_which(one: str, other: str) -> None:
    assert is_same_text(one, other) == is_same_text(other, one)


@given(before=WORDS, after=WORDS, path=st.text(string.ascii_letters + string.digits, min_size=1))
def test_a_completed_link_changes_nothing(before: str, after: str, path: str) -> None:
    assert is_same_text(f"{before} Shop.example/{path} {after}", f"{before} http://shop.example/{path}/ {after}")
    assert not is_same_text(f"{before} shop.example/{path} {after}", f"{before} http://shop.example/{path}x {after}")
