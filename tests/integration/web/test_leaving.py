"""People take back what they shared: by a personal link, or by signing in with X."""

import re
from decimal import Decimal

import pytest
from sqlmodel import select

from campaign.consent import store as consents
from campaign.contacts import store as contacts
from campaign.db.engine import read_session, transaction
from campaign.db.vault import sign
from campaign.x.types import Profile
from models import EVERY_SERVICE, AgreementState, Charge, Contact, Service, Suppression, SuppressionReason, Visitor
from tests.factories import NOW
from tests.web_visits import Browser, House


@pytest.fixture
def shared(house: House) -> tuple[str, str]:
    """A person who shared the profile, which was recovered: the username, and the personal link to take it back."""
    name = house.follower()
    thanks = house.browser().join(name)
    recover(house)
    (link,) = re.findall(r'href="(/leave\?p=[^"]+)"', thanks.text)
    return name, link


def recover(house: House) -> None:
    with transaction() as session:
        row = consents.lock(session, house.agreements()[0].id)
        assert row
        contact, _ = contacts.save_profile(session, Profile(row.external_id, "ana", "Ana"), [], NOW)
        row.contact_id = contact.id
        row.become(AgreementState.RECOVERED)


def names_known() -> list[str | None]:
    with read_session() as session:
        return list(session.exec(select(Contact.full_name)))


def left(house: House) -> bool:
    """Whether everything of the one person who had shared is gone, and the person is suppressed."""
    (agreement,) = house.agreements()
    with read_session() as session:
        query = select(Suppression).join(Visitor, Visitor.id == Suppression.visitor_id)  # type: ignore[arg-type]
        suppressed = session.exec(query.where(Visitor.external_id == agreement.external_id)).all()
    is_withdrawn = agreement.state is AgreementState.WITHDRAWN
    assert is_withdrawn == bool(suppressed)
    return is_withdrawn and names_known() == [None] and suppressed[0].reason is SuppressionReason.OPT_OUT


def test_opening_a_personal_link_only_asks(house: House, shared: tuple[str, str]) -> None:
    page = house.browser().get(shared[1])
    assert page.status_code == 200
    assert "Stop sharing with" in page.text
    assert not left(house)


def test_the_button_of_a_personal_link_takes_everything_back(house: House, shared: tuple[str, str]) -> None:
    browser = house.browser()
    answer = browser.send(browser.get(shared[1]))
    assert answer.status_code == 200
    assert "It is done" in answer.text
    assert left(house)
    assert "It is done" in browser.send(browser.get(shared[1])).text


def test_a_link_that_is_none_of_ours_takes_nothing_back(house: House, shared: tuple[str, str]) -> None:
    browser, page = house.browser(), house.browser().get(shared[1])
    # The last letter holds bits that mean nothing: a change of two may be none.
    for forged in (shared[1][:-9] + "A" * 9, f"/leave?p={sign('invitation', [1, 2])}", "/leave?p=x"):
        answer = browser.get(forged)
        assert answer.status_code == 400
        assert "not complete" in answer.text
    assert browser.send(page).status_code == 403
    assert not left(house)


def test_who_has_no_link_chooses_a_service_and_signs_in(house: House, shared: tuple[str, str]) -> None:
    browser = house.browser()
    assert 'href="/leave/acme"' in browser.get("/leave").text
    answer = browser.get(back(browser, shared[0]))
    assert "It is done" in answer.text
    assert left(house)
    assert {one["stage"] for one in house.signed_in()[1:]} == {"revoked"}


def test_a_denied_handle_is_suppressed_when_its_person_leaves_elsewhere(house: House) -> None:
    name = other_person(house, "")
    with transaction() as session:
        consents.suppress_handles(session, {name: "asked by letter"}, NOW)
    browser = house.browser()
    assert "It is done" in browser.get(back(browser, name)).text
    with read_session() as session:
        reasons = {(one.service_id, one.reason) for one in session.exec(select(Suppression))}
    assert reasons == {
        (house.service.id, SuppressionReason.OPT_OUT),
        (EVERY_SERVICE, SuppressionReason.DENYLIST),
    }


def back(browser: Browser, name: str) -> str:
    answer = browser.send(browser.get("/leave/acme"))
    assert answer.status_code == 303
    return browser.say_yes(answer.headers["location"], name)


def test_signing_in_as_another_person_takes_nothing_of_this_one_back(house: House, shared: tuple[str, str]) -> None:
    browser = house.browser()
    assert "It is done" in browser.get(back(browser, other_person(house, shared[0]))).text
    assert house.agreements()[0].state is AgreementState.RECOVERED


def test_saying_no_on_x_takes_nothing_back(house: House, shared: tuple[str, str]) -> None:  # noqa: ARG001
    browser = house.browser()
    answer = browser.send(browser.get("/leave/acme"))
    browser.get(browser.say_no(answer.headers["location"]))
    assert not left(house)


def other_person(house: House, name: str) -> str:
    users = house.x.command("GET", "accounts/acme/followers?limit=10")["users"]
    return next(str(user["username"]) for user in users if user["username"] != name)


def test_sign_ins_to_leave_cost_nothing_and_no_cap_prevents_a_withdrawal(house: House, shared: tuple[str, str]) -> None:
    before, calls = charged(), reads_of_people(house)
    name = other_person(house, shared[0])
    for _ in range(25):
        browser = house.browser()
        assert "It is done" in browser.get(back(browser, name)).text
    assert (charged(), reads_of_people(house)) == (before, calls)
    with transaction() as session:
        session.get_one(Service, house.service.id).spend_cap = Decimal("0.001")

    browser = house.browser()

    assert "It is done" in browser.get(back(browser, shared[0])).text
    assert left(house)


def charged() -> Decimal:
    with read_session() as session:
        return sum((charge.amount for charge in session.exec(select(Charge))), Decimal(0))


def reads_of_people(house: House) -> int:
    return len([call for call in house.x.calls() if call["path"] == "/2/users/me"])


def test_the_link_of_a_message_stops_messages_without_x_and_without_money(house: House) -> None:
    with transaction() as session:
        session.get_one(Service, house.service.id).spend_cap = Decimal(0)
    house.x.fault("/2/users/me", "unavailable_before")
    browser = house.browser()
    link = consents.leave_link(house.service, "4711")
    assert "It is done" in browser.send(browser.get(link.removeprefix(house.url))).text
    with read_session() as session:
        (suppression,) = session.exec(select(Suppression)).all()
        assert session.get_one(Visitor, suppression.visitor_id).external_id == "4711"
        assert session.exec(select(Charge)).all() == []
    assert (suppression.reason, suppression.service_id) == (SuppressionReason.OPT_OUT, house.service.id)
    assert house.x.calls() == []
