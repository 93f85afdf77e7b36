"""Posts as Markdown, read the way a browser's reader of Markdown reads it."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from markdown_it import MarkdownIt
from markdown_it.token import Token

from campaign.deliveries.draft import PollContent
from campaign.reporting.text import as_markdown
from campaign.x.types import ReplySettings
from tests.unit.posts.test_preview_samples import ATTACKS, TEXTS, Finding, loaded, post, preview

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
#: What our own frame is made of; a text brings nothing else.
FRAME = {"heading", "blockquote", "paragraph", "strong", "bullet_list", "list_item", "hr", "inline", "text"}
MARKS = {"link", "hardbreak", "softbreak"}


def tokens(markdown: str) -> Iterator[Token]:
    for token in READER.parse(markdown):
        yield token
        yield from token.children or ()


def kinds(markdown: str) -> set[str]:
    return {token.type.removesuffix("_open").removesuffix("_close") for token in tokens(markdown)}


def quoted(text: str) -> str:
    """What a reader sees of a post's text."""
    seen = next(token for token in READER.parse(shown(text=text)) if token.type == "inline" and token.level > 1)
    return "".join("\n" if child.type == "hardbreak" else child.content for child in seen.children or ())


def shown(**changes: Any) -> str:
    return as_markdown(preview(post(**changes)))


@given(TEXTS)
def test_a_text_is_only_ever_text(text: str) -> None:
    markdown = shown(text=text, account_name=text, handle=text)
    assert kinds(markdown) <= FRAME | MARKS
    addresses = [str(token.attrs["href"]) for token in tokens(markdown) if token.type == "link_open"]
    assert [address for address in addresses if not address.startswith(("https://", "http://"))] == []
    assert "<" not in markdown
    assert "](javascript:" not in markdown


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_other_words_are_more_than_words_either(attack: str) -> None:
    file = loaded(alt_text=attack, source=attack)
    poll = PollContent(options=[attack, attack])
    markdown = as_markdown(
        preview(
            post(files=(file,), thumbnails=(b"jpeg",), poll=poll),
            label=attack,
            name=attack,
            findings=(Finding("error", "x", attack),),
        )
    )
    assert kinds(markdown) <= FRAME | MARKS | {"image"}
    assert [token.attrs["src"] for token in tokens(markdown) if token.type == "image"] == [
        "data:image/jpeg;base64,anBlZw=="
    ]
    assert "<" not in markdown


@pytest.mark.parametrize("text", ["One\nTwo", "One\n\n\nTwo", "  indented\n\tand so", "One\r\nTwo", "a  b", *ATTACKS])
def test_a_reader_sees_every_character_on_its_line(text: str) -> None:
    plain = "\n".join(line or " " for line in text.replace("\t", " ").splitlines())
    assert quoted(text).replace("\N{NO-BREAK SPACE}", " ").replace("\N{WORD JOINER}", "") == plain


def test_links_mentions_and_hashtags_are_marked() -> None:
    markdown = shown(text="@acme sells #tea at example.com")
    assert "[@acme](https://x.com/acme) sells [#tea](https://x.com/hashtag/tea)" in markdown
    assert "[example.com](https://example.com)" in markdown


def test_a_mark_needs_no_space_around_it() -> None:
    assert "这(<a href=" in READER.render(shown(text="这(@acme)这"))


def test_the_weight_is_beside_the_limit_with_time_and_replies() -> None:
    markdown = shown(weight=123, reply_settings=ReplySettings.VERIFIED)
    assert "123 of 280 · Only verified accounts" in markdown
    assert r"Thursday 26 November 2026, 07\:30 UTC" in markdown


def test_a_thread_counts_its_parts() -> None:
    assert r"### Acme Coffee · \@acme · part 2 of 3" in shown(part=2, parts=3)


def test_a_file_is_shown_small_and_described() -> None:
    markdown = shown(files=(loaded(),), thumbnails=(b"jpeg",))
    assert "> ![The sun over hills](data:image/jpeg;base64,anBlZw==)\n" in markdown
    assert "85 kB): The sun over hills" in markdown


def test_a_missing_description_is_stated() -> None:
    assert "): No alternative text" in shown(files=(loaded(alt_text=""),))


def test_a_poll_and_a_partnership_are_shown() -> None:
    markdown = shown(text="", poll=PollContent(options=["Tea", "Coffee"]), paid_partnership=True)
    assert "> * Tea\n> * Coffee\n> \n> Poll, 1 day left\n> \n> *Paid partnership*" in markdown


def test_cost_and_findings_come_last_with_errors_first() -> None:
    findings = (Finding("warning", "a", "Look."), Finding("error", "b", "Stop."), Finding("warning", "c", "Look too."))
    markdown = as_markdown(preview(post(), findings=findings))
    assert markdown.endswith(
        "**Cost\\:** \\$0\\.20\n\n**Error**\n\n* Stop\\.\n\n**Warnings**\n\n* Look\\.\n* Look too\\.\n"
    )
