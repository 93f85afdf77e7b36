"""Every page of the desk in a real browser: accessible by axe-core, fitting a phone and a desk, light and dark."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from starlette.routing import Route

from campaign.consent import lists
from campaign.db.engine import transaction
from campaign.web.desk import site
from models import DeliveryState, Role, Visitor
from tests.browsing import NEEDS_CHROMIUM, Window, open_browser
from tests.crowds import people
from tests.databases import Database
from tests.desk_site import Desk, open_desk
from tests.factories import NOW
from tests.integration.web.test_desk_today import written
from tests.readings import saved_service

pytestmark = NEEDS_CHROMIUM

AXE = (files("axe_core_python") / "axe.min.js").read_text()
_RUN = """
axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
  .then(found => found.violations.map(one => `${one.id}: ${one.nodes.map(node => node.html.slice(0, 99)).join(" ")}`))
"""


@pytest.fixture
def desk(sqlite_database: Database) -> Iterator[Desk]:  # noqa: ARG001
    acme = saved_service(label="Acme")
    one, *_ = people(2, acme, full_name="Freya-Bauer-Freya-Bauer-Freya-Bauer", location="Amsterdam, the Netherlands")
    with transaction() as session:
        visitor = session.get_one(Visitor, one)
        lists.grant_consent(session, acme, visitor, "She asked for it at the fair in Ghent.", "boss", NOW)
    written("Draft", "acme")
    written("Asks", "acme", DeliveryState.ANALYSED)
    with open_desk() as opened:
        yield opened


@pytest.fixture
def window(tmp_path: Any) -> Iterator[Window]:
    with open_browser(tmp_path / "browser") as found:
        yield found


def addresses() -> list[str]:
    """The pages that a person opens, without those of one thing and without files and parts."""
    routes = [one for one in site.routes() if isinstance(one, Route) and "GET" in (one.methods or ())]
    paths = [one.path for one in routes if "{" not in one.path and hasattr(one.endpoint, "role")]
    return sorted(path for path in paths if not path.endswith((".csv", "/callback")))


def problems(window: Window) -> list[str]:
    window._ask("Runtime.evaluate", expression=AXE)
    found = window._ask("Runtime.evaluate", expression=_RUN, awaitPromise=True, returnByValue=True)
    return list(found["result"]["value"])


def test_every_page_is_accessible_and_fits_its_window(desk: Desk, window: Window) -> None:
    boss = desk.person("boss", Role.OPERATOR)
    window._ask("Network.setCookie", name="desk", value=boss.client.cookies["desk"], url=desk.url)
    pages = [*addresses(), "/desk/accounts/acme", "/desk/people/1", "/desk/reports/service/acme"]
    assert len(pages) > 5
    wrong = {}
    for number, path in enumerate(pages):
        if boss.get(path).headers["content-type"].startswith("text/html"):
            # Every page once, in turns on a phone and a desk, light and dark.
            window.resize(390 if number % 2 else 1_400, dark=number % 4 > 1)
            window.open(desk.url + path)
            found = problems(window)
            if window.is_scrolled_sideways:
                found.append("wider than its window")
            if window.has_cut_table:
                found.append("a table is cut")
            if number % 2 == 0 and window.has_cut_choice:
                found.append("a choice is cut")
            if found:
                wrong[path] = found
    assert wrong == {}
