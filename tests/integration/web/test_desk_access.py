"""Who gets into the desk, and to which pages."""

import re
from itertools import product

import pytest
from sqlmodel import select
from starlette.routing import Route

from campaign.db.engine import read_session, transaction
from campaign.users import store as users
from campaign.web.desk import site
from models import EVERY_SERVICE, AuditEntry, Role, UserSession
from tests.desk_site import PASSWORD, Desk, DeskBrowser, make_person
from tests.factories import NOW
from tests.readings import saved_service

PUBLIC = {"/desk/static/{name}", "/desk/sign-in", "/desk/sign-out", "/desk/welcome/{link}"}
PUBLIC |= {"/desk/sign-in/oidc", "/desk/sign-in/oidc/callback"}


def pages() -> list[Route]:
    return [route for route in site.routes() if route.path not in PUBLIC]


def address(route: Route, service: str = "acme") -> str:
    return re.sub(r"\{[^}]+\}", "1", route.path.replace("{service}", service))


def test_every_page_sends_strangers_to_the_sign_in(desk: Desk) -> None:
    stranger = desk.browser()
    for route in pages():
        for method in route.methods or ():
            answer = stranger.client.request(method, address(route))
            assert answer.status_code == 303, route.path
            assert answer.headers["location"].startswith("/desk/sign-in?to=/desk"), route.path


def test_every_page_needs_its_role_and_the_token_of_the_session(desk: Desk) -> None:
    saved_service()
    people = {role: desk.person(role.value, role) for role in Role}
    nobody = desk.person("none", {})
    for route, (role, browser) in product(pages(), [*people.items(), (None, nobody)]):
        needed: Role = route.endpoint.role  # type: ignore[attr-defined]
        for method in (route.methods or set()) - {"HEAD"}:
            answer = browser.client.request(method, address(route))
            if method == "POST" and answer.status_code == 404:
                assert "{" in route.path, route.path  # there is no delivery of that name
            elif method == "POST":  # without the token of a form of ours
                assert answer.status_code == 403, (route.path, role)
            elif role is None or not role.includes(needed):
                assert answer.status_code in {403, 404}, (route.path, role)
            else:
                assert answer.status_code != 403, (route.path, role)


def test_a_role_for_one_service_opens_no_page_of_another(desk: Desk) -> None:
    acme, other = saved_service(), saved_service(internal_name="other", block_id=None)
    ann = desk.person("ann", {acme.id: Role.OPERATOR})
    for route in pages():
        if "{service}" in route.path and "GET" in (route.methods or ()):
            assert ann.get(address(route, other.internal_name)).status_code == 404, route.path


def test_wrong_passwords_open_nothing_and_are_limited(desk: Desk) -> None:
    make_person("ann", Role.WRITER)
    browser = desk.browser()
    answers = [browser.sign_in("ann", "wrong password").status_code for _ in range(10)]
    assert answers == [403] * 10
    assert browser.sign_in("ann", PASSWORD).status_code == 429
    with read_session() as session:
        entries = session.exec(select(AuditEntry.action).where(AuditEntry.subject == "user ann")).all()
    assert list(entries) == ["wrong password"] * 10


def test_a_copied_cookie_opens_nothing_after_signing_out(desk: Desk) -> None:
    ann = desk.person("ann", Role.VIEWER)
    thief = desk.browser()
    thief.client.cookies.update(ann.client.cookies)
    assert thief.get("/desk").status_code == 200
    ann.post("/desk/sign-out")
    assert thief.get("/desk").status_code == 303


def test_the_database_holds_no_cookie_and_no_password(desk: Desk) -> None:
    ann = desk.person("ann", Role.VIEWER)
    cookie = ann.client.cookies["desk"]
    with read_session() as session:
        found = session.exec(select(UserSession)).one()
        user = users.find_user(session, "ann")
    assert found.token_hash not in cookie
    assert PASSWORD not in user.password_hash
    assert user.password_hash.startswith("$argon2id$")


def test_a_one_time_link_works_once(desk: Desk) -> None:
    with transaction() as session:
        user = users.add_user(session, "Ann@Example.com", "Ann", {EVERY_SERVICE: Role.OPERATOR}, NOW)
        link = users.one_time_link(user)
    browser = desk.browser()
    page = browser.get(link)
    assert "ann@example.com" in page.text
    assert "differ" in browser.send(page, password=PASSWORD, again="another password").text
    assert "at least 12" in browser.send(page, password="short", again="short").text
    assert browser.send(page, password=PASSWORD, again=PASSWORD).headers["location"] == "/desk"
    assert browser.get("/desk").status_code == 200
    assert desk.browser().get(link).status_code == 410


def test_a_new_password_ends_all_sessions(desk: Desk) -> None:
    ann = desk.person("ann", Role.VIEWER)
    elsewhere = desk.browser()
    elsewhere.sign_in("ann", PASSWORD)
    page = ann.get("/desk/me")
    assert ann.send(page, old="wrong", password="another password").status_code == 400
    assert ann.send(page, old=PASSWORD, password="another password").status_code == 303
    assert [one.get("/desk").status_code for one in (ann, elsewhere)] == [303, 303]


def test_pages_are_in_the_language_of_the_person(desk: Desk) -> None:
    ann = desk.person("ann", Role.VIEWER)
    assert '<html lang="nl">' in ann.get("/desk", **{"accept-language": "nl-BE,nl;q=0.9,en;q=0.5"}).text
    assert "Vandaag" in ann.get("/desk", **{"accept-language": "nl"}).text
    ann.send(ann.get("/desk/me"), language="en")
    assert "Today" in ann.get("/desk", **{"accept-language": "nl"}).text


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/desk//evil.example", "/reports", "/desk\\x"]
)
def test_signing_in_leads_to_a_page_of_the_desk(desk: Desk, to: str) -> None:
    make_person("ann", Role.VIEWER)
    browser: DeskBrowser = desk.browser()
    answer = browser.send(browser.get("/desk/sign-in"), to=to, name="ann", password=PASSWORD)
    assert answer.headers["location"] == "/desk"
