"""The page on which a post is written."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlmodel import select

from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft
from models import Delivery, Role
from tests.databases import Database
from tests.desk_site import Desk, DeskBrowser, open_desk
from tests.readings import saved_service

NEW = "/desk/posts/new"


@pytest.fixture
def desk(sqlite_database: Database) -> Iterator[Desk]:  # noqa: ARG001
    with open_desk() as opened:
        saved_service()
        yield opened


def write(browser: DeskBrowser, do: str = "save", *, path: str = NEW, **fields: Any) -> httpx.Response:
    """Press a button of the form, with these texts in it."""
    given = {"account": "acme", "text-1": "Hello", "when": "now", "validity": "5", "zone": "UTC", "tracking": "on"}
    return browser.send(browser.get(path), action=path, do=do, **given | fields)


def saved() -> Draft:
    with read_session() as session:
        return deliveries.draft_of(session, session.exec(select(Delivery)).one())


def test_a_post_is_saved_as_it_was_typed(desk: Desk) -> None:
    ann = desk.person("ann", Role.WRITER)
    answer = write(ann, **{"text-1": "Two\r\nlines ", "text-2": "More", "reply": "following", "ai": "on"})
    assert answer.headers["location"].startswith("/desk/posts/post-")
    draft = saved()
    assert [part.text for part in draft.content.parts] == ["Two\nlines ", "More"]
    assert (draft.label, draft.services, draft.content.made_with_ai) == ("Two lines", ["acme"], True)
    page = ann.get(answer.headers["location"]).text
    assert "Two\nlines " in page
    assert "Saved." in page
