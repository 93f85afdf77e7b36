"""The calendar of the desk: what it shows to whom, moving, slots, series and imports."""

from collections.abc import Iterator

import pendulum
import pytest
from sqlmodel import select

from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Content, Draft, Part
from models import Budget, Delivery, DeliveryState, Role, Slot, WindowName
from tests.databases import Database
from tests.desk_site import Desk, DeskBrowser, open_desk
from tests.readings import saved_service

START = pendulum.now("Europe/Brussels").add(days=9).at(9)


@pytest.fixture
def desk(sqlite_database: Database) -> Iterator[Desk]:  # noqa: ARG001
    with open_desk() as opened:
        saved_service(timezone="Europe/Brussels")
        yield opened


def post(text: str = "Hello", *, at: pendulum.DateTime = START, services: tuple[str, ...] = ("acme",)) -> str:
    draft = Draft(label=text, services=list(services), content=Content(parts=[Part(text=text)]), contact_date=at)
    return approval.compose(draft, actor="ann").name


def of(name: str) -> Delivery:
    with read_session() as session:
        return deliveries.named(session, name)


def calendar(browser: DeskBrowser, **query: object) -> str:
    answer = browser.client.get("/desk/calendar", params={"day": START.date(), **query})  # type: ignore[dict-item]
    assert answer.status_code == 200, answer.text
    return answer.text


def move(browser: DeskBrowser, name: str, date: str, time: str = "10:30") -> str:
    page = browser.client.get("/desk/calendar", params={"day": str(START.date())})
    answer = browser.send(page, action=f"/desk/calendar/{name}/move", date=date, time=time)
    return browser.get(answer.headers["location"]).text if answer.status_code == 303 else answer.text


def test_a_month_and_a_week_show_what_is_planned_in_local_time(desk: Desk) -> None:
    ann = desk.person("ann", Role.VIEWER)
    assert "Nothing is planned here" in calendar(ann)
    post("We open")
    for view in ("month", "week"):
        page = calendar(ann, view=view)
        assert "We open" in page
        assert "09:00" in page
        assert "Times are those of Europe/Brussels." in page
        assert (page.count('<li class="day') == 7) is (view == "week")
    assert "/move" not in page


def test_a_viewer_of_one_account_sees_no_other(desk: Desk) -> None:
    other = saved_service(internal_name="other", block_id=None)
    post("A secret")
    post("Ours", services=("other",))
    page = calendar(desk.person("ann", {other.id: Role.WRITER}))
    assert "Ours" in page
    assert "A secret" not in page
    assert "@acme" not in page


def test_a_moved_draft_goes_out_then_and_an_approved_one_is_a_draft_again(desk: Desk) -> None:
    name, ann = post(), desk.person("ann", Role.WRITER)
    there = START.add(days=1)
    assert "It was moved." in move(ann, name, there.to_date_string())
    assert of(name).contact_date == there.at(10, 30)
    with transaction() as session:
        deliveries.named(session, name).state = DeliveryState.CONFIRMED
    assert "moved, it is a draft again" in calendar(ann)
    assert "is a draft again: analyse it" in move(ann, name, START.to_date_string())
    assert of(name).state is DeliveryState.BEING_EDITED
    assert desk.runs.scheduled == [name]


def test_a_wrong_date_is_shown_beside_its_form_and_moves_nothing(desk: Desk) -> None:
    name, ann = post(), desk.person("ann", Role.WRITER)
    assert "That is in the past" in move(ann, name, "2020-01-01")
    assert "Choose a date and a time" in move(ann, name, "")
    assert "does not exist in Europe/Brussels" in move(ann, name, "2032-03-28", "02:30")
    assert of(name).contact_date == START


def test_more_posts_on_a_day_than_x_takes_are_marked(desk: Desk) -> None:
    ann = desk.person("ann", Role.VIEWER)
    with transaction() as session:
        day, endpoint = WindowName.USER_DAY, "POST /2/tweets"
        session.add(Budget(service_id=1, endpoint=endpoint, window=day, limit=1, remaining=1, reset_at=START))
    post("One")
    assert "the rest goes out later" not in calendar(ann)
    post("Two", at=START.add(hours=2))
    assert "2 posts of @acme are planned for this day, and X takes 1 in 24 hours" in calendar(ann)


def test_posts_within_minutes_and_with_the_same_text_are_marked(desk: Desk) -> None:
    ann = desk.person("ann", Role.VIEWER)
    post("One")
    post("Two", at=START.add(minutes=5))
    post("Three", at=START.add(hours=3))
    assert calendar(ann).count("Conflict") == 2
    post("Three", at=START.add(hours=5))
    page = calendar(ann)
    assert page.count("Conflict") == 4
    assert "It says the same as Three within a day" in page


def test_slots_are_added_offered_in_the_form_and_removed(desk: Desk) -> None:
    ann = desk.person("ann", Role.WRITER)
    page = ann.get("/desk/calendar/slots")
    assert "There are no slots yet" in page.text
    add = {"action": "/desk/calendar/slots/add", "service": "acme", "weekday": "Monday"}
    assert ann.send(page, **add, time="25:00").status_code == 400
    assert "is not a time zone" in ann.send(page, **add, time="09:30", zone="Mars").text
    assert ann.send(page, **add, time="09:30").status_code == 303
    assert "already" in ann.send(page, **add, time="09:30").text
    form = ann.get("/desk/posts/new")
    assert "In the next free slot" in form.text
    fields = {"account": "acme", "text-1": "Hello", "when": "slot", "validity": "5", "zone": "Europe/Brussels"}
    assert ann.send(form, action="/desk/posts/new", do="save", **fields).status_code == 303
    with read_session() as session:
        moment = session.exec(select(Delivery.contact_date)).one()
    assert moment
    assert pendulum.instance(moment).in_timezone("Europe/Brussels").format("dddd HH:mm") == "Monday 09:30"
    ann.send(ann.get("/desk/calendar/slots"), action="/desk/calendar/slots/remove")
    with read_session() as session:
        assert session.exec(select(Slot)).all() == []


def test_a_post_is_repeated_asked_for_and_stopped_as_a_series(desk: Desk) -> None:
    name, ann = post("A tip"), desk.person("ann", Role.WRITER)
    slots = "/desk/calendar/slots"
    create = {"action": "/desk/calendar/series/create", "delivery": name, "every": "week"}
    assert "is not after" in ann.send(ann.get(slots), **create, until="2020-01-01").text
    answer = ann.send(ann.get(slots), **create, times="3")
    assert "repeated now" in ann.get(answer.headers["location"]).text
    page = calendar(ann, day=START.add(weeks=2).date())
    assert "A tip" in page
    viewer = desk.person("vic", Role.VIEWER)
    assert "Stop it" not in viewer.get(slots).text
    ann.send(ann.get(slots), action="/desk/calendar/series/stop")
    with read_session() as session:
        assert set(session.exec(select(Delivery.state))) == {DeliveryState.STOPPED}
    assert "Stopped." in ann.get(slots).text


FILE = "accounts,date,time,text\nacme,{day},09:00,One\nacme,{day},09:05,Two\n"


def test_a_file_is_shown_with_what_was_found_then_saved_once(desk: Desk) -> None:
    ann = desk.person("ann", Role.WRITER)
    page, content = ann.get("/desk/calendar/import"), FILE.format(day=START.date())
    shown = ann.send(page, files={"file": ("plan.csv", content.encode(), "text/csv")})
    assert "2 posts of plan.csv" in shown.text
    assert "within minutes of line 3" in shown.text
    with read_session() as session:
        assert session.exec(select(Delivery)).all() == []
    assert ann.send(shown, do="save").status_code == 303
    with read_session() as session:
        assert set(session.exec(select(Delivery.label))) == {"One", "Two"}
    again = ann.send(page, do="save", content=content)
    assert again.status_code == 400
    assert "line 2: it is saved already" in again.text


def test_all_lines_of_a_file_that_cannot_be_used_are_named(desk: Desk) -> None:
    saved_service(internal_name="other", block_id=None)
    ann = desk.person("ann", {1: Role.WRITER})
    rows = ["other,2032-03-28,02:30,Hi,", "acme,2032-03-28,02:30,Hi,no.png", "acme,24/12/2032,09:00,Hi,", "acme,,,,,"]
    answer = ann.send(ann.get("/desk/calendar/import"), content="\n".join(["accounts,date,time,text,picture", *rows]))
    assert answer.status_code == 400
    found = (
        "line 2: there is no account other",
        "line 3: ",
        "does not exist",
        "not in the media",
        "line 4: ",
        "line 5: ",
    )
    for part in found:
        assert part in answer.text, part
