import time
from decimal import Decimal
from random import Random

import pytest

from campaign.deliveries.draft import MediaItem, Part
from campaign.x.text import is_similar
from campaign.x.types import MediaKind
from tests.analysing import analysed, draft, loaded, sentences, target

LONG = "The new roast is here: dark, sweet, with a little smoke, and only until the end of the month."


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        (
            "Hi <b>you</b>",
            "html",
            "The post on @acme has HTML in it (<b>), which X shows as it is written: write plain text.",
        ),
        (
            "See example.com",
            "link",
            (
                "The post on @acme has a link (example.com) and costs $0.20 instead of $0.015, 13 times as much:"
                " remove it to save that."
            ),
        ),
        (
            "Buy $ABC or $DEF",
            "several_cashtags",
            "The post on @acme has 2 cashtags ($ABC, $DEF): X takes one, so remove the others.",
        ),
    ],
)
def test_what_a_person_should_look_at_is_a_warning(text: str, code: str, sentence: str) -> None:
    analysis, _ = analysed(draft(text))
    assert sentences(analysis) == {code: sentence}
    assert (analysis.is_ok, analysis.has_warnings) == (True, True)


@pytest.mark.parametrize("text", ['<a href="https://a.com">', "</p>", "<br/>", "Fish &amp; chips", "&#39;", "<H1>"])
def test_html_is_seen(text: str) -> None:
    assert "html" in sentences(analysed(draft(text))[0])


@pytest.mark.parametrize(
    "text", ["a < b and c > d", "<3", "R&D", "a <b and c> d", "<- b ->", "AT&T;", "<acme>", "$ABC"]
)
def test_what_is_no_html_is_left_alone(text: str) -> None:
    assert sentences(analysed(draft(text))[0]) == {}


def test_a_link_that_costs_no_more_is_not_reported() -> None:
    assert sentences(analysed(draft("a.com"), target(link_price=Decimal("0.015")))[0]) == {}
    assert "times" not in sentences(analysed(draft("a.com"), target(plain_price=Decimal(0)))[0])["link"]


def test_an_image_needs_alternative_text() -> None:
    files = {"a.png": loaded(), "b.mp4": loaded("b.mp4", kind=MediaKind.VIDEO)}
    described = draft(Part(text="Hi", media=[MediaItem(source="a.png")]), Part(media=[MediaItem(source="b.mp4")]))
    assert sentences(analysed(described, files=files)[0]) == {
        "no_alt_text": "Part 1 of 2 on @acme shows a.png without alternative text: say what it shows."
    }


def test_what_was_posted_in_the_last_hours_is_reported() -> None:
    posted = target(recent_texts=("Old", "Hello  "))
    assert sentences(analysed(draft("Hello"), posted, target("beta", 2, fields=()))[0])["same_text_recently"] == (
        "The post on @acme says what was posted there in the last 24 hours: X refuses that, so change it."
    )
    assert sentences(analysed(draft("Hello!"), posted)[0]) == {}


def test_nearly_the_same_text_on_several_accounts_is_reported_once() -> None:
    accounts = [target("a", 1), target("b", 2), target("c", 3)]
    described = draft("{% if service.label == 'C' %}Bonjour{% else %}Hello{% endif %}", "{{ service.label }}!")
    assert sentences(analysed(described, *accounts)[0]) == {
        "same_text_to_several": "@a and @b say nearly the same in part 1 of 2, which X forbids across accounts: write a"
        " text for each, or choose one account."
    }


def test_a_thread_to_several_accounts_is_reported_once() -> None:
    analysis, _ = analysed(draft("One", "Two", "Three"), target("a", 1), target("b", 2))
    assert [finding.code for finding in analysis.warnings] == ["same_text_to_several"]
    assert "@a and @b say nearly the same in parts 1, 2 and 3 of 3, " in analysis.warnings[0].sentence


def test_one_account_may_say_what_it_likes() -> None:
    assert sentences(analysed(draft(LONG, LONG + " And more of it."))[0]) == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello", "HELLO"),
        ("Hello 1", "Hello  2"),
        ("Hello @acme a.com", "Hello @beta https://b.org/x"),
        ("\uff28\uff45\uff4c\uff4c\uff4f", "Hello"),
        (LONG, LONG.replace("dark", "black")),
        (LONG * 200, LONG * 200 + "x"),
        ("新しいコーヒーが届きました。" * 4, "新しいコーヒーが届きました。" * 4 + "ぜひ"),
        ("a.com", "a.com "),
    ],
)
def test_texts_are_similar_when_little_is_changed(one: str, other: str) -> None:
    assert is_similar(one, other)
    assert is_similar(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello", "Bonjour"),
        ("Hello", "Hello!"),
        ("a.com", "b.org"),
        ("10", "11"),
        (LONG, LONG[::-1]),
        (LONG, "Our shop in Ghent is open on Sunday again, with cake, until the end of the month. See you there!"),
    ],
)
def test_other_texts_are_not_similar(one: str, other: str) -> None:
    assert not is_similar(one, other)


def test_comparing_many_accounts_takes_no_time() -> None:
    words = LONG.split()
    texts = [" ".join(Random(number).choices(words, k=50)) for number in range(20)]
    accounts = [target(f"a{number}", number, fields=(("label", text),)) for number, text in enumerate(texts)]
    began = time.monotonic()
    assert "same_text_to_several" not in sentences(analysed(draft(*["{{ service.label }}"] * 5), *accounts)[0])
    assert time.monotonic() - began < 30


FILM = Part(text="Hi", media=[MediaItem(source="a.mp4")])


@pytest.mark.parametrize(
    ("longest_post", "minutes", "is_ok"),
    [(280, 20, True), (280, 21, False), (25_000, 21, True), (25_000, 125, True), (25_000, 126, False)],
)
def test_a_video_is_as_long_as_the_account_may_post(longest_post: int, minutes: int, is_ok: bool) -> None:
    film = loaded("a.mp4", kind=MediaKind.VIDEO, seconds=minutes * 60)
    analysis, _ = analysed(draft(FILM), target(longest_post=longest_post), files={"a.mp4": film})
    assert analysis.is_ok is is_ok
    assert ("video_too_long" in sentences(analysis)) is not is_ok


@pytest.mark.parametrize(
    ("longest_post", "size", "warns"),
    [(280, (1280, 720), False), (280, (720, 1280), False), (280, (1920, 1080), True), (25_000, (1920, 1080), False)],
)
def test_a_large_video_is_warned_of_without_x_premium(longest_post: int, size: tuple[int, int], warns: bool) -> None:
    film = loaded("a.mp4", kind=MediaKind.VIDEO, seconds=5, width=size[0], height=size[1])
    analysis, _ = analysed(draft(FILM), target(longest_post=longest_post), files={"a.mp4": film})
    assert ("large_video" in sentences(analysis)) is warns
