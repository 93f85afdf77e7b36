"""Posts in a terminal, also a narrow one without colours."""

from io import BytesIO, TextIOWrapper
from typing import Any

import pytest
from hypothesis import given
from rich.console import Console

from campaign.deliveries.draft import PollContent
from campaign.reporting.text import print_document
from tests.unit.posts.test_preview_samples import TEXTS, Finding, loaded, post, preview


def printed(width: int = 80, findings: tuple[Finding, ...] = (), *, colours: bool = False, **changes: Any) -> str:
    console = Console(width=width, force_terminal=colours, color_system="truecolor" if colours else None)
    with console.capture() as captured:
        print_document(preview(post(**changes), findings=findings), console)
    return captured.get()


def test_a_post_is_in_a_frame_with_its_account() -> None:
    shown = printed(text="Autumn is here", part=2, parts=3)
    assert "─ Acme Coffee @acme 2/3 ─" in shown
    assert "│ Autumn is here" in shown
    assert "Cost: $0.20\n" in shown


def test_links_mentions_and_hashtags_have_a_colour() -> None:
    shown = printed(text="@acme #tea https://example.com", colours=True)
    assert "\x1b[36m@acme\x1b[0m \x1b[36m#tea\x1b[0m \x1b[4;34mhttps://example.com\x1b[0m" in shown


@pytest.mark.parametrize(
    ("weight", "bar"),
    [(0, "□" * 10 + " 0 of 280"), (1, "■□□"), (280, "■" * 10 + " 280 of 280"), (300, "280, too long")],
)
def test_the_length_is_a_bar(weight: int, bar: str) -> None:
    assert bar in printed(weight=weight)


def test_a_file_is_its_facts_and_its_description() -> None:
    shown = printed(files=(loaded(), loaded(alt_text="")))
    assert "[image 1200\N{MULTIPLICATION SIGN}800, 85 kB] The sun over hills" in shown
    assert "85 kB] No alternative text" in shown


def test_a_poll_and_a_partnership_are_shown() -> None:
    shown = printed(poll=PollContent(options=["Tea", "Coffee"]), paid_partnership=True)
    for words in ("( ) Tea", "( ) Coffee", "Poll, 1 day left", "Paid partnership", "Everyone can reply"):
        assert words in shown


def test_findings_come_last_with_errors_first() -> None:
    shown = printed(findings=(Finding("info", "a", "Look."), Finding("error", "b", "Stop.")))
    assert shown.endswith("Error: Stop.\nNote: Look.\n")


@given(TEXTS)
def test_a_narrow_terminal_without_colours_is_wide_enough_and_obeys_no_text(text: str) -> None:
    shown = printed(40, text=text, account_name=text, files=(loaded(alt_text=text),))
    assert "\x1b" not in shown
    assert "╰" + "─" * 38 + "╯\n" in shown


def test_markup_of_the_terminal_is_shown_as_it_is() -> None:
    assert "[red]Sale[/red] :smile:" in printed(text="[red]Sale[/red] :smile:")


def test_a_terminal_of_ascii_gets_ascii() -> None:
    stream = TextIOWrapper(BytesIO(), encoding="ascii")
    print_document(preview(post(weight=140)), Console(file=stream, width=40))
    stream.seek(0)
    shown = stream.read()
    assert "#####----- 140 of 280" in shown
    assert "+- Acme Coffee @acme -" in shown
