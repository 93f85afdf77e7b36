"""What every preview draws, and the words they share."""

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.deliveries.draft import PollContent, RenderedPart, Target
from campaign.posts.documents import attachment, by_level, file_name, pieces, poll_ends, post_of
from campaign.reporting.document import Findings, Mark, Piece, Post
from campaign.x.text import weigh
from campaign.x.types import MediaKind, ReplySettings
from tests.factories import NOW
from tests.unit.posts.test_preview_samples import Finding, loaded, post

TARGET = Target(7, "acme", "Acme", "Acme Coffee", 280, "")


def test_a_part_is_seen_as_its_account_will_show_it() -> None:
    poll = PollContent(options=["Tea", "Coffee"])
    part = RenderedPart(
        7,
        2,
        "See example.com/autumn",
        (loaded(),),
        poll,
        ReplySettings.FOLLOWING,
        paid_partnership=True,
        made_with_ai=True,
    )
    assert post_of(TARGET, part, parts=3, thumbnails=(b"jpeg",), at=NOW) == Post(
        account_name="Acme Coffee",
        handle="acme",
        label="Acme",
        part=2,
        parts=3,
        pieces=(Piece("See "), Piece("example.com/autumn", Mark.LINK, "https://example.com/autumn")),
        weight=27,
        limit=280,
        at=NOW,
        who_may_reply="Only accounts that @acme follows or mentions can reply",
        everyone_may_reply=False,
        files=(attachment(loaded(), b"jpeg"),),
        answers=("Tea", "Coffee"),
        poll_ends="1 day left",
        disclosures=("Paid partnership", "Made with AI"),
    )


def test_an_account_whose_name_is_unknown_goes_by_its_handle() -> None:
    assert post_of(replace(TARGET, name=""), RenderedPart(7, 1, "Hi"), parts=1).account_name == "acme"


def test_a_file_without_a_thumbnail_is_there_all_the_same() -> None:
    files = post(files=(loaded(), loaded()), thumbnails=(b"jpeg",)).files
    assert [file.thumbnail for file in files] == [b"jpeg", b""]


@pytest.mark.parametrize(
    ("marked", "mark", "address"),
    [
        ("@acme", Mark.MENTION, "https://x.com/acme"),
        ("#قهوة", Mark.HASHTAG, "https://x.com/hashtag/%D9%82%D9%87%D9%88%D8%A9"),
        ("$ACME", Mark.CASHTAG, "https://x.com/search?q=%24ACME"),
        ("https://example.com/a_(2)?b=1&c=2", Mark.LINK, "https://example.com/a_%282%29?b=1&c=2"),
        ("http://example.com", Mark.LINK, "http://example.com"),
        ("example.com", Mark.LINK, "https://example.com"),
    ],
)
def test_what_x_makes_a_link_of_leads_where_it_does_there(marked: str, mark: Mark, address: str) -> None:
    assert pieces(f"See {marked} now") == [Piece("See "), Piece(marked, mark, address), Piece(" now")]


@given(
    st.text() | st.lists(st.sampled_from(["@acme", "#a", "$A", "a.com", " ", "\n", "javascript:", "("])).map("".join)
)
def test_no_character_is_lost_and_every_address_is_one_of_the_web(text: str) -> None:
    found = pieces(text)
    assert "".join(piece.text for piece in found) == text
    assert [piece for piece in found if piece.mark and not piece.address.startswith(("https://", "http://"))] == []


def test_the_length_is_beside_the_limit() -> None:
    assert post(text="Hi", weight=weigh("Hi"), limit=25_000).length == "2 of 25,000"


def test_the_time_is_stated_in_its_own_zone() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=1), "CET"))
    assert post(at=there).time == "Thursday 26 November 2026, 08:30 CET"
    assert post(at=None).time == "As soon as it is confirmed"


@pytest.mark.parametrize(
    ("settings", "words"),
    [(None, "Everyone can reply"), (ReplySettings.MENTIONED, "Only accounts that @acme mentions")],
)
def test_who_may_reply_is_stated_in_words(settings: ReplySettings | None, words: str) -> None:
    assert post(reply_settings=settings).who_may_reply.startswith(words)


@pytest.mark.parametrize("settings", ReplySettings)
def test_every_reply_setting_has_words(settings: ReplySettings) -> None:
    assert post(part=2, parts=2, reply_settings=settings).who_may_reply


def test_a_later_part_says_nothing_of_replies_unless_it_has_its_own_setting() -> None:
    assert post(part=2, parts=2).who_may_reply == ""


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(5, "5 minutes left"), (1440, "1 day left"), (10_080, "7 days left"), (1501, "1 day 1 hour 1 minute left")],
)
def test_a_poll_says_how_long_it_is_open(minutes: int, words: str) -> None:
    assert poll_ends(minutes) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "image 1200\N{MULTIPLICATION SIGN}800, 85 kB"),
        ({"kind": MediaKind.VIDEO, "width": 0, "size": 8_400_000}, "video, 8.4 MB"),
        ({"kind": MediaKind.GIF, "width": 0, "size": 12}, "GIF, 1 kB"),
    ],
)
def test_a_file_is_stated_in_words(changes: dict[str, Any], words: str) -> None:
    assert attachment(loaded(**changes)).facts == words


@pytest.mark.parametrize("source", ["sun.jpg", "/srv/media/sun.jpg", "https://example.com/a/sun.jpg?size=large"])
def test_a_file_goes_by_its_last_name(source: str) -> None:
    assert file_name(source) == "sun.jpg"


def test_findings_are_under_their_level_with_errors_first() -> None:
    findings = [Finding("info", "a", "One."), Finding("error", "b", "Two."), Finding("info", "c", "Three.")]
    assert by_level(findings) == [Findings("error", ("Two.",)), Findings("info", ("One.", "Three."))]
    assert [found.title for found in by_level(findings)] == ["Error", "Notes"]
