"""A post written in a real browser: with few clicks, without scripts, with keys only; skipped without Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pendulum
import pytest
from sqlmodel import select

from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft
from models import Delivery, DeliveryState, Role, ServiceState
from tests.browsing import NEEDS_CHROMIUM, Window
from tests.databases import Database
from tests.desk_site import Desk, make_person, open_desk, sign_in
from tests.integration.web.test_browser import looks_good
from tests.pictures import picture
from tests.readings import saved_service

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def desk(sqlite_database: Database) -> Iterator[Desk]:  # noqa: ARG001
    with open_desk() as opened:
        now = pendulum.now("UTC")
        # Checked today: an analysis asks X nothing.
        saved_service(state=ServiceState.OK, checked_at=now)
        saved_service(internal_name="beta", label="Beta", block_id=None, state=ServiceState.OK, checked_at=now)
        make_person("ann", Role.WRITER)
        yield opened


@pytest.fixture
def window(chromium: Window, desk: Desk) -> Window:
    """A window in which Ann is signed in and sees the empty desk."""
    chromium.allow_scripts()
    chromium.resize(1_400)
    sign_in(chromium, desk, "ann", "/desk")
    chromium.see("Today")
    chromium.clicks = 0
    return chromium


def saved() -> tuple[Delivery, Draft]:
    with read_session() as session:
        delivery = session.exec(select(Delivery)).one()
        return delivery, deliveries.draft_of(session, delivery)


def a_picture(folder: Path) -> Path:
    file = folder / "fox.png"
    file.write_bytes(picture("PNG", (120, 80), "teal"))
    return file


def test_the_first_post_takes_six_clicks_and_no_typed_path(window: Window, tmp_path: Path) -> None:
    window.click('.top a[href="/desk/deliveries"]')
    window.click('main a[href="/desk/posts/new"]')
    window.see("Preview")
    window.write("Fresh beans every morning")  # the text has the focus
    window.see("25 of 280")
    window.choose_files("#upload-1", a_picture(tmp_path))
    window.see("library:fox.png")
    window.click("[name=alt-1]")
    window.write("A fox in a field")
    window.click("[value=analyse]")
    window.see("It can go out")
    window.click("[value=ask]")
    window.arrive("/desk/deliveries/post-")
    assert window.clicks == 6
    delivery, draft = saved()
    assert delivery.state is DeliveryState.ANALYSED
    assert delivery.asked_at
    assert draft.content.parts[0].text == "Fresh beans every morning"
    assert [item.alt_text for item in draft.content.parts[0].media] == ["A fox in a field"]


def test_the_preview_follows_the_typing_and_nothing_typed_is_lost(window: Window, desk: Desk, tmp_path: Path) -> None:
    window.open(f"{desk.url}/desk/posts/new")
    window.write("By {{ service.label }}")
    window.see("By Acme</p>")
    window.click('[name=account][value="beta"]')
    window.see("Only on @beta")
    window.choose_files("#upload-1", a_picture(tmp_path))
    window.see("library:fox.png")
    window.click("[name=alt-1]")
    window.write("A fox")
    window.choose_files("#upload-1", a_picture(tmp_path))  # once more, while something is typed
    window.see("Cost: $0.08")
    assert window.evaluate("document.querySelector('[name=alt-1]').value") == "A fox"
    window.click('[value="add-part:1"]')
    window.await_focus("#text-2")
    window.write("Second part")  # the new part has the focus
    window.see("Second part</p>")
    window.click("#shown-2")
    window.see("By Beta</p>")
    window.click("[value=save]")
    window.see("Saved.")
    assert [part.text for part in saved()[1].content.parts] == ["By {{ service.label }}", "Second part"]


def test_a_post_is_written_without_scripts(window: Window, desk: Desk, tmp_path: Path) -> None:
    window.forbid_scripts()
    window.open(f"{desk.url}/desk/posts/new")
    window.click("#text-1")
    window.write("One")
    window.click('[value="add-part:1"]')
    window.see('name="text-2"')
    window.click("#text-2")
    window.write("Two")
    window.choose_files("#upload-2", a_picture(tmp_path))
    window.click('[value="upload:2"]')
    window.see("library:fox.png")
    window.see("Two</p>")
    window.click("[value=analyse]")
    window.see("It can go out")
    window.click("[value=ask]")
    window.arrive("/desk/deliveries/post-")
    delivery, draft = saved()
    assert delivery.asked_at
    assert [(part.text, len(part.media)) for part in draft.content.parts] == [("One", 0), ("Two", 1)]


def test_a_post_is_written_with_keys_only(window: Window, desk: Desk) -> None:
    window.open(f"{desk.url}/desk/posts/new")
    window.write("One")
    window.tab_to('[value="add-part:1"]')
    window.press("Enter")
    window.await_focus("#text-2")
    window.write("Two")
    window.tab_to("[value=analyse]")
    window.press("Enter")
    window.see("It can go out")
    window.tab_to("[value=ask]")
    window.press("Enter")
    window.arrive("/desk/deliveries/post-")
    assert saved()[0].asked_at


def test_the_pages_are_readable_and_fit_in_light_and_dark_narrow_and_wide(window: Window, desk: Desk) -> None:
    window.open(f"{desk.url}/desk/posts/new")
    window.write("Fresh beans https://acme.com/" + "long" * 60)
    window.click('[name=account][value="beta"]')
    window.see("Only on @beta")
    window.see("link-label-1")
    assert looks_good(window)
    window.click("[value=analyse]")
    window.see("It can go out")
    assert looks_good(window)
    window.open(f"{desk.url}/desk/deliveries")
    assert looks_good(window)
