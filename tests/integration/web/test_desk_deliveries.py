"""The list of posts and broadcasts."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from campaign.deliveries import approval
from campaign.deliveries.draft import Content, Draft, Part
from models import DeliveryKind, Role, Service
from tests.databases import Database
from tests.desk_site import Desk, DeskBrowser, open_desk
from tests.readings import saved_service


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:  # noqa: ARG001
    with open_desk() as opened:
        yield opened


@pytest.fixture
def accounts(desk: Desk) -> list[Service]:  # noqa: ARG001
    return [saved_service(), saved_service(internal_name="beta", block_id=None)]


def compose(label: str, text: str = "Hello", *services: str, kind: DeliveryKind = DeliveryKind.POST) -> str:
    draft = Draft(kind=kind, label=label, services=[*(services or ("acme",))], content=Content(parts=[Part(text=text)]))
    return approval.compose(draft, actor="ann").name


def labels(browser: DeskBrowser, **query: Any) -> list[str]:
    page = browser.client.get("/desk/deliveries", params=query).text
    return re.findall(r'<strong dir="auto">([^<]*)</strong>', page)


def test_deliveries_are_filtered_the_newest_first(desk: Desk, accounts: list[Service]) -> None:
    assert accounts
    ann = desk.person("ann", Role.VIEWER)
    compose("One", 'Say "yes" to 100% coffee')
    compose("Two", "Tea\nand milk", "acme", "beta")
    compose("Three", "Hi", "beta", kind=DeliveryKind.DM)
    assert labels(ann) == ["Three", "Two", "One"]
    assert labels(ann, account="beta") == ["Three", "Two"]
    assert labels(ann, kind="dm") == ["Three"]
    assert labels(ann, state="finished") == []
    assert labels(ann, text='"YES" to 100%') == ["One"]
    assert labels(ann, text="tea\nand") == ["Two"]
    assert labels(ann, text="thr", kind="dm", account="beta", state="being_edited") == ["Three"]
    assert labels(ann, text="%") == ["One"]
    assert "Nothing fits the filter" in ann.get("/desk/deliveries?text=nothing").text


def test_a_person_sees_the_deliveries_of_own_accounts(desk: Desk, accounts: list[Service]) -> None:
    acme, _ = accounts
    compose("Mine")
    compose("Both", "Hello", "acme", "beta")
    compose("Theirs", "Hello", "beta")
    ann = desk.person("ann", {acme.id: Role.VIEWER})
    assert labels(ann) == ["Both", "Mine"]
    assert labels(ann, account="beta") == ["Both", "Mine"]  # an account that is not offered filters nothing
    assert "New post" not in ann.get("/desk/deliveries").text


def test_older_ones_are_on_further_pages_with_the_same_filter(desk: Desk, accounts: list[Service]) -> None:
    assert accounts
    ann = desk.person("ann", Role.WRITER)
    for number in range(53):
        compose(f"Post {number} of many")
    page = ann.get("/desk/deliveries?text=of+many").text
    assert len(labels(ann, text="of many")) == 50
    (older,) = re.findall(r'href="(/desk/deliveries\?[^"]+before=\d+)"', page)
    further = ann.get(older.replace("&amp;", "&")).text
    assert re.findall(r"Post (\d) of many</strong>", further) == ["2", "1", "0"]


def test_an_empty_list_says_what_to_do_first(desk: Desk, accounts: list[Service]) -> None:
    assert accounts
    page = desk.person("ann", Role.WRITER).get("/desk/deliveries").text
    assert "Write the first post" in page
    assert "/desk/broadcasts/new" in page


def test_htmx_gets_only_the_rows(desk: Desk, accounts: list[Service]) -> None:
    assert accounts
    compose("<b>One</b>")
    part = desk.person("ann", Role.VIEWER).get("/desk/deliveries", **{"hx-request": "true"}).text
    assert "<html" not in part
    assert "&lt;b&gt;One&lt;/b&gt;" in part
