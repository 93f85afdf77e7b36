"""The way of a person in a real browser, with keys only and without scripts; skipped where there is no Chromium."""

import re
from collections.abc import Iterator

import pytest

from campaign.db.vault import sign
from models import AgreementState
from tests.browsing import NEEDS_CHROMIUM, Window, open_browser
from tests.web_visits import House

pytestmark = NEEDS_CHROMIUM
#: Of text that is not large, for level AA of WCAG 2.2.
READABLE = 4.5
WIDTHS = (390, 1400)


@pytest.fixture
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    with open_browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


def agree(window: Window, address: str) -> None:
    """Open the page and go to X, by keys: the first box, the second one, the button."""
    window.open(address)
    window.press("Tab", "Space", "Tab", "Tab", "Enter")
    window.see("wants to access your X account")


def looks_good(window: Window) -> bool:
    for width in WIDTHS:
        for dark in (False, True):
            window.resize(width, dark=dark)
            contrast, text = window.least_contrast()
            assert contrast >= READABLE, f"{text}: {contrast:.1f}, {dark=}"
            assert not window.is_scrolled_sideways, f"{width} is too narrow for {window.address}"
            assert not window.has_cut_table, f"{width} is too narrow for a table of {window.address}"
    return True


def test_joining_and_leaving_work_by_keyboard_without_scripts(house: House, window: Window) -> None:
    name = house.follower()
    window.forbid_scripts()
    window.resize(390)
    agree(window, f"{house.url}/join/acme?i={sign('invitation', [17, 4])}")
    window.press("Tab")
    window.write(name)
    window.press("Tab", "Enter")
    window.see("Thank you")
    assert f"@{name}" in window.page
    (agreement,) = house.agreements()
    assert (agreement.state, agreement.delivery_id) == (AgreementState.AGREED, 17)
    assert not agreement.may_link

    window.press("Tab", "Enter")
    window.see("Stop sharing with")
    window.press("Tab", "Enter")
    window.see("It is done")
    assert house.agreements()[0].state is AgreementState.WITHDRAWN


def test_who_says_no_on_x_comes_back_to_a_friendly_page(house: House, window: Window) -> None:
    window.forbid_scripts()
    agree(window, f"{house.url}/join/acme")
    window.press("Tab", "Tab", "Tab", "Enter")
    window.see("Nothing was shared")
    assert house.agreements() == []


def test_without_the_first_box_the_browser_itself_stays_on_the_page(house: House, window: Window) -> None:
    window.open(f"{house.url}/join/acme")
    window.press("Tab", "Tab", "Space", "Tab", "Enter")
    assert window.address.endswith("/join/acme")
    assert house.x.calls() == []


def test_every_page_is_readable_and_fits_in_light_and_dark_narrow_and_wide(house: House, window: Window) -> None:
    house.follower(name="A" * 50)
    leave = sign("leave", [house.service.id, "1"])
    for path in ("/join/acme", "/join/nobody", f"/leave?p={leave}", "/leave/acme", "/leave", "/leave?p=x"):
        window.open(house.url + path)
        assert looks_good(window)
    agree(window, f"{house.url}/join/acme")
    window.press("Tab")
    window.write(house.follower())
    window.press("Tab", "Enter")
    window.see("Thank you")
    assert looks_good(window)


def test_where_the_keyboard_is_can_be_seen(house: House, window: Window) -> None:
    window.resize(390)
    window.open(f"{house.url}/join/acme")
    before = window.picture()
    for _ in range(3):
        window.press("Tab")
        now = window.picture()
        assert now != before
        before = now


def test_the_browser_keeps_our_policy_and_runs_nothing_of_a_person(house: House, window: Window) -> None:
    house.follower(name='"><img src=x onerror=document.title=1><script>document.title=2</script>')
    agree(window, f"{house.url}/join/acme")
    window.press("Tab")
    window.write(house.follower())
    window.press("Tab", "Enter")
    window.see("Thank you")
    assert re.search(r"<title>Thank you</title>", window.page)
    assert "<img" not in window.page
