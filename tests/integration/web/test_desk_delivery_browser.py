"""A delivery in a real browser: sent back, edited, approved by two people, paused, resumed, stopped, followed live."""

from collections.abc import Iterator

import pytest

from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.kinds import kind_of
from models import DeliveryState, Role
from tests.browsing import NEEDS_CHROMIUM, Window
from tests.databases import Database
from tests.desk_site import Desk, make_person, open_desk, sign_in
from tests.integration.web.test_browser import looks_good
from tests.integration.web.test_desk_delivery import broadcast, change_rules, of, post
from tests.simulated_x import Connect

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    return sqlite_database


@pytest.fixture
def desk(connect: Connect) -> Iterator[Desk]:
    connect("acme", followers=3)
    with open_desk() as opened:
        for name, role in (("wim", Role.WRITER), ("ann", Role.APPROVER), ("bo", Role.APPROVER)):
            make_person(name, role)
        yield opened


@pytest.fixture
def window(chromium: Window) -> Window:
    chromium.allow_scripts()
    chromium.resize(1_400)
    return chromium


def history(name: str) -> list[tuple[str, str]]:
    with read_session() as session:
        return [(one.actor, one.action) for one in deliveries.audit_of(session, deliveries.named(session, name))]


def test_a_post_is_sent_back_edited_and_approved_by_another_person(window: Window, desk: Desk) -> None:
    change_rules(approval_by_another=True)
    name = post("We open toady")
    page = f"/desk/deliveries/{name}"
    sign_in(window, desk, "wim", page)
    window.click(f'form[action="{page}/ask"] button')
    window.see("It waits for: Ann, Bo, First Operator.")

    sign_in(window, desk, "ann", page)
    window.see("We open toady")
    window.click("#change")
    window.write("today, not toady")
    window.click(f'form[action="{page}/send-back"] button')
    window.see("Rejected by ann. today, not toady")

    sign_in(window, desk, "wim", page)
    window.click(f'a[href="/desk/posts/{name}/edit"]')
    window.see("We open toady")
    window.click("textarea")
    window.evaluate("document.activeElement.select()")
    window.write("We open today")
    window.click("[value=analyse]")
    window.see("It can go out")
    window.click("[value=ask]")
    window.see("waits for approval")

    sign_in(window, desk, "ann", page)
    window.see("We open today")
    window.click("[name=count]")
    window.click(f'form[action="{page}/approve"] button')
    window.see("It goes out by itself.")
    assert (of(name).state, of(name).confirmed_by) == (DeliveryState.CONFIRMED, "ann")
    assert desk.runs.scheduled[-1] == name
    assert ("ann", "confirmed") in history(name)


def test_a_broadcast_approved_by_two_is_paused_resumed_followed_and_stopped(window: Window, desk: Desk) -> None:
    change_rules(two_approvers_recipients=2)
    name = broadcast()
    page = f"/desk/deliveries/{name}"
    for person, answer in (("ann", "A second person has to approve it too."), ("bo", "It goes out by itself.")):
        sign_in(window, desk, person, page)
        assert looks_good(window)
        window.click("[name=count]")
        window.click("[name=unconsented]")
        window.click(f'form[action="{page}/approve"] button')
        window.see(answer)
    assert of(name).confirmed_by == "ann and bo"

    window.click(f'form[action="{page}/pause"] button')
    window.see("Paused. Nothing more goes out.")
    window.click(f'form[action="{page}/resume"] button')
    window.see("Resumed. It goes out by itself.")
    kind_of(name).send(name, "a run", wait=True)
    window.evaluate("htmx.ajax('GET', document.querySelector('#progress').getAttribute('hx-get'), '#progress')")
    window.see("Finished")  # the page was loaded again, as other buttons belong to it
    assert "<strong>3</strong> sent" in window.page

    other = broadcast()
    sign_in(window, desk, "ann", f"/desk/deliveries/{other}")
    window.forbid_scripts()
    window.click("[name=sure]")
    window.click(f'form[action="/desk/deliveries/{other}/stop"] button')
    window.see("Stopped. What was sent stays.")
    assert of(other).state is DeliveryState.STOPPED


def test_the_log_is_readable_narrow_and_wide(window: Window, desk: Desk) -> None:
    name = broadcast()
    sign_in(window, desk, "ann", f"/desk/deliveries/{name}/log")
    assert looks_good(window)
