"""A broadcast written in a real browser: to a segment with a mouse, with keys only, without scripts."""

from collections.abc import Iterator

import pendulum
import pytest
from sqlmodel import select

from campaign.audience import follower_pages
from campaign.audience.sync import synchronise_all
from campaign.db.engine import read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft
from campaign.services.store import find_service
from models import Delivery, DeliveryState, Role, SyncMode
from tests.browsing import NEEDS_CHROMIUM, Window
from tests.databases import Database
from tests.desk_site import Desk, make_person, open_desk, sign_in
from tests.integration.web.test_browser import looks_good
from tests.simulated_x import Connect

pytestmark = NEEDS_CHROMIUM
NEW = "/desk/broadcasts/new"


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    return sqlite_database


@pytest.fixture
def desk(connect: Connect) -> Iterator[Desk]:
    connect("acme", followers=5)
    synchronise_all([find_service("acme")], SyncMode.FULL, "a test", wait=True)
    with transaction() as session:
        follower_pages.save_segment(session, "Known", "username is not empty", "ann", pendulum.now("UTC"))
    with open_desk() as opened:
        make_person("ann", Role.WRITER)
        yield opened


@pytest.fixture
def window(chromium: Window, desk: Desk) -> Window:
    """A window in which Ann is signed in and sees the empty form."""
    chromium.allow_scripts()
    chromium.resize(1_400)
    sign_in(chromium, desk, "ann", NEW)
    chromium.see("New broadcast</h1>")
    return chromium


def choose(window: Window, name: str, value: str) -> None:
    """Chooses from a list, once the page listens to it."""
    of = f"document.getElementById('{name}')"
    window._wait(lambda: bool(window.evaluate(f"Boolean({of} && {of}['htmx-internal-data'])")))
    window.evaluate(f"{of}.value = '{value}'; {of}.dispatchEvent(new Event('change', {{bubbles: true}}))")


def saved() -> tuple[Delivery, Draft]:
    with read_session() as session:
        delivery = session.exec(select(Delivery)).one()
        return delivery, deliveries.draft_of(session, delivery)


def test_a_broadcast_to_a_segment_is_analysed_and_waits_for_approval(window: Window) -> None:
    window.see("5 of 5 people get it")
    window.click("[value=segment]")
    window.see("username is not empty</textarea>")
    window.click('[value="add-row:where"]')
    window.see("where-2-field")
    choose(window, "where-2-field", "followers_count")
    window.see("such as 1000")
    assert not window.has_cut_choice
    choose(window, "where-2-operator", ">")
    window.click("#where-2-value")
    window.write("999999999")
    window.see("The target is empty.")
    window.click('[value="remove-row:where:2"]')
    window.see("5 of 5 people get it")
    window.evaluate("document.querySelector('button[value=people]').focus()")
    window.press("Enter")
    window.see("Recipients of @acme")
    window.click("#text-1")
    window.write("Dear ")
    window.click('[data-insert*="full_name"]')
    window.write(", we open")
    window.see("Reply STOP")
    assert looks_good(window)
    window.resize(1_400)
    window.click("[value=analyse]")
    window.see("It can go out; check")
    window.click("[value=ask]")
    window.arrive("/desk/deliveries/dm-")
    delivery, draft = saved()
    assert delivery.state is DeliveryState.ANALYSED
    assert delivery.asked_at
    assert draft.broadcast.audience.where == "username is not empty"
    assert draft.content.parts[0].text == "Dear {{ visitor.full_name | default('you') }}, we open"


def test_a_count_that_comes_late_changes_no_row(window: Window) -> None:
    window.see("5 of 5 people get it")
    window.click('[value="add-row:where"]')
    window.see("where-1-field")
    field = "document.getElementById('where-1-field')"
    window._wait(lambda: bool(window.evaluate(f"Boolean({field} && {field}['htmx-internal-data'])")))
    change = f"{field}.value = 'followers_count'; {field}.dispatchEvent(new Event('change', {{bubbles: true}}))"
    window.evaluate(f"document.body.dispatchEvent(new Event('audience')); {change}")
    window.see("such as 1000")
    window.see("Correct the audience first")
    choose(window, "where-1-operator", ">")
    window.click("#where-1-value")


def test_a_wrong_condition_is_marked_while_it_is_typed(window: Window) -> None:
    window.see("5 of 5 people get it")
    window.click("#where")
    window.write("followers_count >> 5")
    window.see("<mark>&gt; 5</mark>")
    assert window.evaluate("document.activeElement.id") == "where"
    window.evaluate("document.activeElement.select()")
    window.write("followers_count > 5")
    window.see('<option value="followers_count" selected')


def test_a_broadcast_is_written_without_scripts(window: Window, desk: Desk) -> None:
    window.forbid_scripts()
    window.open(f"{desk.url}{NEW}")
    window.click("[value=segment]")
    window.see("5 of 5 people get it")
    window.click('[value="insert:visitor.username"]')
    window.see("default('you') }}</textarea>")
    window.evaluate("document.querySelector('button[value=people]').focus()")
    window.press("Enter")
    window.see("Recipients of @acme")
    window.click("[value=analyse]")
    window.see("It can go out; check")
    window.click("[value=ask]")
    window.arrive("/desk/deliveries/dm-")
    assert saved()[0].asked_at


def test_a_broadcast_is_written_with_keys_only(window: Window) -> None:
    window.tab_to("[value=segment]")
    window.press("Enter")
    window.see("username is not empty</textarea>")
    window.tab_to("#text-1")
    window.write("We open")
    window.tab_to("[value=analyse]")
    window.press("Enter")
    window.see("It can go out; check")
    window.tab_to("[value=ask]")
    window.press("Enter")
    window.arrive("/desk/deliveries/dm-")
    assert saved()[0].asked_at
