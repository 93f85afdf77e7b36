"""Posts as a page: what is in it, and what can never be."""

from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given

from campaign.deliveries.draft import PollContent
from campaign.reporting.html import as_page
from campaign.x.types import MediaKind, ReplySettings
from tests.unit.posts.test_preview_samples import ATTACKS, TEXTS, Finding, loaded, post, preview

#: The attributes of the page that make a browser fetch or run something.
_FETCHES = {"src", "srcset", "poster", "data", "action", "formaction", "background", "ping"}


class Page(HTMLParser):
    """The tags of a page with their attributes, and its words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def assert_is_harmless(page: str) -> None:
    found = Page(page)
    assert "<script" not in page.lower()
    assert {name for name, _ in found.tags} & {"script", "iframe", "object", "embed", "link", "form", "base"} == set()
    for _, attributes in found.tags:
        assert [name for name in attributes if name.startswith("on")] == []
        assert all(str(attributes[name]).startswith("data:image/") for name in _FETCHES & set(attributes))
    assert all(str(link["href"]).startswith(("https://", "http://", "#account-")) for link in found.all("a"))


@given(TEXTS)
def test_a_text_is_only_ever_text(text: str) -> None:
    assert_is_harmless(as_page(preview(post(text=text, account_name=text, handle=text), label=text)))


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_other_words_are_more_than_words_either(attack: str) -> None:
    file = loaded(alt_text=attack, source=attack, media_type=attack)
    poll = PollContent(options=[attack, attack])
    findings = (Finding("error", "x", attack),)
    view = post(files=(file,), thumbnails=(b"jpeg",), poll=poll)
    assert_is_harmless(as_page(preview(view, name=attack, findings=findings)))


def test_the_page_forbids_itself_to_ask_any_person_anything() -> None:
    policies = [tag["content"] for tag in Page(as_page(preview(post()))).all("meta") if "http-equiv" in tag]
    assert policies == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ]


def test_line_breaks_and_spaces_of_a_text_are_kept() -> None:
    assert '<p class="text" dir="auto">One\n\n  Two</p>' in as_page(preview(post(text="One\n\n  Two")))


def test_a_link_is_shown_as_x_shows_it_and_leads_where_it_should() -> None:
    page = as_page(preview(post(text="See https://www.example.com/winter-roast/today")))
    assert '<a href="https://www.example.com/winter-roast/today" title=' in page
    assert ">example.com/winter-roast/t…</a>" in page


def test_a_file_is_shown_itself_when_it_can_be(tmp_path: Path) -> None:
    path = tmp_path / "sun.png"
    path.write_bytes(b"png")
    file = loaded(path=str(path), size=3, media_type="image/png")
    (picture,) = Page(as_page(preview(post(files=(file,))))).all("img")
    assert picture == {
        "src": "data:image/png;base64,cG5n",
        "alt": "The sun over hills",
        "width": "1200",
        "height": "800",
    }


@pytest.mark.parametrize("changes", [{}, {"size": 5_000_001}, {"media_type": "image/svg+xml"}])
def test_a_file_is_shown_small_when_gone_large_or_no_picture(tmp_path: Path, changes: dict[str, object]) -> None:
    path = tmp_path / "sun.png"
    if changes:
        path.write_bytes(b"png")
    view = post(files=(loaded(path=str(path), **changes),), thumbnails=(b"jpeg",))
    (picture,) = Page(as_page(preview(view))).all("img")
    assert picture["src"] == "data:image/jpeg;base64,anBlZw=="


def test_a_video_is_a_place_with_its_name() -> None:
    page = Page(as_page(preview(post(files=(loaded(kind=MediaKind.VIDEO, source="/srv/roast.mp4"),)))))
    assert page.all("img") == []
    assert "roast.mp4" in page.words


def test_a_missing_description_is_stated() -> None:
    page = Page(as_page(preview(post(files=(loaded(alt_text=""),), thumbnails=(b"jpeg",)))))
    assert "No alternative text" in page.words
    assert [picture["alt"] for picture in page.all("img")] == ["No alternative text"]


def test_poll_partnership_replies_and_length_are_shown() -> None:
    poll = PollContent(options=["Tea", "Coffee"])
    page = as_page(preview(post(weight=123, poll=poll, paid_partnership=True, reply_settings=ReplySettings.VERIFIED)))
    for words in ("Tea", "Coffee", "1 day left", "Paid partnership", "Only verified accounts", "123 of 280"):
        assert words in page


@pytest.mark.parametrize(("weight", "fullness"), [(260, "fits"), (261, "nearly"), (280, "nearly"), (281, "over")])
def test_the_ring_warns_near_the_limit(weight: int, fullness: str) -> None:
    assert f'class="length {fullness}"' in as_page(preview(post(weight=weight)))


def test_posts_of_an_account_are_one_thread_and_accounts_take_turns() -> None:
    views = [post(part=1, parts=2), post(part=2, parts=2), post(handle="acme_de", label="Acme Germany")]
    page = Page(as_page(preview(*views)))
    assert [tag["class"] for tag in page.all("article")] == ["post goes-on", "post", "post"]
    assert [tag["href"] for tag in page.all("a")] == ["#account-1", "#account-2"]


@pytest.mark.parametrize(
    ("name", "initials"), [("Acme Coffee Roasters", "AC"), ("🚀 acme", "A"), ("🚀", "A"), ("أكمي", "أ")]
)
def test_the_circle_has_the_initials(name: str, initials: str) -> None:
    assert initials in Page(as_page(preview(post(account_name=name)))).words


def test_what_the_page_is_made_of_is_installed_with_it() -> None:
    names = {file.name for file in (files("campaign.reporting") / "templates").iterdir()}
    posts = {"page.html.jinja", "post.html.jinja", "icons.html.jinja", "preview.css"}
    assert names >= posts | {"message.html.jinja", "table.html.jinja"}
