"""A broadcast in a terminal, also a narrow one without colours."""

from hypothesis import given
from rich.console import Console

from campaign.broadcasts.preview import preview_of
from campaign.deliveries.draft import MediaItem, Part
from campaign.deliveries.findings import Analysis, Sample
from campaign.reporting.text import print_document
from tests.broadcasting import analysed, broadcast, receiver, same
from tests.unit.posts.test_preview_samples import TEXTS

NAME = "dm-2026-11-26-autumn"


def printed(analysis: Analysis, width: int = 100, text: str = "Hello {{ visitor.name }}", label: str = "Autumn") -> str:
    console = Console(width=width, force_terminal=False, color_system=None)
    part = Part(text=text, media=[MediaItem(source="/srv/sun.jpg", alt_text=label)])
    with console.capture() as captured:
        print_document(preview_of(NAME, broadcast(part, label=label), analysis), console)
    return captured.get()


def sample(text: str = "Hello Ann", full_name: str = "Ann") -> Sample:
    return Sample(why="longest", service="acme", handle="ann", full_name=full_name, text=text)


def test_the_message_and_the_figures_are_shown() -> None:
    described = broadcast(waves=same(10))
    targets = receiver(recipients=250, excluded={"opted_out": 2}, unconsented=7)
    shown = printed(analysed(described, targets, samples=[sample()]))
    for text in ("The longest, to Ann, @ann, from @acme", "Hello Ann", "[sun.jpg] Autumn", "250 of 252 people get it."):
        assert text in shown
    for text in ("7 of them never agreed", "Cost: $6.25", "asked for no more messages", "14 more", "Warning: "):
        assert text in shown


def test_without_recipients_the_text_is_shown_as_it_was_written() -> None:
    assert "Hello {{ visitor.name }}" in printed(Analysis())


@given(TEXTS)
def test_a_narrow_terminal_obeys_no_text(text: str) -> None:
    shown = printed(Analysis(samples=[sample(text, text)]), 40, text, text)
    assert "\x1b" not in shown
