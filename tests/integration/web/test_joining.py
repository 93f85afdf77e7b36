"""People share their profile: the real pages before a simulated X, with everything that may go wrong on the way."""

import re
import time
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import select

from campaign.consent import store
from campaign.contacts.acquisition import recover_profiles
from campaign.db.engine import read_session, transaction
from campaign.db.vault import sign, sign_for_a_while
from campaign.settings import load_settings
from campaign.web.app import make_site
from models import Agreement, AgreementState, Charge, InvitationOpening, Service
from tests.databases import Database
from tests.factories import NOW
from tests.web_visits import PURPOSE, House, Street, open_house, query_of


def charged() -> Decimal:
    with read_session() as session:
        return sum((charge.amount for charge in session.exec(select(Charge))), Decimal(0))


def openings() -> list[tuple[int, int]]:
    with read_session() as session:
        return [(row.delivery_id, row.visitor_id) for row in session.exec(select(InvitationOpening))]


def change(service: Service, **fields: Any) -> None:
    with transaction() as session:
        row = session.get_one(Service, service.id)
        for name, value in fields.items():
            setattr(row, name, value)


def test_the_start_page_says_who_is_here_and_leads_to_every_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = house.browser().get("/")
    assert closed.status_code == 200
    assert "Acme" in closed.text
    assert 'href="/reports"' not in closed.text
    monkeypatch.setenv("CAMPAIGN_REPORTS_KEY", "a-long-key-of-reports")
    load_settings.cache_clear()
    pages = re.findall(r'href="(/[a-z][^"]*)"', house.browser().get("/").text)
    assert {"/join/acme", "/leave", "/desk", "/reports"} <= set(pages)
    for page in pages:
        assert house.browser().get(page).status_code in {200, 303}, page


def test_the_page_says_who_asks_for_what_and_why_and_no_box_is_ticked(house: House) -> None:
    page = house.browser().get("/join/ACME")
    assert page.status_code == 200
    assert "Acme" in page.text
    assert PURPOSE in page.text
    assert "location, website and picture" in page.text
    assert "email" not in page.text
    assert page.text.count('type="checkbox"') == 2
    assert "checked" not in page.text


def test_a_yes_is_saved_with_what_was_shown_and_the_token(house: House) -> None:
    name = house.follower()
    thanks = house.browser().join(name, sign("invitation", [17, 4]), link="yes")
    assert thanks.status_code == 200
    assert f"@{name}" in thanks.text
    (agreement,), (signed_in,) = house.agreements(), house.signed_in()
    assert agreement.external_id == signed_in["user_id"]
    assert (agreement.state, agreement.delivery_id, agreement.may_link) == (AgreementState.AGREED, 17, True)
    assert PURPOSE in agreement.text
    assert len(agreement.text_version) == 64
    assert set(agreement.scopes.split()) == {"users.read", "tweet.read"}
    assert house.announced == [agreement.id]
    assert house.tokens()[agreement.id].access_token
    assert charged() == Decimal("0.010")


@pytest.mark.parametrize("asks_email", [True, False])
def test_the_address_is_asked_for_only_when_the_service_wants_it(
    street: Street,
    sqlite_database: Database,  # noqa: ARG001
    asks_email: bool,
) -> None:
    with open_house(street, asks_email=asks_email) as house:
        browser = house.browser()
        assert ("email address" in browser.get("/join/acme").text) is asks_email
        browser.join(house.follower())
        assert ("users.email" in house.agreements()[0].scopes) is asks_email


def test_a_service_without_the_keys_of_oauth2_asks_with_oauth1(street: Street, sqlite_database: Database) -> None:  # noqa: ARG001
    with open_house(street, has_oauth2=False, asks_email=True) as house:
        name = house.follower()
        browser = house.browser()
        assert "email address" not in browser.get("/join/acme").text
        thanks = browser.join(name)
        assert f"@{name}" in thanks.text
        assert house.agreements()[0].scopes == "oauth1"
        assert [token.access_token_secret for token in house.tokens().values()] != [""]


def test_without_a_tick_the_form_does_not_lead_to_x(house: House) -> None:
    browser = house.browser()
    answer = browser.send(browser.get("/join/acme"), link="yes")
    assert answer.status_code == 422
    assert "Tick the first box" in answer.text


def test_who_says_no_on_x_shares_nothing(house: House) -> None:
    browser = house.browser()
    page = browser.get(browser.say_no(browser.ask_x()))
    assert page.status_code == 200
    assert "Nothing was shared" in page.text
    assert house.agreements() == []


def test_who_says_no_with_oauth1_shares_nothing(street: Street, sqlite_database: Database) -> None:  # noqa: ARG001
    with open_house(street, has_oauth2=False) as house:
        browser = house.browser()
        assert "Nothing was shared" in browser.get(browser.say_no(browser.ask_x())).text
        assert house.agreements() == []


def test_who_comes_back_twice_is_thanked_again_and_kept_once(house: House) -> None:
    browser = house.browser()
    back = browser.say_yes(browser.ask_x(), house.follower())
    first, second = browser.get(back), browser.get(back)
    assert first.headers["location"] == second.headers["location"] == "/join/acme/thanks"
    assert len(house.agreements()) == 1


def test_the_page_of_thanks_is_for_who_was_there(house: House) -> None:
    house.browser().join(house.follower())
    assert house.browser().get("/join/acme/thanks").status_code == 400


def test_a_code_is_worth_nothing_a_second_time(house: House) -> None:
    browser = house.browser()
    back = browser.say_yes(browser.ask_x(), house.follower())
    kept = dict(browser.cookies)
    browser.get(back)
    again = house.browser()
    again.cookies.update(kept)
    page = again.get(back)
    assert page.status_code == 400
    assert "This sign-in is over" in page.text
    assert len(house.agreements()) == 1
    assert len(house.announced) == 1


@pytest.mark.parametrize("state", ["", "forged", "x" * 5000])
def test_a_forged_state_is_not_ours(house: House, state: str) -> None:
    browser = house.browser()
    code = query_of(browser.say_yes(browser.ask_x(), house.follower()))["code"]
    page = browser.get(f"/join/callback?code={code}&state={state}")
    assert page.status_code == 400
    assert "This is not your sign-in" in page.text
    assert house.agreements() == []


def test_what_was_begun_in_another_browser_is_over_here(house: House) -> None:
    browser = house.browser()
    back = browser.say_yes(browser.ask_x(), house.follower())
    page = house.browser().get(back)
    assert page.status_code == 400
    assert house.agreements() == []


def test_a_changed_cookie_counts_for_nothing(house: House) -> None:
    browser = house.browser()
    back = browser.say_yes(browser.ask_x(), house.follower())
    browser.cookies.set("sign-in", browser.cookies["sign-in"][:-2] + "AA", domain="127.0.0.1")
    other = house.browser()
    other.cookies.set("sign-in", browser.cookies["sign-in"])
    assert other.get(back).status_code == 400
    assert house.agreements() == []


def test_a_sign_in_of_more_than_ten_minutes_ago_is_over(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = {"purpose": "join", "service": "acme", "kept": {"state": "s", "code_verifier": "v"}, "more": {}}
    with monkeypatch.context() as clock:
        clock.setattr("itsdangerous.timed.time.time", lambda: 1_000_000_000)
        old = sign_for_a_while("sign-in", begun)
    browser = house.browser()
    browser.cookies.set("sign-in", old)
    page = browser.get("/join/callback?code=c&state=s")
    assert page.status_code == 400
    assert "more than ten minutes" in page.text


@pytest.mark.parametrize("path", ["/2/oauth2/token", "/2/users/me"])
@pytest.mark.parametrize("kind", ["unavailable_before", "answer_lost"])
def test_while_x_is_away_the_page_says_so_and_nothing_is_saved(house: House, path: str, kind: str) -> None:
    browser = house.browser()
    back = browser.say_yes(browser.ask_x(), house.follower())
    house.x.fault(path, kind, times=1)
    page = browser.get(back)
    house.x.be_well()
    assert page.status_code == 503
    assert "X does not answer" in page.text
    assert house.agreements() == []
    assert (house.tokens(), house.announced) == ({}, [])


def test_above_the_spend_cap_the_form_does_not_lead_to_x(house: House) -> None:
    change(house.service, spend_cap=Decimal("0.005"))
    browser = house.browser()
    answer = browser.send(browser.get("/join/acme"), agree="yes")
    assert answer.status_code == 503
    assert "Not possible just now" in answer.text
    assert charged() == 0


def test_a_cap_reached_meanwhile_ends_the_token(house: House) -> None:
    browser = house.browser()
    back = browser.say_yes(browser.ask_x(), house.follower())
    change(house.service, spend_cap=Decimal("0.005"))
    assert browser.get(back).status_code == 503
    assert house.agreements() == []
    assert [one["stage"] for one in house.signed_in()] == ["revoked"]


def test_a_token_that_cannot_be_saved_is_revoked_and_no_agreement_is_left(house: House) -> None:
    with house.full_vault():
        page = house.browser().join(house.follower())
    assert page.status_code == 500
    assert "nothing was saved" in page.text
    assert house.announced == []
    assert house.agreements() == []
    assert [one["stage"] for one in house.signed_in()] == ["revoked"]


def test_an_invitation_counts_as_opened_once(house: House) -> None:
    browser, link = house.browser(), f"/join/acme?i={sign('invitation', [17, 4])}"
    assert browser.head(link).status_code == 200
    assert browser.get("/join/acme?i=forged").status_code == 200
    assert openings() == []
    browser.get(link)
    browser.get(link)
    while not openings():  # they are noted once the page is out
        time.sleep(0.01)
    assert openings() == [(17, 4)]


def test_a_link_preview_does_not_open_an_invitation(house: House) -> None:
    link = f"/join/acme?i={sign('invitation', [17, 4])}"
    browser = house.browser()
    browser.get(link, **{"user-agent": "Twitterbot/1.0"})
    browser.get(f"/join/acme?i={sign('invitation', [17, 5])}")
    while not openings():
        time.sleep(0.01)
    assert openings() == [(17, 5)]


def test_a_service_that_does_not_exist_has_no_page(house: House) -> None:
    page = house.browser().get("/join/unknown")
    assert page.status_code == 404
    assert "There is no such page" in page.text


def test_the_page_of_a_service_without_a_purpose_is_closed(street: Street, sqlite_database: Database) -> None:  # noqa: ARG001
    with open_house(street, join_purpose="") as house:
        page = house.browser().get("/join/acme")
        assert page.status_code == 503
        assert "Purpose of sharing" in page.text


def test_before_the_real_x_a_page_needs_terms_and_a_privacy_policy(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CAMPAIGN_X_API_URL")
    load_settings.cache_clear()
    page = house.browser().get("/join/acme")
    assert page.status_code == 503
    assert "CAMPAIGN_TERMS_URL" in page.text
    assert "CAMPAIGN_PRIVACY_URL" in page.text
    monkeypatch.setenv("CAMPAIGN_TERMS_URL", "https://acme.example/terms")
    monkeypatch.setenv("CAMPAIGN_PRIVACY_URL", "https://acme.example/privacy")
    load_settings.cache_clear()
    page = house.browser().get("/join/acme")
    assert page.status_code == 200
    assert 'href="https://acme.example/terms"' in page.text
    assert "form-action 'self' https://api.x.com https://x.com" in page.headers["content-security-policy"]


def test_what_x_tells_of_a_person_is_only_ever_text(house: House) -> None:
    script = "<script>alert(1)</script>"
    name = house.follower(name=script)
    thanks = house.browser().join(name)
    assert script not in thanks.text
    assert "&lt;script&gt;" in thanks.text


def test_a_second_yes_after_a_recovered_one_is_a_new_agreement(house: House) -> None:
    name = house.follower()
    house.browser().join(name)
    house.browser().join(name)
    assert len(house.agreements()) == 1
    with transaction() as session:
        session.get_one(Agreement, house.agreements()[0].id).become(AgreementState.RECOVERED)
    house.browser().join(name)
    assert len(house.agreements()) == 2


@pytest.mark.parametrize("leaves_first", [False, True])
def test_a_workflow_that_does_not_start_costs_no_agreement_and_no_token(
    street: Street, house: House, caplog: pytest.LogCaptureFixture, leaves_first: bool
) -> None:
    def find_no_server(_agreement: Agreement) -> None:
        raise ConnectionError("http://127.0.0.1:4200/api")

    street.app = make_site(find_no_server)
    name = house.follower()

    assert f"@{name}" in house.browser().join(name).text

    (agreement,), stages = house.agreements(), [one["stage"] for one in house.signed_in()]
    assert (list(house.tokens()), stages) == ([agreement.id], ["alive"])
    assert f"Agreement {agreement.id} waits for the next schedule (ConnectionError)." in caplog.text
    # The next schedule recovers the profile, unless the person has left, and revokes the token.
    if leaves_first:
        with transaction() as session:
            store.withdraw(session, house.service.id, agreement.external_id, NOW)
    assert recover_profiles().recovered == (0 if leaves_first else 1)
    assert (house.tokens(), [one["stage"] for one in house.signed_in()]) == ({}, ["revoked"])


def test_a_second_yes_that_cannot_be_saved_leaves_the_first_alone(house: House) -> None:
    name = house.follower()
    house.browser().join(name)
    with house.full_vault():
        assert house.browser().join(name).status_code == 500
    assert len(house.agreements()) == 1
    assert sorted(one["stage"] for one in house.signed_in()) == ["alive", "revoked"]


def test_a_person_agrees_five_times_a_day_and_no_more(house: House) -> None:
    name = house.follower()
    pages = [house.browser().join(name) for _ in range(6)]
    assert [page.status_code for page in pages] == [200] * 5 + [429]
    assert "several times today" in pages[-1].text
    assert len(house.agreements()) == 1
    assert len(house.announced) == 5
    assert house.signed_in()[-1]["stage"] == "revoked"


def test_with_oauth1_x_names_the_person_with_the_token_for_free(street: Street, sqlite_database: Database) -> None:  # noqa: ARG001
    with open_house(street, has_oauth2=False) as house:
        name = house.follower()
        assert f"@{name}" in house.browser().join(name).text
        assert house.agreements()[0].external_id == house.signed_in()[0]["user_id"]
        assert charged() == 0


def test_strangers_spend_a_share_of_the_cap_a_day_and_no_more(house: House) -> None:
    change(house.service, spend_cap=Decimal("1.00"))
    waiting = [house.browser() for _ in range(2)]
    backs = [browser.say_yes(browser.ask_x(), house.follower()) for browser in waiting]
    people = house.x.command("GET", "accounts/acme/followers?limit=10")["users"]
    for number in range(4):
        assert house.browser().join(people[number % 2 + 1]["username"]).status_code == 200

    pages = [browser.get(back) for browser, back in zip(waiting, backs, strict=True)]
    answer = (browser := house.browser()).send(browser.get("/join/acme"), agree="yes")

    assert [page.status_code for page in pages] == [303, 503]
    assert (answer.status_code, "Not possible just now" in answer.text) == (503, True)
    assert charged() == Decimal("0.050")


@pytest.mark.parametrize("odd", [{"name": 5}, {"name": ["Ana"]}, {"name": ""}, {"name": "\0"}, {"name": "x" * 5000}])
def test_an_odd_name_does_not_keep_a_person_from_agreeing(house: House, odd: dict[str, Any]) -> None:
    name, browser = house.follower(), house.browser()
    house.x.fault("/2/users/me", "odd_record", put=odd)
    assert f"@{name}" in browser.join(name).text
    assert len(house.agreements()) == len(house.announced) == 1
    assert len(browser.cookies["thanks"]) < 1000


@pytest.mark.parametrize("odd", [{"id": None}, {"id": "12\n"}, {"username": None}, {"username": 5}, {"username": ""}])
def test_a_person_whom_x_does_not_name_leaves_no_agreement_and_no_token(house: House, odd: dict[str, Any]) -> None:
    house.x.fault("/2/users/me", "odd_record", put=odd)
    assert house.browser().join(house.follower()).status_code == 503
    assert house.agreements() == []
    assert [one["stage"] for one in house.signed_in()] == ["revoked"]


def test_a_network_signs_in_twenty_times_an_hour_and_can_leave_all_the_same(house: House) -> None:
    browser = house.browser()
    answers = [browser.send(browser.get("/join/acme"), agree="yes") for _ in range(22)]
    assert [answer.status_code for answer in answers] == [303] * 20 + [429] * 2
    assert "Too many sign-ins" in answers[-1].text
    assert answers[-1].headers["retry-after"] == "3600"
    assert browser.send(browser.get("/leave/acme")).status_code == 303
