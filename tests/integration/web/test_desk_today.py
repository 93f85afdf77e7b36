"""The first page of the desk."""

from datetime import timedelta
from decimal import Decimal

import pendulum

from campaign.audience import sync
from campaign.consent import store as consent
from campaign.db.engine import transaction
from campaign.deliveries import approval
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import compose
from campaign.deliveries.draft import Content, Draft, Part
from campaign.limits import spend_cap
from campaign.web.desk.runs import Run
from campaign.x.types import USER_READ
from models import Delivery, DeliveryState, Role, SyncMode, SyncState
from tests.desk_site import Desk
from tests.readings import saved_service


def written(label: str, service: str, *states: DeliveryState, in_days: int = 2) -> Delivery:
    now = pendulum.now("UTC")
    content = Content(parts=[Part(text="Hello")])
    date = now + timedelta(days=in_days)
    made = compose(Draft(label=label, services=[service], content=content, contact_date=date), actor="ann")
    for state in states:
        with transaction() as session:
            deliveries.move(session, deliveries.named(session, made.name), state, "ann", now, "X refused a part.")
    return made


def part(page: str, heading: str) -> str:
    """The section of a page under this heading."""
    return page.split(f">{heading}</h2>")[1].split("</section>", maxsplit=1)[0]


def test_an_empty_desk_says_what_to_do_first(desk: Desk) -> None:
    assert 'href="/desk/accounts/new"' in desk.person("boss", Role.OPERATOR).get("/desk").text
    assert "An operator connects accounts" in desk.person("ann", Role.WRITER).get("/desk").text


def test_every_delivery_stands_where_a_person_looks_for_it(desk: Desk) -> None:
    acme = saved_service()
    analysed, confirmed, going = DeliveryState.ANALYSED, DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS
    written("Draft one", "acme")
    written("Asks", "acme", analysed)
    written("Planned", "acme", analysed, confirmed)
    written("Far away", "acme", analysed, confirmed, in_days=30)
    written("Flying", "acme", analysed, confirmed, going)
    written("Broken", "acme", analysed, confirmed, going, DeliveryState.FAILED)
    with transaction() as session:
        consent.record_unclear(session, acme.id, 7, "1", pendulum.now("UTC"))
    page = desk.person("ann", Role.OPERATOR).get("/desk").text
    assert "Asks" in part(page, "Waits for you")
    assert "1 message to @acme may be an opt-out." in part(page, "Waits for you")
    assert "Planned" in part(page, "Goes out this week")
    assert "Far away" not in page
    assert "Flying" in part(page, "Under way")
    assert "X refused a part." in part(page, "Went wrong or stands still")
    assert "Draft one" in part(page, "Drafts")


def test_what_waits_for_a_person_is_what_the_person_can_do(desk: Desk) -> None:
    acme = saved_service()
    ready = written("Ready", "acme", DeliveryState.ANALYSED)
    with transaction() as session:
        consent.record_unclear(session, acme.id, 7, "1", pendulum.now("UTC"))
    wim, ann = desk.person("wim", Role.WRITER), desk.person("ann", Role.APPROVER)
    viewer = desk.person("vic", Role.VIEWER)
    assert "Ask for approval" in part(wim.get("/desk").text, "Waits for you")
    assert "Look and decide" in part(ann.get("/desk").text, "Waits for you")
    assert "Ready for approval" in wim.get(f"/desk/deliveries/{ready.name}").text
    with transaction() as session:
        approval.ask(session, deliveries.named(session, ready.name), "wim", pendulum.now("UTC"))
    assert "Waits for approval" in wim.get(f"/desk/deliveries/{ready.name}").text
    for one in (wim, viewer):
        waiting = part(one.get("/desk").text, "Waits for you")
        assert "button" not in waiting
        assert "Ready" in waiting.split("Waits for other people")[1]
        assert "may be an opt-out" not in waiting


def test_a_person_sees_nothing_of_other_accounts(desk: Desk) -> None:
    acme = saved_service()
    saved_service(internal_name="other", block_id=None)
    written("Secret plan", "other", DeliveryState.ANALYSED)
    page = desk.person("ann", {acme.id: Role.APPROVER}).get("/desk").text
    assert "Secret plan" not in page
    assert "@other" not in page


def test_what_needs_an_operator_stands_on_the_page(desk: Desk) -> None:
    acme, now = saved_service(problems="X rejects the keys.", spend_cap=Decimal(100)), pendulum.now("UTC")
    written("Sale", "acme", DeliveryState.ANALYSED, DeliveryState.CONFIRMED, DeliveryState.PAUSED)
    ann = desk.person("ann", Role.OPERATOR)
    assert "nearly spent" not in ann.get("/desk").text
    with transaction() as session:
        run = sync.resume_reading(session, acme.id, SyncMode.FULL, "a run", now)
        run.state, run.reason = SyncState.FAILED, "A page was lost."
        spend_cap.reserve(session, acme.id, "reading", USER_READ, int(80 / USER_READ.usd), now)
    page = ann.get("/desk").text
    wrong = part(page, "Went wrong or stands still")
    assert all(words in wrong for words in ("Sale", "X rejects the keys.", "A page was lost."))
    assert "nearly spent" in part(page, "Left to spend")


def test_runs_and_their_workers_are_shown(desk: Desk) -> None:
    saved_service()
    desk.runs.runs.append(Run("1", "what is due", "post-publication", "Running", None, "http://prefect.example/1"))
    ann = desk.person("ann", Role.VIEWER)
    page = ann.get("/desk").text
    assert 'href="http://prefect.example/1"' in part(page, "Under way")
    assert "1 worker is online." in part(page, "Worker and schedules")
    assert "Reads who follows the accounts" in part(page, "Worker and schedules")
    desk.runs.workers = 0
    assert "No worker is online" in ann.get("/desk").text
