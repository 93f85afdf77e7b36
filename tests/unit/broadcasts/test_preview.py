"""Broadcasts as Markdown, read the way a browser's reader of Markdown reads it."""

import re
from typing import Any

import pytest
from hypothesis import given

from campaign.broadcasts.preview import preview_of
from campaign.deliveries.draft import Draft, MediaItem, Part
from campaign.deliveries.findings import Analysis, Sample, error
from campaign.reporting.document import Attachment
from campaign.reporting.text import as_markdown
from tests.broadcasting import analysed, broadcast, receiver, same
from tests.unit.posts.test_preview_markdown import FRAME, kinds, tokens
from tests.unit.posts.test_preview_samples import ATTACKS, TEXTS

NAME = "dm-2026-11-26-autumn"
TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
ADDRESSES = (
    "https://evil.example/x",
    "HTTP://evil.example",
    "www.evil.example",
    "me@evil.example",
    "(www.evil.example)",
)
#: What one of Prefect's two UIs makes links of once the Markdown is read.
MADE_A_LINK = re.compile(r"(https?://|www(?=\.))[-.\w]+|[-.\w+]+@[-\w]+(\.[-\w]+)+", re.IGNORECASE)


def sample(why: str = "shortest", **changes: Any) -> Sample:
    defaults = {"why": why, "service": "acme", "handle": "ann", "full_name": "Ann", "text": "Hello Ann"}
    return Sample(**{**defaults, **changes})


def shown(*samples: Sample, draft: Draft | None = None, **options: Any) -> str:
    described = draft or broadcast(label="Autumn")
    return as_markdown(preview_of(NAME, described, analysed(described, receiver(**options), samples=samples)))


@given(TEXTS)
def test_a_strangers_words_are_only_ever_words(text: str) -> None:
    markdown = shown(sample(text=text, full_name=text, handle=text))
    assert kinds(markdown) <= FRAME | TABLE | {"hardbreak", "softbreak"}
    assert "<" not in markdown


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_other_words_are_more_than_words_either(attack: str) -> None:
    part = Part(text=attack, media=[MediaItem(source=attack, alt_text=attack)])
    described = broadcast(part, label=attack)
    analysis = Analysis(findings=[error("x", attack)], excluded={attack: 2})
    markdown = as_markdown(preview_of(attack, described, analysis, [Attachment(attack, attack, attack, b"jpeg")]))
    assert kinds(markdown) <= FRAME | TABLE | {"hardbreak", "softbreak", "image", "em"}
    assert [token.attrs["src"] for token in tokens(markdown) if token.type == "image"] == [
        "data:image/jpeg;base64,anBlZw=="
    ]
    assert "<" not in markdown


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_becomes_a_link(address: str) -> None:
    markdown = shown(sample(text=f"See {address} now", full_name=address), draft=broadcast(address, label=address))
    read = [token.content for token in tokens(markdown) if token.type in {"text", "inline"}]
    assert [words for words in read if MADE_A_LINK.search(words.replace("\\", ""))] == []
    assert address in markdown.replace("\\", "").replace("\N{WORD JOINER}", "")


def test_a_message_is_shown_with_the_person_who_gets_it() -> None:
    markdown = shown(sample(), sample("longest", full_name="Maximilian", text="Hello Maximilian\n\nBye"))
    assert "### The shortest · to Ann, \\@ann · from \\@acme\n\n> Hello Ann\n" in markdown
    assert "### The longest · to Maximilian, \\@ann" in markdown
    assert "> Hello Maximilian\\\n> \N{NO-BREAK SPACE}\\\n> Bye\n" in markdown


def test_one_message_that_is_the_shortest_and_the_longest_is_shown_once() -> None:
    markdown = shown(sample(), sample("longest"), sample("random"))
    assert markdown.count("> Hello Ann") == 1
    assert "### The shortest and the longest and one at random ·" in markdown


def test_where_no_person_gets_it_the_text_is_shown_as_it_was_written() -> None:
    markdown = shown(draft=broadcast("Hello {{ visitor.name }}"), recipients=0)
    assert "this is the text as it was written" in markdown
    assert r"> Hello \{\{ visitor\.name \}\}" in markdown


def test_the_figures_are_in_words() -> None:
    markdown = shown(sample(), recipients=4940, excluded={"opted_out": 2, "not_a_follower": 58}, unconsented=1200)
    assert "**4,940 of 5,000 people get it\\.**" in markdown
    assert "1,200 of them never agreed to be written to\\:" in markdown
    assert "| asked for no more messages | 2 |\n| do not follow any more | 58 |" in markdown
    assert "**Cost\\:** \\$123\\.50" in markdown
    assert re.search(r"\*\*Goes out\\:\*\* from 2026\\-11\\-26 07\\:30 UTC to 2026.*UTC, 3 days 10 hours", markdown)


def test_of_many_waves_the_first_ten_and_the_last_are_shown() -> None:
    markdown = shown(sample(), draft=broadcast(waves=same(10)), recipients=250)
    rows = [line for line in markdown.splitlines() if line.startswith("|") and "acme" in line]
    assert len(rows) == 11
    assert "| 14 more |" in markdown
    assert rows[-1].startswith("| 25 |")


def test_eleven_waves_are_all_shown() -> None:
    markdown = shown(sample(), draft=broadcast(waves=same(10)), recipients=110)
    assert " more |" not in markdown
    assert "| 11 |" in markdown


def test_findings_come_last_with_errors_first() -> None:
    markdown = shown(sample(), blocked_because="X blocks it.")
    assert markdown.index("**Error") < markdown.index("**Note")


def test_a_file_without_a_thumbnail_is_named() -> None:
    part = Part(text="Hi", media=[MediaItem(source="https://example.com/a/film.mp4?x=1")])
    markdown = as_markdown(preview_of(NAME, broadcast(part), Analysis(samples=[sample()])))
    assert r"> film\.mp4: No alternative text" in markdown
    assert "![" not in markdown
