"""The page on which a post is written: saved, analysed, shown while it is typed, changed by two people."""

import re
from datetime import UTC, datetime, time, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pendulum
import pytest
from sqlmodel import select

from campaign.db.engine import read_session, transaction
from campaign.deliveries import planning
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Draft
from models import AuditEntry, Delivery, DeliveryState, Role, Service, ServiceState
from tests.desk_site import Desk, DeskBrowser
from tests.readings import saved_service

NEW = "/desk/posts/new"
PARTIAL = {"hx-request": "true"}


@pytest.fixture
def acme(desk: Desk) -> Service:  # noqa: ARG001
    # Checked today: its analysis asks X nothing.
    return saved_service(state=ServiceState.OK, checked_at=pendulum.now("UTC"))


def press(browser: DeskBrowser, do: str, path: str = NEW, **fields: Any) -> httpx.Response:
    """Press a button of the form, with these texts in it."""
    page = browser.get(path)
    given = {"account": "acme", "text-1": "Hello", "when": "now", "validity": "5", "zone": "UTC", "tracking": "on"}
    return browser.send(page, action=path.split("?", maxsplit=1)[0], do=do, **given | fields)


def type_in(browser: DeskBrowser, do: str, path: str = NEW, **fields: Any) -> str:
    """Type in the form with htmx there; gives the part that takes its place."""
    token = re.findall(r'name="token" value="([^"]+)"', browser.get(path).text)[0]
    given = {"account": "acme", "when": "now", "validity": "5", "zone": "UTC", "do": do, "token": token}
    answer = browser.client.post(path, data=given | fields, headers=PARTIAL)
    assert answer.status_code == 200, answer.text
    assert "<html" not in answer.text
    return unescape(answer.text)


def saved() -> Draft:
    with read_session() as session:
        return deliveries.draft_of(session, session.exec(select(Delivery)).one())


def test_a_post_is_saved_as_it_was_typed(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.WRITER)
    fields: dict[str, Any] = {"text-1": "Two\r\nlines ", "text-2": "More", "reply": "following", "ai": "on"}
    fields |= {"answer-2": ["Tea", "", "Coffee", ""], "poll-minutes-2": "30"}
    answer = press(ann, "save", **fields)
    draft = saved()
    assert [part.text for part in draft.content.parts] == ["Two\nlines ", "More"]
    assert draft.content.parts[1].poll
    assert (draft.content.parts[1].poll.options, draft.content.parts[1].poll.minutes) == (["Tea", "", "Coffee"], 30)
    assert (draft.label, draft.services, draft.content.made_with_ai) == ("Two lines", ["acme"], True)
    page = ann.get(answer.headers["location"]).text
    assert "Two\nlines " in page
    assert "Saved." in page
    with read_session() as session:
        assert session.exec(select(AuditEntry.actor).where(AuditEntry.action == "created")).one() == "ann"


def test_each_account_may_have_a_text_of_its_own(desk: Desk, acme: Service) -> None:
    saved_service(internal_name="Beta", block_id=None)
    ann = desk.person("ann", Role.WRITER)
    own = {"text-1": "For all", "own-1-acme": "For Acme", "own-1-Beta": ""}
    location = press(ann, "save", account=["acme", "Beta"], **own).headers["location"]
    assert saved().content.parts[0].own_texts == {"acme": "For Acme"}
    assert "For Acme" in ann.get(location).text
    # The text of an account that is not ticked stays in the form, and is not saved.
    part = type_in(ann, "update", account="Beta", **own)
    assert 'type="hidden" name="own-1-acme" value="For Acme"' in part
    assert acme.id


def test_a_post_begins_with_the_date_that_was_chosen_in_the_calendar(desk: Desk, acme: Service) -> None:
    assert acme
    page = desk.person("ann", Role.WRITER).get(f"{NEW}?date=2026-12-24&time=09:30").text
    assert 'value="2026-12-24"' in page
    assert 'value="date" checked' in page


def test_the_next_free_slot_becomes_the_date(desk: Desk, acme: Service) -> None:
    ann = desk.person("ann", Role.WRITER)
    answer = press(ann, "save", when="slot")
    assert answer.status_code == 400
    assert "no weekly slots" in answer.text
    with transaction() as session:
        planning.add_slot(session, acme, 3, time(9, 30), "Europe/Brussels", actor="ann", now=pendulum.now("UTC"))
    assert "In the next free slot" in ann.get(NEW).text
    first = press(ann, "save", when="slot").headers["location"].split("/")[3]
    second = press(ann, "save", when="slot").headers["location"].split("/")[3]
    with read_session() as session:
        dates = [deliveries.named(session, name).contact_date for name in (first, second)]
    assert dates[0]
    assert dates[1]
    assert dates[0].astimezone(ZoneInfo("Europe/Brussels")).strftime("%A %H:%M") == "Thursday 09:30"
    assert dates[1] - dates[0] >= timedelta(days=6)


def test_a_session_that_ended_takes_nothing_typed_away(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.WRITER)
    ann.post("/desk/sign-out")
    answer = ann.client.post(NEW, data={"do": "preview", "text-1": "Long work"}, headers=PARTIAL)
    assert answer.status_code == 401
    assert "hx-redirect" not in answer.headers


def test_a_date_counts_in_the_zone_of_the_account(desk: Desk, acme: Service) -> None:
    with transaction() as session:
        session.get_one(Service, acme.id).timezone = "Europe/Brussels"
    ann = desk.person("ann", Role.WRITER)
    assert "Europe/Brussels" in ann.get(NEW).text
    date = {"when": "date", "zone": "Europe/Brussels"}
    location = press(ann, "save", date="2026-12-24", time="09:00", **date).headers["location"]
    assert saved().contact_date == datetime(2026, 12, 24, 8, tzinfo=UTC)
    assert 'value="09:00"' in ann.get(location).text
    # Between two and three o'clock of the night in which clocks are put forward.
    answer = press(ann, "save", location, date="2027-03-28", time="02:30", **date)
    assert answer.status_code == 400
    assert "does not exist in Europe/Brussels" in unescape(answer.text)
    assert 'value="02:30"' in answer.text


def test_all_problems_are_shown_at_once_beside_what_was_typed(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.WRITER)
    wrong = {"account": "none", "text-1": " ", "when": "date", "date": "2026-12-24", "validity": "99", "code": "X-MAS"}
    answer = press(ann, "save", **wrong)
    assert answer.status_code == 400
    for words in ("Choose at least one account", "Write a text", "Choose a date and a time", "from 1 to 60", "X-MAS"):
        assert words in answer.text
    with read_session() as session:
        assert not session.exec(select(Delivery)).all()


def test_preview_length_and_cost_follow_the_typing_and_save_nothing(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.WRITER)
    part = type_in(ann, "preview", **{"text-1": "See https://acme.com/menu by {{ service.label }} <b>now</b>"})
    assert "by Acme <b>now</b>" in part
    assert 'title="https://acme.com/menu"' in part
    assert '<span class="length " id="length-1" hx-swap-oob="true">46 of 280</span>' in part
    assert "Cost: $0.20" in part
    assert 'name="link-label-1"' in part  # the link can be named now
    assert "too many" in type_in(ann, "preview", **{"text-1": "x" * 281})
    assert "cannot be personalised" in type_in(ann, "preview", **{"text-1": "{{ service.nothing }}"})
    with read_session() as session:
        assert not session.exec(select(Delivery)).all()


def test_parts_are_added_and_removed_without_scripts(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.WRITER)
    page = press(ann, "add-part:1", **{"text-1": "One", "text-2": "Two"})
    assert page.status_code == 200
    assert re.findall(r"<textarea[^>]*name=\"text-\d\"[^>]*>\s*(\w*)</textarea>", page.text) == ["One", "", "Two"]
    page = press(ann, "remove-part:1", **{"text-1": "One", "text-2": "Two"})
    assert re.findall(r"<textarea[^>]*name=\"text-\d\"[^>]*>\s*(\w*)</textarea>", page.text) == ["Two"]
    full = {f"text-{number}": "x" for number in range(1, 40)}
    assert press(ann, "add-part:1", **full).text.count("<legend>Part") == 25


def test_a_part_that_is_no_number_changes_nothing(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.WRITER)
    for do in (
        "add-part:x",
        "remove-part:-1",
        "remove-part:99",
        "remove-file:7:library:a",
        "upload:x",
        "library:",
        "?",
    ):
        assert press(ann, do).status_code in {200, 303}, do
    assert press(ann, "use:1:unknown").status_code == 400


def test_links_are_named_and_excepted_from_counting(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.WRITER)
    fields: dict[str, Any] = {"text-1": "https://acme.com/a https://acme.com/b"}
    fields |= {"link": ["https://acme.com/a", "https://acme.com/b"], "link-label-1": "A", "link-tracked-1": "on"}
    location = press(ann, "save", **fields).headers["location"]
    found = {one.url[-1]: (one.label, one.tracked) for one in saved().content.links}
    assert found == {"a": ("A", True), "b": ("", False)}
    assert 'value="A"' in ann.get(location).text


def test_findings_stand_beside_their_fields_and_then_approval_is_asked(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.WRITER)
    location = press(ann, "analyse", **{"text-1": "One", "text-2": "x" * 281}).headers["location"]
    page = unescape(ann.get(location).text)
    assert "One thing has to be corrected" in page
    assert '<a href="#text-2">Part 2 of 2 on @acme weighs 281' in page
    second = page[page.index('id="text-2"') :]
    assert "weighs 281" in second[: second.index("Pictures")]
    assert 'value="ask"' not in page
    answer = press(ann, "analyse", location, **{"text-1": "One"})
    assert 'value="ask"' in ann.get(answer.headers["location"]).text
    name = location.split("/")[3]
    answer = ask_again(ann, location)
    assert answer.headers["location"] == f"/desk/deliveries/{name}"
    with read_session() as session:
        delivery = deliveries.named(session, name)
    assert delivery.state is DeliveryState.ANALYSED
    assert delivery.asked_at


def ask_again(browser: DeskBrowser, location: str) -> httpx.Response:
    draft = saved()
    return press(browser, "ask", location, **{"text-1": draft.content.parts[0].text, "label": draft.label})


def test_asking_after_a_change_analyses_first(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.WRITER)
    location = press(ann, "analyse").headers["location"]
    assert press(ann, "ask", location, **{"text-1": "Another text"}).headers["location"] == location
    assert saved().content.parts[0].text == "Another text"
    assert "It can go out" in ann.get(location).text


def test_an_analysis_is_not_shown_for_a_changed_post(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.WRITER)
    location = press(ann, "analyse").headers["location"]
    assert 'id="outcome"' in ann.get(location).text
    press(ann, "save", location, **{"text-1": "Other"})
    assert 'id="outcome"' not in ann.get(location).text


def test_the_second_of_two_people_sees_both_texts_and_loses_none(desk: Desk, acme: Service) -> None:
    assert acme
    ann, bob = desk.person("ann", Role.WRITER), desk.person("bob", Role.WRITER)
    location = press(ann, "save", label="Menu").headers["location"]
    opened = {"account": "acme", "when": "now", "validity": "5", "zone": "UTC", "do": "save", "label": "Menu"}
    of_bob = bob.get(location)
    assert press(ann, "save", location, **{"text-1": "By Ann", "label": "Menu", "code": "A1"}).status_code == 303
    answer = bob.send(of_bob, action=location, **opened, **{"text-1": "By Bob"})
    assert answer.status_code == 409
    for words in ("Ann changed it while you were writing", "By Ann", "By Bob", "A1"):
        assert words in answer.text
    assert saved().content.parts[0].text == "By Ann"
    # Having seen the other text, Bob saves on purpose.
    assert bob.send(answer, action=location, **opened, **{"text-1": "By both"}).status_code == 303
    assert saved().content.parts[0].text == "By both"


def test_a_template_is_saved_and_new_posts_start_from_it(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.WRITER)
    page = press(ann, "template", **{"template-label": "Our menu", "template-content": "on", "text-1": "Menu of today"})
    assert "The template is saved" in page.text
    assert "Menu of today" in ann.get(f"{NEW}?template=our-menu").text
    again = press(ann, "template", **{"template-label": "Our menu"})
    assert "exists; take another name" in unescape(again.text)
    press(ann, "template", **{"template-label": "Our menu", "template-replace": "on"})
    with read_session() as session:
        assert not deliveries.draft_of_template(deliveries.find_template(session, "our-menu")).content.parts
        subjects = session.exec(select(AuditEntry.subject).where(AuditEntry.action == "saved")).all()
    assert "template our-menu" in subjects
    location = press(ann, "save", f"{NEW}?template=our-menu").headers["location"]
    with read_session() as session:
        assert deliveries.named(session, location.split("/")[3]).template == "our-menu"


def test_a_writer_of_one_account_reaches_nothing_of_another(desk: Desk, acme: Service) -> None:
    beta = saved_service(internal_name="beta", block_id=None)
    both = desk.person("both", Role.WRITER)
    location = press(both, "save", account=["acme", "beta"]).headers["location"]
    press(both, "template", account="beta", **{"template-label": "Of beta"})
    ann = desk.person("ann", {acme.id: Role.WRITER})
    assert "@beta" not in ann.get(NEW).text
    assert "Of beta" not in ann.get(NEW).text
    assert ann.get(f"{NEW}?template=of-beta").status_code == 400
    assert press(ann, "save", account="beta").status_code == 400
    assert ann.get(location).status_code == 403  # it goes to beta, too
    only_beta = press(both, "save", account="beta").headers["location"]
    assert ann.get(only_beta).status_code == 404
    assert beta.id


def test_an_approved_post_that_changes_is_approved_no_more(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.WRITER)
    location = press(ann, "save").headers["location"]
    name = location.split("/")[3]
    with transaction() as session:
        deliveries.named(session, name).state = DeliveryState.CONFIRMED
    assert "It is approved." in ann.get(location).text
    press(ann, "save", location, **{"text-1": "Changed"})
    assert desk.runs.scheduled == [name]  # which deletes the run that waited
    with transaction() as session:
        delivery = deliveries.named(session, name)
        assert delivery.state is DeliveryState.BEING_EDITED
        delivery.state = DeliveryState.FINISHED
    assert ann.get(location).headers["location"] == f"/desk/deliveries/{name}"


def test_without_an_account_the_page_says_what_to_do_first(desk: Desk) -> None:
    ann = desk.person("ann", Role.OPERATOR)
    for path in (NEW, "/desk/deliveries"):
        assert "/desk/accounts/new" in ann.get(path).text
