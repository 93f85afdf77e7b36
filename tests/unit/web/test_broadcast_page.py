"""The page of a broadcast, read the way a browser reads it."""

from pathlib import Path
from typing import Any

from hypothesis import given

from campaign.broadcasts.preview import preview_of
from campaign.deliveries.draft import MediaItem, Part
from campaign.deliveries.findings import Analysis, Sample
from campaign.posts.documents import attachment
from campaign.reporting.html import as_page
from tests.broadcasting import analysed, broadcast, receiver, same
from tests.pictures import picture
from tests.unit.posts.test_preview_samples import TEXTS, loaded
from tests.unit.web.test_preview_page import Page

NAME = "dm-2026-11-26-autumn"


def sample(text: str = "Hello Ann", full_name: str = "Ann") -> Sample:
    return Sample(why="chosen", service="acme", handle="ann", full_name=full_name, text=text)


def as_page_of(*facts: Any) -> str:
    return as_page(preview_of(*facts))


def page_of(*samples: Sample) -> Page:
    described = broadcast(label="Autumn", waves=same(400))
    targets = receiver(recipients=5000, excluded={"opted_out": 60}, unconsented=7)
    return Page(as_page_of(NAME, described, analysed(described, targets, samples=samples)))


def said_by(page: Page) -> str:
    return " ".join(" ".join(page.words).split())


@given(TEXTS)
def test_no_text_becomes_a_part_of_the_page(text: str) -> None:
    harmless = Page(as_page_of(NAME, broadcast(), Analysis(samples=[sample()])))
    attacked = Page(as_page_of(NAME, broadcast(label=text), Analysis(samples=[sample(f"x{text}", text)])))
    assert attacked.all("a") == attacked.all("script") == attacked.all("img") == []
    assert len(attacked.all("article")) == len(harmless.all("article"))


def test_the_page_says_who_gets_what_and_when() -> None:
    words = said_by(page_of(sample()))
    for said in ("Autumn", NAME, "The chosen one", "Ann, @ann", "Hello Ann", "5,000 of 5,060 people get it."):
        assert said in words
    for said in ("7 of them never agreed", "$125.00", "asked for no more messages", "2 more", "2026-11-26 07:30 UTC"):
        assert said in words


def test_without_recipients_the_text_is_shown_as_it_was_written() -> None:
    assert "this is the text as it was written" in said_by(page_of())


def test_an_address_is_marked_and_leads_nowhere() -> None:
    page = page_of(sample("See https://example.com now"))
    assert [tag["class"] for tag in page.all("span") if tag.get("class") == "link"] == ["link"]
    assert page.all("a") == []


def test_the_file_is_in_the_page_itself(tmp_path: Path) -> None:
    path = tmp_path / "sun.png"
    path.write_bytes(picture("PNG"))
    file = loaded(path=str(path), media_type="image/png", size=path.stat().st_size)
    described = broadcast(Part(text="Hi", media=[MediaItem(source=file.source)]))
    shown = Page(as_page_of(NAME, described, Analysis(samples=[sample()]), [attachment(file)]))
    assert [str(tag["src"])[:22] for tag in shown.all("img")] == ["data:image/png;base64,"]
