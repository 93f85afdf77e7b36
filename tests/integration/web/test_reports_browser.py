"""The reports in a real browser, with keys only and without scripts; skipped where there is no Chromium."""

from collections.abc import Iterator

import pytest

from tests.browsing import NEEDS_CHROMIUM, Window, open_browser
from tests.databases import Database
from tests.integration.web.test_browser import looks_good
from tests.reports_site import KEY, open_reports

pytestmark = NEEDS_CHROMIUM
LABEL = "A label that somebody wrote without thinking of telephones, andwithonelongword" + "g" * 40
_DRAWN = "[...document.images].length > 0 && [...document.images].every(each => each.complete && each.naturalWidth > 0)"


@pytest.fixture
def url(sqlite_database: Database) -> Iterator[str]:
    assert sqlite_database
    with open_reports(LABEL) as found:
        yield found


@pytest.fixture
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    with open_browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


def go_to_reports(window: Window, url: str) -> None:
    window._ask("Page.navigate", url=f"{url}/reports")
    window.see("Open the reports")


def log_in(window: Window) -> None:
    window.write(KEY)  # the field for it has the focus
    window.press("Enter")
    window.see("All services")


def test_with_keys_and_without_scripts_to_a_report_and_out_again(url: str, window: Window) -> None:
    window.forbid_scripts()
    window.resize(390)
    go_to_reports(window, url)
    log_in(window)
    window.press("Tab", "Tab", "Tab", "Tab", "Enter")  # the file, the button, the table, the service
    window.see("Best posts")
    window.press("Tab", "Tab", "Tab", "Enter")  # all services, the file, the button
    window.see("Open the reports")
    window._ask("Page.navigate", url=f"{url}/reports/delivery/launch")
    window.see("Open the reports")


def test_every_report_is_readable_in_light_and_dark_narrow_and_wide(url: str, window: Window) -> None:
    go_to_reports(window, url)
    assert looks_good(window)
    log_in(window)
    assert looks_good(window)
    for path in ("service/acme", "delivery/launch"):
        window.open(f"{url}/reports/{path}")
        assert looks_good(window)
        assert window._ask("Runtime.evaluate", expression=_DRAWN)["result"]["value"], path
