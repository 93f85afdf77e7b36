from hypothesis import given
from hypothesis import strategies as st

from campaign.x.http import as_written

ANY = st.text("aä🦊 \n&<>;/.")


def test_links_are_what_they_stand_for_and_escapes_are_undone() -> None:
    links = {"https://t.co/abc": "http://a.example/?b=1&c=2", "https://t.co/abcd": "http://b.example"}
    shown = "R&amp;D &lt;3 https://t.co/abcd, https://t.co/abc &amp;lt;"
    assert as_written(shown, links, ()) == "R&D <3 http://b.example, http://a.example/?b=1&c=2 &lt;"


def test_only_the_links_at_the_end_are_those_of_the_media() -> None:
    media = {"https://t.co/pic"}
    assert as_written("Look\nhere https://t.co/pic", {}, media) == "Look\nhere"
    assert as_written("https://t.co/pic", {}, media) == ""
    assert as_written("https://t.co/pic see", {}, media) == "https://t.co/pic see"


def test_a_link_that_stands_for_a_short_one_is_left_alone() -> None:
    links = {"https://t.co/a": "https://t.co/b", "https://t.co/b": "http://b.example"}
    assert as_written("https://t.co/a", links, ()) == "https://t.co/b"


@given(text=ANY)
def test_what_x_escapes_comes_back(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert as_written(escaped, {}, ()) == text
