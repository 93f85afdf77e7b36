"""The page on which a broadcast is written."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from sqlmodel import col, select

from campaign.audience import follower_pages
from campaign.db.engine import read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Audience, Draft, PlannedWave, SameWaves
from models import Delivery, DeliveryState, Priority, Role, Service, Visitor
from tests import planned
from tests.crowds import do, people, unfollow
from tests.databases import Database
from tests.desk_site import Desk, DeskBrowser, open_desk
from tests.factories import NOW
from tests.readings import saved_service

NEW = "/desk/broadcasts/new"
GIVEN = {
    "account": "acme",
    "text-1": "Hello {{ visitor.full_name }}",
    "when": "now",
    "validity": "5",
    "zone": "UTC",
    "waves": "none",
    "where-join": "and",
    "except-join": "and",
}


@pytest.fixture
def acme(sqlite_database: Database) -> Service:  # noqa: ARG001
    return saved_service(quiet_hours="22:00-08:00", timezone="Europe/Brussels")


@pytest.fixture
def desk(acme: Service) -> Iterator[Desk]:  # noqa: ARG001
    with open_desk() as opened:
        yield opened


@pytest.fixture
def ann(desk: Desk) -> DeskBrowser:
    return desk.person("ann", Role.WRITER)


@pytest.fixture
def crowd(acme: Service) -> list[int]:
    ids = people(30, acme, location="Gent", followers_count=70)
    unfollow(acme, ids[0])
    return ids + people(2, acme, full_name=None)


def write(browser: DeskBrowser, do: str = "save", *, path: str = NEW, files: Any = None, **fields: Any) -> Any:
    """Press a button of the form, with these texts in it."""
    return browser.send(browser.get(path), action=path, do=do, files=files, **GIVEN | fields)


def part(browser: DeskBrowser, do: str, **fields: Any) -> str:
    """Ask for a part of the page, as htmx does."""
    page = browser.get(NEW).text
    token = re.findall(r'name="token" value="([^"]+)"', page)[0]
    where = {"origin": browser.client.base_url.__str__().rstrip("/"), "hx-request": "true"}
    found: httpx.Response = browser.client.post(NEW, data={"token": token, "do": do, **GIVEN, **fields}, headers=where)
    assert found.status_code == 200, found.text
    return found.text


def row(number: int, field: str, operator: str, value: str, prefix: str = "where") -> dict[str, str]:
    names = zip(("field", "operator", "value"), (field, operator, value), strict=True)
    return {f"{prefix}-{name}-{number}": text for name, text in names}


def saved() -> Draft:
    with read_session() as session:
        return deliveries.draft_of(session, session.exec(select(Delivery)).one())


def test_a_broadcast_is_saved_as_it_was_typed(ann: DeskBrowser) -> None:
    fields = {
        **row(1, "followers_count", ">", "1,000"),
        **row(2, "location", "contains", "O'Fallon"),
        **row(1, "verified", "=", "no", "except"),
        "where-join": "or",
        "limit": "500",
        "proofs": "@me, you",
        "waves": "same",
        "wave-amount": "25",
        "wave-unit": "percent",
        "wave-every": "2",
        "wave-every-unit": "hours",
        "priority": "high",
        "invitation": "on",
    }
    answer = write(ann, **fields)
    assert answer.headers["location"].startswith("/desk/broadcasts/dm-"), answer.text
    draft = saved()
    audience = draft.broadcast.audience
    assert audience.where == "followers_count > 1000 or location contains 'O''Fallon'"
    assert (audience.except_where, audience.limit) == ("verified = no", 500)
    assert draft.broadcast.waves.same == SameWaves(amount=25, is_percentage=True, period_seconds=7_200)
    assert draft.broadcast.proof_recipients == ["@me", "you"]
    assert (draft.priority, draft.is_invitation, draft.label) == (Priority.HIGH, True, "Hello")
    page = ann.get(answer.headers["location"]).text
    assert "Saved." in page
    assert 'value="O&#39;Fallon"' in page
    again = re.findall(r'name="wave-every" [^>]*value="([^"]*)"', page)
    assert again == ["2"]


def test_a_calendar_of_waves_has_the_order_of_its_rows(ann: DeskBrowser) -> None:
    fields = {"after-1": "0", "after-unit-1": "hours", "size-1": "10", "unit-1": "percent"}
    fields |= {"after-2": "1", "after-unit-2": "days", "size-2": "50", "unit-2": "people", "size-3": ""}
    write(ann, waves="calendar", **fields)
    assert saved().broadcast.waves.calendar == [
        PlannedWave(amount=10, is_percentage=True),
        PlannedWave(amount=50, after_seconds=86_400),
    ]
    assert 'id="size-5"' in part(ann, "add-waves", waves="calendar", **fields)


def test_what_cannot_be_saved_stands_beside_its_field_with_what_was_typed(ann: DeskBrowser) -> None:
    wrong = {"limit": "5%", "proofs": "not a handle!", "waves": "same", "wave-amount": "", "where": "location ~ 'x'"}
    answer = write(ann, **wrong)
    assert answer.status_code == 400
    page = answer.text
    assert "4 fields have to be corrected; nothing was saved." in page
    assert "&#39;5%&#39; is not a number" in page
    assert "at character 10" in page
    assert "location <mark>~ &#39;x&#39;</mark>" in page
    assert "location ~ &#39;x&#39;</textarea>" in page
    with read_session() as session:
        assert session.exec(select(Delivery)).all() == []
    assert "Choose at least one account." in write(ann, account="").text


def test_rows_and_text_follow_each_other(ann: DeskBrowser) -> None:
    of_rows = part(ann, "count", **row(1, "followers_count", ">", "50"))
    assert 'id="where-written" hx-swap-oob="true"' in of_rows
    assert "followers_count &gt; 50</textarea>" in of_rows
    typed = {"where": "verified and location = 'Gent'", "where-shown": "followers_count > 50"}
    of_text = part(ann, "count", **typed, **row(1, "followers_count", ">", "50"))
    assert 'id="where-rows" hx-swap-oob="true"' in of_text
    assert '<option value="location" selected>' in of_text
    assert 'name="where-shown" value="verified and location = &#39;Gent&#39;"' in of_text
    brackets = part(ann, "count", where="not (verified or consented)")
    assert "This condition has brackets" in brackets
    other_kind = part(ann, "rows", **row(1, "verified", "contains", "Gent"))
    assert '<option value="yes" selected>' in other_kind


def test_rows_are_added_and_removed(ann: DeskBrowser) -> None:
    given = row(1, "followers_count", ">", "50") | row(2, "location", "contains", "Gent")
    page = part(ann, "add-row:where", **given)
    assert 'name="where-field-3"' in page
    page = part(ann, "remove-row:where:1", **given)
    assert "location contains &#39;Gent&#39;</textarea>" in page
    assert 'name="where-field-2"' not in page


def test_people_are_counted_with_the_reasons_of_the_others(ann: DeskBrowser, crowd: list[int]) -> None:
    assert crowd
    counted = part(ann, "count", **row(1, "followers_count", "is empty", ""), limit="1")
    assert "0 of 2 people get it" in counted
    assert "lack a field that the text needs: 2" in counted
    counted = part(ann, "count", **row(1, "location", "contains", "gent"))
    assert "29 of 29 people get it" in counted
    assert "0 agreed, 0 only wrote first, 29 did neither." in counted
    assert "29 people never agreed to messages." in counted
    assert "following is no consent" in counted
    assert "Cost: $0.725" in counted
    assert "Quiet hours of @acme: 22:00 to 08:00 (Europe/Brussels)" in counted
    without_scripts = write(ann, "count", **row(1, "location", "contains", "gent")).text
    assert "29 of 29 people get it" in without_scripts


def test_the_people_are_listed_by_name_and_those_left_out_with_the_reason(ann: DeskBrowser, crowd: list[int]) -> None:
    page = part(ann, "people")
    assert page.count("<li>") == 25
    after = re.findall(r'value="people:(\d+)"', page)[0]
    assert int(after) == crowd[25]
    page = part(ann, f"people:{after}")
    assert re.findall(r"@person_\d+", page) == [f"@person_{number}" for number in range(27, 31)]
    assert "Next ones" not in page
    page = part(ann, "left-out")
    assert "The text needs something that X does not show of the person." in page


def test_the_message_is_shown_as_a_chosen_person_gets_it(ann: DeskBrowser, crowd: list[int]) -> None:
    assert "Hello Person 2" in part(ann, "preview")
    chosen = part(ann, "preview", **{"as": "@person_7"})
    assert "Hello Person 7" in chosen
    assert "Reply STOP to stop these messages." in chosen
    assert "The person is not in the target." in part(ann, "preview", **{"as": "person_1"})
    assert "no visitor" in part(ann, "preview", **{"as": "nobody"})
    assert "cannot be personalised" in part(ann, "preview", **{"as": f"person_{len(crowd)}"})
    do(lambda session: session.execute(update(Visitor).values(full_name="<script>x")))
    assert "<script>x" not in part(ann, "preview")


def test_a_field_is_put_into_the_text_without_scripts(ann: DeskBrowser) -> None:
    page = write(ann, "insert:visitor.location", **{"text-1": "From"}).text
    assert "From {{ visitor.location | default(&#39;you&#39;) }}</textarea>" in page
    assert "evil" not in part(ann, "insert:evil")


def test_a_segment_is_used_and_saved(ann: DeskBrowser) -> None:
    with transaction() as session:
        follower_pages.save_segment(session, "Gent", "location = 'Gent'", "boss", NOW)
    assert "location = &#39;Gent&#39;</textarea>" in part(ann, "segment", segment="Gent")
    assert "location = &#39;Gent&#39;</textarea>" in ann.get(f"{NEW}?segment=Gent").text
    given = row(1, "verified", "=", "yes")
    assert "Saved as Seen." in part(ann, "save-segment", **given, **{"segment-name": "Seen"})
    with read_session() as session:
        assert follower_pages.find_segment(session, "seen").condition == "verified = yes"
    assert "take another name" in part(ann, "save-segment", **given, **{"segment-name": "Gent"})


def test_a_list_is_pasted_or_uploaded_and_read_strictly(ann: DeskBrowser, crowd: list[int]) -> None:
    assert crowd
    file = {"people-file": ("my people.csv", b"Name;Handle\nAnn;person_3\nBob;@person_4\n", "text/csv")}
    write(ann, people="@person_2\nhttps://x.com/person_5", files=file)
    assert saved().broadcast.audience.people == ["@person_2", "person_5", "person_3", "@person_4"]
    wrong = {"people-file": ("my people.csv", b"username\nperson_3\nno handle!\n", "text/csv")}
    answer = write(ann, files=wrong)
    assert answer.status_code == 400
    assert "my people.csv: line 3" in answer.text
    assert "/tmp" not in answer.text
    assert "2 of 3 people get it" in part(ann, "count", people="person_2\nperson_3\nnobody_here")


def test_people_of_other_broadcasts_are_targeted_or_left_out(desk: Desk, ann: DeskBrowser, acme: Service) -> None:
    beta = saved_service(internal_name="beta", block_id=None)
    ours, theirs = planned.broadcast(acme, DeliveryState.FINISHED), planned.broadcast(beta, DeliveryState.FINISHED)
    do(
        lambda session: [
            session.get_one(Delivery, one.id).sqlmodel_update({"started_at": NOW}) for one in (ours, theirs)
        ]
    )
    bob = desk.person("bob", {acme.id: Role.WRITER})
    page = bob.get(NEW).text
    assert ours.name in page
    assert theirs.name not in page
    named: dict[str, Any] = {"recipients-of": theirs.name, "not-if-received": [ours.name, theirs.name]}
    write(bob, **named)
    with read_session() as session:
        newest = session.exec(select(Delivery).order_by(col(Delivery.id).desc())).first()
        assert newest
        audience = deliveries.draft_of(session, newest).broadcast.audience
    assert audience == Audience(not_if_received=[ours.name])
    assert ann.get(NEW).status_code == 200


def test_the_second_of_two_writers_sees_both_versions(desk: Desk, ann: DeskBrowser) -> None:
    path = write(ann, **row(1, "verified", "=", "yes")).headers["location"]
    bob = desk.person("bob", Role.WRITER)
    opened = bob.get(path)
    write(ann, path=path, **{"text-1": "Hi from Ann", **row(1, "location", "=", "Gent")})
    answer = bob.send(opened, action=path, do="save", **GIVEN | {"text-1": "Hi from Bob"})
    assert answer.status_code == 409
    assert "Ann changed it while you were writing" in answer.text
    assert "Hi from Ann" in answer.text
    assert "Hi from Bob</textarea>" in answer.text
    assert '<td dir="auto">location = &#39;Gent&#39;</td>' in answer.text
    assert bob.send(answer, action=path, do="save", **GIVEN | {"text-1": "Hi from Bob"}).status_code == 303
    assert saved().content.parts[0].text == "Hi from Bob"


def test_a_template_keeps_the_audience_and_new_broadcasts_start_from_it(ann: DeskBrowser) -> None:
    given = {**row(1, "location", "=", "Gent"), "template-label": "Gent news", "template-content": "on"}
    assert "The template is saved" in write(ann, "template", **given).text
    with read_session() as session:
        assert (
            deliveries.draft_of_template(deliveries.find_template(session, "gent-news")).broadcast.audience.where
            == "location = 'Gent'"
        )
    page = ann.get(f"{NEW}?template=gent-news").text
    assert "location = &#39;Gent&#39;</textarea>" in page
    assert "gent-news" not in ann.get("/desk/posts/new").text


def test_a_broadcast_is_not_edited_as_a_post_and_keeps_its_account(desk: Desk, ann: DeskBrowser) -> None:
    path = write(ann).headers["location"]
    post = path.replace("broadcasts", "posts")
    assert ann.get(post).headers["location"] == path
    assert ann.send(ann.get(path), action=path, do="save").status_code != 500
    beta = saved_service(internal_name="beta", block_id=None)
    bob = desk.person("bob", {beta.id: Role.WRITER})
    assert bob.get(path).status_code == 404
    assert write(bob).status_code == 400
