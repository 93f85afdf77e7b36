"""The page of a delivery: what it shows to whom, and what its buttons do."""

import re
from collections.abc import Iterator

import pendulum
import pytest
from sqlmodel import select

from campaign.audience.sync import synchronise_all
from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Broadcast, Content, Draft, Part
from campaign.kinds import kind_of
from campaign.services.store import find_service
from models import Delivery, DeliveryKind, DeliveryState, Message, MessageState, Role, SyncMode
from tests.databases import Database
from tests.desk_site import Desk, DeskBrowser, open_desk
from tests.simulated_x import Connect


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    return sqlite_database


@pytest.fixture
def desk(connect: Connect) -> Iterator[Desk]:
    connect("acme", followers=3)
    with open_desk() as opened:
        yield opened


def post(text: str = "We open today", actor: str = "wim", **changes: object) -> str:
    content = Content(parts=[Part(text=text)])
    draft = Draft(label="Opening", services=["acme"], content=content, tracking=False, **changes)
    return approval.compose(draft, actor=actor).name


def broadcast(actor: str = "wim") -> str:
    synchronise_all([find_service("acme")], SyncMode.FULL, "a test", wait=True)
    content = Content(parts=[Part(text="Hello {{ visitor.full_name | default('there') }}")])
    draft = Draft(
        kind=DeliveryKind.DM, label="News", services=["acme"], content=content, tracking=False, broadcast=Broadcast()
    )
    name = approval.compose(draft, actor=actor).name
    kind_of(name).analyse(name, actor)
    return name


def of(name: str) -> Delivery:
    with read_session() as session:
        return deliveries.named(session, name)


def change_rules(**rules: object) -> None:
    with transaction() as session:
        service = find_service("acme")
        service.sqlmodel_update(rules)
        session.add(service)


def page(browser: DeskBrowser, name: str, more: str = "") -> str:
    answer = browser.get(f"/desk/deliveries/{name}{more}")
    assert answer.status_code == 200, answer.text
    return answer.text


def press(browser: DeskBrowser, name: str, action: str, **fields: str) -> str:
    """Presses a button; returns what is shown then."""
    path = f"/desk/deliveries/{name}"
    answer = browser.send(browser.get(path), action=f"{path}/{action}", **fields)
    if answer.status_code == 303:
        return browser.get(answer.headers["location"]).text
    return answer.text


def test_a_post_is_asked_for_approved_as_shown_and_scheduled(desk: Desk) -> None:
    name, wim, ann = post(), desk.person("wim", Role.WRITER), desk.person("ann", Role.APPROVER)
    assert "It waits for approval now." in press(wim, name, "ask")
    shown = page(ann, name)
    assert "We open today" in shown
    assert shown.index("We open today") < shown.index('name="count"')
    assert "checked" not in shown
    assert "Tick how many go out" in press(ann, name, "approve", comment="Nice")
    assert of(name).state is DeliveryState.ANALYSED
    assert "It goes out by itself." in press(ann, name, "approve", count="1", comment="Nice")
    assert (of(name).state, of(name).confirmed_by) == (DeliveryState.CONFIRMED, "ann")
    assert desk.runs.scheduled == [name]
    assert "Ann</strong> approved it" in page(ann, name)


def test_a_writer_sees_whom_it_waits_for_and_cannot_approve(desk: Desk) -> None:
    name, wim = post(), desk.person("wim", Role.WRITER)
    desk.person("ann", Role.APPROVER)
    shown = press(wim, name, "ask")
    assert "It waits for: Ann, First Operator." in shown
    assert 'name="count"' not in shown
    assert wim.post(f"/desk/deliveries/{name}/approve").status_code == 403


def test_what_changed_after_it_was_shown_is_not_approved(desk: Desk) -> None:
    name, ann = post(), desk.person("ann", Role.APPROVER)
    press(ann, name, "ask")
    seen = ann.get(f"/desk/deliveries/{name}")
    with transaction() as session:
        delivery = deliveries.named(session, name)
        changed = deliveries.draft_of(session, delivery).model_copy(
            update={"content": Content(parts=[Part(text="We close today")])}
        )
        deliveries.change(
            session, delivery, changed, [find_service("acme")], None, actor="wim", now=pendulum.now("UTC")
        )
    kind_of(name).analyse(name, "wim")
    answer = ann.send(seen, action="/approve", count="1")
    assert answer.status_code == 409
    assert "after it was shown to you" in answer.text
    assert of(name).state is DeliveryState.ANALYSED


def test_a_broadcast_names_x_s_rule_and_needs_the_number_ticked_apart(desk: Desk) -> None:
    name, ann = broadcast(), desk.person("ann", Role.APPROVER)
    shown = page(ann, name)
    assert "3 people get it, as shown above" in shown
    assert "I accept that 3 of them never agreed." in shown
    assert "Tick that you accept them" in press(ann, name, "approve", count="3")
    assert of(name).state is DeliveryState.ANALYSED
    press(ann, name, "approve", count="3", unconsented="3")
    assert of(name).state is DeliveryState.CONFIRMED


def test_a_preview_names_no_person_of_an_account_that_may_not_be_seen(desk: Desk, connect: Connect) -> None:
    connect("beta", followers=3)
    synchronise_all([find_service("acme"), find_service("beta")], SyncMode.FULL, "a test", wait=True)
    content = Content(parts=[Part(text="Hello from {{ service.username }}")])
    draft = Draft(kind=DeliveryKind.DM, label="News", services=["acme", "beta"], content=content, tracking=False)
    name = approval.compose(draft, actor="wim").name
    kind_of(name).analyse(name, "wim")
    roles = {"ann": find_service("beta").id, "bo": find_service("acme").id}
    browsers = [desk.person(one, {service_id: Role.VIEWER}) for one, service_id in roles.items()]
    # The three follow both, and get it from the first.
    assert ["Hello from acme" in page(browser, name) for browser in browsers] == [False, True]


def test_two_people_other_than_the_writer_approve(desk: Desk) -> None:
    change_rules(approval_by_another=True, two_approvers_recipients=2)
    name = broadcast()
    wim, ann, bo = (desk.person(one, Role.APPROVER) for one in ("wim", "ann", "bo"))
    assert "wim wrote it; another person has to approve it." in page(wim, name)
    everything = {"count": "3", "unconsented": "3"}
    assert "A second person has to approve it too." in press(ann, name, "approve", **everything)
    assert of(name).state is DeliveryState.ANALYSED
    assert desk.runs.scheduled == []
    assert "ann approved it already" in page(ann, name)
    assert "It goes out by itself." in press(bo, name, "approve", **everything)
    assert of(name).confirmed_by == "ann and bo"


def test_sent_back_it_says_why_and_can_be_edited(desk: Desk) -> None:
    name, ann = post(), desk.person("ann", Role.APPROVER)
    press(ann, name, "ask")
    assert "Write what should change." in press(ann, name, "send-back")
    shown = press(ann, name, "send-back", change="Too short")
    assert "Rejected by ann. Too short" in shown
    assert f"/desk/posts/{name}/edit" in shown
    assert of(name).state is DeliveryState.BEING_EDITED


def test_what_the_analysis_found_has_the_times_of_the_account(desk: Desk) -> None:
    change_rules(timezone="Europe/Amsterdam")
    at = pendulum.datetime(pendulum.now().year + 1, 1, 7, 8, 30, tz="UTC")
    name, wim = post(contact_date=at), desk.person("wim", Role.WRITER)
    press(wim, name, "ask")
    shown = page(wim, name)
    assert f"the first post goes out at {at:%Y-%m-%d} 09:30:00 CET" in shown
    assert "09:30 CET</span>" in shown
    assert "UTC" not in shown


def test_errors_are_named_and_nothing_is_asked(desk: Desk) -> None:
    name, wim = post("x" * 281), desk.person("wim", Role.WRITER)
    shown = press(wim, name, "ask")
    assert "It cannot go out like this yet" in shown
    assert "281" in shown
    assert of(name).asked_at is None


def test_proof_and_withdrawal_are_runs_of_prefect(desk: Desk, connect: Connect) -> None:
    connect("acme_test", proof=True)
    name, ann = post(proof_service="acme_test"), desk.person("ann", Role.APPROVER)
    press(ann, name, "ask")
    press(ann, name, "proof")
    press(ann, name, "approve", count="1")
    kind_of(name).send(name, "a test", wait=True)
    assert of(name).state is DeliveryState.FINISHED
    assert "Tick that they are to be deleted for good." in press(ann, name, "withdraw")
    press(ann, name, "withdraw", sure="yes")
    parameters = {"delivery": name, "post": None}
    assert desk.runs.started == [
        ("post-publication", f"{name} · proof", parameters | {"action": "proof"}),
        ("post-publication", f"{name} · withdraw", parameters | {"action": "withdraw"}),
    ]
    assert "asked to delete it from X" in page(ann, name)


def test_paused_resumed_and_stopped(desk: Desk) -> None:
    name, ann = broadcast(), desk.person("ann", Role.APPROVER)
    press(ann, name, "approve", count="3", unconsented="3")
    assert "Nothing more goes out." in press(ann, name, "pause")
    assert of(name).state is DeliveryState.PAUSED
    press(ann, name, "resume")
    assert of(name).state is DeliveryState.CONFIRMED
    with transaction() as session:
        deliveries.move(
            session, deliveries.named(session, name), DeliveryState.IN_PROGRESS, "a run", pendulum.now("UTC")
        )
    press(ann, name, "pause")
    press(ann, name, "resume")
    assert desk.runs.started == [
        ("dm-broadcast", f"{name} · send", {"delivery": name, "action": "send", "broadcast": None, "like": ""})
    ]
    assert "Tick that it is to be stopped" in press(ann, name, "stop")
    press(ann, name, "stop", sure="yes")
    assert of(name).state is DeliveryState.STOPPED
    assert desk.runs.scheduled == [name] * 5


def test_progress_follows_and_reloads_when_the_state_changes(desk: Desk) -> None:
    name, ann = broadcast(), desk.person("ann", Role.APPROVER)
    press(ann, name, "approve", count="3", unconsented="3")
    shown = page(ann, name)
    [path] = re.findall(r'hx-get="([^"]+progress[^"]*)"', shown)
    same = ann.get(path, **{"hx-request": "true"})
    assert "hx-refresh" not in same.headers
    assert "<strong>3</strong> to go" in same.text
    kind_of(name).send(name, "a test", wait=True)
    over = ann.get(path, **{"hx-request": "true"})
    assert over.headers["hx-refresh"] == "true"
    assert "<strong>3</strong> sent" in over.text
    assert "hx-get" not in over.text


def test_the_log_is_filtered_and_a_spreadsheet(desk: Desk) -> None:
    name, ann = broadcast(), desk.person("ann", Role.APPROVER)
    press(ann, name, "approve", count="3", unconsented="3")
    kind_of(name).send(name, "a test", wait=True)
    log = page(ann, name, "/log?state=sent")
    assert log.count("<tr>") == 4
    leads_to = re.search(r'href="(/desk/people/\d+)">[^<]*@', log)
    assert leads_to
    assert "News" in ann.get(leads_to[1]).text
    assert "Nothing of it is in that state." in page(ann, name, "/log?state=refused")
    file = ann.get(f"/desk/deliveries/{name}/log.csv")
    assert file.headers["content-disposition"].endswith(f'filename="{name}.csv"')
    head, *lines = file.content.decode("utf-8-sig").splitlines()
    assert head == "To,State,Time,Address,Reason"
    assert len(lines) == 3


def test_an_unknown_outcome_is_decided_by_hand(desk: Desk) -> None:
    name, ann = broadcast(), desk.person("ann", Role.APPROVER)
    with transaction() as session:
        delivery = deliveries.named(session, name)
        first = session.exec(select(Message).where(Message.delivery_id == delivery.id)).first()
        assert first
        first.state = MessageState.UNCERTAIN
        number = first.id
    path = f"/desk/deliveries/{name}"
    log = ann.get(f"{path}/log")
    assert "Is it out?" in log.text
    wrong = ann.send(log, action="/settle", outcome="sent", sent="abc")
    assert wrong.status_code == 400
    assert "Invalid id" in wrong.text
    assert ann.send(log, action="/settle", outcome="sent", sent="12345").status_code == 303
    with read_session() as session:
        assert session.get_one(Message, number).x_id == "12345"


def test_without_a_server_the_decision_stays_and_the_page_says_so(desk: Desk) -> None:
    name, ann = post(), desk.person("ann", Role.APPROVER)
    press(ann, name, "ask")
    desk.runs.is_away = True
    assert "No Prefect server runs" in press(ann, name, "approve", count="1")
    assert of(name).state is DeliveryState.CONFIRMED
