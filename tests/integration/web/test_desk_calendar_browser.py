"""The calendar in a real browser: a series over a clock change, dragging, and moving without scripts."""

from collections.abc import Iterator

import pendulum
import pytest

from campaign.db.engine import transaction
from campaign.deliveries import planning
from campaign.deliveries import store as deliveries
from models import DeliveryState, Every, Role
from tests.browsing import NEEDS_CHROMIUM, Window, open_browser
from tests.databases import Database
from tests.desk_site import Desk, open_desk
from tests.integration.web.test_browser import looks_good
from tests.integration.web.test_desk_calendar import START, of, post
from tests.readings import saved_service

pytestmark = NEEDS_CHROMIUM
BRUSSELS = "Europe/Brussels"
#: As a person drags with the mouse; a browser without a screen passes on no mouse that drags.
_DRAG = """
(() => {{
  const [entry, day] = [document.querySelector(".entry[draggable]"), document.querySelector('[data-day="{day}"] h2')];
  for (const [name, place] of [["dragstart", entry], ["dragover", day], ["drop", day], ["dragend", entry]])
    place.dispatchEvent(new DragEvent(name, {{bubbles: true, cancelable: true}}));
}})()
"""


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    with open_browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture
def desk(sqlite_database: Database, window: Window) -> Iterator[Desk]:
    assert sqlite_database
    with open_desk() as opened:
        saved_service(timezone=BRUSSELS)
        ann = opened.person("ann", Role.WRITER)
        window.go(opened.url)
        window._ask("Network.setCookie", name="desk", value=ann.client.cookies["desk"], url=opened.url)
        window.resize(1400)
        yield opened


def drag_to(window: Window, day: str) -> None:
    window._ask("Runtime.evaluate", expression=_DRAG.format(day=day))


def next_clock_change() -> pendulum.DateTime:
    """The last day before the next change of clocks, in the morning."""
    zone, now = pendulum.timezone(BRUSSELS), START
    days = (now.add(days=number) for number in range(1, 370))
    return next(day for day in days if day.utcoffset() != day.add(days=1).in_timezone(zone).utcoffset())


def test_a_series_keeps_its_local_time_over_a_clock_change(desk: Desk, window: Window) -> None:
    planning.create_series(post("A tip"), Every.WEEK, BRUSSELS, "ann")
    change = next_clock_change()
    shown = []
    for day in (change.subtract(weeks=1), change.add(weeks=1)):
        window.open(f"{desk.url}/desk/calendar?view=week&day={day.date()}")
        window.see("A tip")
        shown.append(window.page.partition('<time datetime="')[2][:25])
    assert [one[11:16] for one in shown] == ["09:00", "09:00"]
    assert shown[0][19:] != shown[1][19:]
    for page in ("calendar", "calendar/slots", "calendar/import"):
        window.open(f"{desk.url}/desk/{page}")
        assert looks_good(window), page


def test_a_draft_is_dragged_and_an_approved_one_says_first_what_that_means(desk: Desk, window: Window) -> None:
    name = post("We open")
    window.open(f"{desk.url}/desk/calendar?day={START.date()}&view=week")
    day = START.add(days=1) if START.day_of_week != pendulum.SUNDAY else START.subtract(days=1)
    drag_to(window, day.to_date_string())
    window.see("It was moved.")
    assert of(name).contact_date == day
    with transaction() as session:
        deliveries.named(session, name).state = DeliveryState.CONFIRMED
    window.open(f"{desk.url}/desk/calendar?day={START.date()}&view=week")
    drag_to(window, START.to_date_string())
    window.see("<details open")
    assert of(name).contact_date == day
    window.press("Enter")  # the button of its form has the focus
    window.see("is a draft again: analyse it")
    assert of(name).contact_date == START


def test_without_scripts_a_form_moves_it(desk: Desk, window: Window) -> None:
    name = post("We open")
    window._ask("Emulation.setScriptExecutionDisabled", value=True)
    window.open(f"{desk.url}/desk/calendar?day={START.date()}&view=week")
    focus(window, ".entry summary")
    window.press("Enter")
    focus(window, ".entry [name=time]")
    for kind in ("keyDown", "keyUp"):  # on the hour
        window._ask("Input.dispatchKeyEvent", type=kind, key="ArrowUp", code="ArrowUp", windowsVirtualKeyCode=38)
    focus(window, ".entry button")
    window.press("Enter")
    window.see("It was moved.")
    assert of(name).contact_date == START.add(hours=1)
    window._ask("Emulation.setScriptExecutionDisabled", value=False)


def focus(window: Window, selector: str) -> None:
    root = window._ask("DOM.getDocument")["root"]["nodeId"]
    window._ask("DOM.focus", nodeId=window._ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"])
