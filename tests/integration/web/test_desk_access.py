"""Who gets into the desk, and to which pages."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from itertools import product

import pendulum
import pytest
from sqlmodel import select
from starlette.routing import Route

from campaign.cli.server import first_link
from campaign.consent import store as consent
from campaign.db import engine as schema
from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval, planning
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Content, Draft, Part
from campaign.settings import load_settings
from campaign.users import store as users
from campaign.web.desk import site
from models import EVERY_SERVICE, AuditEntry, DeliveryKind, Every, MessageState, Role, UserSession
from tests.crowds import people
from tests.databases import Database, unreachable
from tests.desk_site import PASSWORD, Desk, DeskBrowser, make_person, open_desk
from tests.factories import NOW
from tests.planned import message_to
from tests.readings import saved_service

TOMORROW = pendulum.now("UTC").add(days=1)
PUBLIC = {"/desk/static/{name}", "/desk/sign-in", "/desk/sign-out", "/desk/welcome/{link}"}
PUBLIC |= {"/desk/sign-in/oidc", "/desk/sign-in/oidc/callback"}


def pages() -> list[Route]:
    return [route for route in site.routes() if route.path not in PUBLIC]


def address(route: Route, **names: str) -> str:
    return re.sub(r"\{([^}]+)\}", lambda found: names.get(found[1], "1"), route.path)


def a_post(service: str) -> str:
    content = Content(parts=[Part(text=f"News of {service}")])
    draft = Draft(label=f"Label of {service}", services=[service], content=content, contact_date=TOMORROW)
    return approval.compose(draft, actor="wim").name


def token_of(browser: DeskBrowser) -> str:
    found = re.search(r'name="token" value="([^"]+)"', browser.get("/desk/me").text)
    return found[1] if found else ""


def test_every_page_sends_strangers_to_the_sign_in(desk: Desk) -> None:
    stranger = desk.browser()
    for route in pages():
        for method in route.methods or ():
            answer = stranger.client.request(method, address(route))
            assert answer.status_code == 303, route.path
            assert answer.headers["location"].startswith("/desk/sign-in?to=/desk"), route.path


def test_every_page_needs_its_role_and_the_token_of_the_session(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGN_X_API_URL", "http://127.0.0.1:9")
    load_settings.cache_clear()
    people(1, saved_service())
    name = a_post("acme")
    browsers = {role: desk.person(role.value, role) for role in Role} | {None: desk.person("none", {})}
    tokens = {role: token_of(browser) for role, browser in browsers.items()}
    for route, (role, browser) in product(pages(), browsers.items()):
        needed: Role = route.endpoint.role  # type: ignore[attr-defined]
        may = role is not None and role.includes(needed)
        where = address(route, service="acme", delivery=name)
        for method in (route.methods or set()) - {"HEAD"}:
            if method == "POST":
                assert browser.client.post(where).status_code in ({403} if role else {403, 404}), (route.path, role)
                answer = browser.post(where, token=tokens[role])
            else:
                answer = browser.get(where)
            # There is no file 1 and no contact 1.
            is_refused = answer.status_code == 403 or (not may and answer.status_code == 404)
            assert is_refused is not may, (method, route.path, role, answer.status_code)
            assert answer.status_code < 500, (method, route.path, role)


def test_every_link_of_a_page_leads_to_a_page(desk: Desk) -> None:
    acme, boss = saved_service(), desk.person("boss", Role.OPERATOR)
    for kind in (DeliveryKind.POST, DeliveryKind.DM):
        approval.compose(Draft(kind=kind, services=["acme"], content=Content(parts=[Part(text="Hello")])), actor="boss")
    [visitor_id] = people(1, acme)
    with transaction() as session:
        consent.record_unclear(session, acme.id, visitor_id, "1", pendulum.now("UTC"))
    seen, open_ones = set[str](), ["/desk"]
    while open_ones:
        seen.add(page := open_ones.pop())
        answer = boss.get(page)
        assert answer.status_code in {200, 303}, page
        if answer.headers.get("content-type", "").startswith("text/html"):
            links = {unescape(one).split("#")[0] for one in re.findall(r'href="(/desk[^"]*)"', answer.text)}
            # One day and one form stand for all others.
            open_ones += {one for one in links if "?" not in one} - seen - {*open_ones}
    assert any(one.startswith("/desk/broadcasts/dm-") for one in seen)


def test_without_the_database_pages_ask_to_come_back(new_postgresql: Database) -> None:
    schema.upgrade()
    with open_desk() as desk:
        ann = desk.person("ann", Role.OPERATOR)
        with unreachable(new_postgresql):
            away = [ann.get("/desk"), ann.get("/desk/sign-in"), ann.get("/desk/people")]
            assert [page.status_code for page in away] == [503, 200, 503]
            assert "Nothing was saved: try again" in away[0].text
        assert ann.get("/desk").status_code == 200


def test_a_role_for_one_service_opens_no_page_of_another(desk: Desk) -> None:
    acme, other = saved_service(), saved_service(internal_name="other", block_id=None)
    [person] = people(1, other)
    ann, name = desk.person("ann", {acme.id: Role.OPERATOR}), a_post("other")
    token = token_of(ann)
    for route in pages():
        where = address(route, service="other", delivery=name, person=str(person))
        for method in (route.methods or set()) - {"HEAD"}:
            answer = ann.post(where, token=token) if method == "POST" else ann.get(where)
            if re.search(r"\{(service|delivery|person)\}", route.path):
                assert answer.status_code in {403, 404}, (method, route.path)
            assert not re.search("(News|Label) of other|>@other", answer.text), (method, route.path)


def test_what_a_form_names_of_another_service_is_not_there(desk: Desk) -> None:
    acme, other = saved_service(), saved_service(internal_name="other", block_id=None)
    ann = desk.person("ann", {acme.id: Role.OPERATOR})
    token, name = token_of(ann), a_post("other")
    made = planning.create_series(a_post("other"), Every.WEEK, "UTC", "wim")
    with transaction() as session:
        planning.add_slot(session, other, 0, planning.read_clock("09:00"), "UTC", actor="wim", now=NOW)
    calendar = "/desk/calendar"
    unknown = [
        ann.post(f"{calendar}/series/create", token=token, delivery="no-such", every="week"),
        ann.post(f"{calendar}/series/stop", token=token, series="77"),
    ]
    of_other = [
        ann.post(f"{calendar}/series/create", token=token, delivery=name, every="week"),
        ann.post(f"{calendar}/series/stop", token=token, series=str(made.id)),
        ann.post(f"{calendar}/series/ask", token=token, series=str(made.id)),
    ]
    assert {(one.status_code, one.text) for one in [*unknown, *of_other]} == {(404, unknown[0].text)}
    ann.post(f"{calendar}/slots/remove", token=token, slot="1")
    added = ann.post(f"{calendar}/slots/add", token=token, service="other", weekday="Monday", time="10:00")
    assert added.status_code == 400
    with read_session() as session:
        assert len(planning.list_slots(session, [other.id])) == 1
        assert planning.get_series(session, made.id).stopped_at is None


def test_a_log_names_no_person_of_an_account_that_may_not_be_seen(desk: Desk) -> None:
    acme, other = saved_service(), saved_service(internal_name="other", block_id=None)
    mine, theirs = people(1, acme, username="mine") + people(1, other, username="theirs")
    with transaction() as session:
        draft = Draft(kind=DeliveryKind.DM, label="News")
        made = deliveries.create(session, draft, "news", [acme, other], None, actor="wim", now=NOW)
    message_to(made, acme, mine, MessageState.UNCERTAIN)
    message_to(made, other, theirs, MessageState.UNCERTAIN)
    ann, boss = desk.person("ann", {acme.id: Role.VIEWER}), desk.person("boss", Role.VIEWER)
    for path in ("/desk/deliveries/news/log", "/desk/deliveries/news/log.csv"):
        shown, all_shown = ann.get(path).text, boss.get(path).text
        assert ("@mine" in shown, "@theirs" in shown, "@theirs" in all_shown) == (True, False, True), path


def test_a_number_that_is_none_or_does_not_fit_is_no_error_of_the_program(desk: Desk) -> None:
    saved_service()
    boss, name = desk.person("boss", Role.OPERATOR), a_post("acme")
    token = token_of(boss)
    for odd in ("-1", "9" * 19, "1" * 5_000, "²", "[]"):
        answers = [
            boss.post(f"/desk/people/segments/{odd}", token=token),
            boss.get(f"/desk/people/{odd}"),
            boss.client.get(f"/desk/deliveries/{name}/log", params={"after": odd}),
            boss.client.get("/desk/people/count", params={"before": odd, "so_far": odd, "service": "acme"}),
            boss.client.get("/desk/people", params={"ended": odd}),
            boss.post("/desk/posts/new", token=token, do=f"remove-part:{odd}", validity=odd, **{"text-1": "Hello"}),
            boss.post("/desk/broadcasts/new", token=token, do=f"remove-row:where:{odd}", account="acme"),
            boss.post("/desk/broadcasts/new", token=token, do=f"people:{odd}", account="acme"),
            boss.post("/desk/accounts/sign-in", token=token, app_of=odd),
            boss.post(f"/desk/deliveries/{name}/settle", token=token, outcome="sent", sent=odd),
        ]
        assert [one.status_code for one in answers if one.status_code >= 500] == [], odd


def test_wrong_passwords_open_nothing_and_are_limited(desk: Desk) -> None:
    make_person("ann", Role.WRITER)
    browser = desk.browser()
    answers = [browser.sign_in("ann", "wrong password").status_code for _ in range(10)]
    assert answers == [403] * 10
    assert browser.sign_in("ann", PASSWORD).status_code == 429
    with read_session() as session:
        entries = session.exec(select(AuditEntry).where(AuditEntry.subject == "user ann").order_by("id")).all()
    assert [(one.actor, one.action) for one in entries] == [("unknown", "wrong password")] * 10


def test_guesses_at_the_same_moment_are_limited_too(desk: Desk) -> None:
    make_person("ann", Role.WRITER)
    browser = desk.browser()
    page = browser.get("/desk/sign-in")
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda n: browser.send(page, name="ann", password=f"guess {n}"), range(24)))
    assert sorted(one.status_code for one in answers) == [403] * 10 + [429] * 14


def test_an_open_session_guesses_no_password(desk: Desk) -> None:
    ann = desk.person("ann", Role.VIEWER)
    page = ann.get("/desk/me")
    answers = [ann.send(page, old=f"guess {n}", password="another password").status_code for n in range(11)]
    assert answers == [400] * 10 + [409]


def test_another_site_signs_no_person_out(desk: Desk) -> None:
    ann = desk.person("ann", Role.VIEWER)
    answer = ann.client.post("/desk/sign-out", headers={"origin": "https://evil.example"})
    assert "set-cookie" not in answer.headers
    assert ann.get("/desk").status_code == 200


def test_a_session_ends_after_twelve_hours(desk: Desk) -> None:
    ann = desk.person("ann", Role.VIEWER)
    assert ann.get("/desk").status_code == 200
    with transaction() as session:
        found = session.exec(select(UserSession)).one()
        assert found.ends_at - found.created_at == timedelta(hours=12)
        found.ends_at = found.created_at
    assert ann.get("/desk").status_code == 303


def test_a_session_is_a_new_one_after_each_sign_in(desk: Desk) -> None:
    ann = desk.person("ann", Role.VIEWER)
    before = ann.client.cookies["desk"]
    ann.sign_in("ann", PASSWORD)
    assert ann.client.cookies["desk"] != before


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


@pytest.mark.parametrize(("name", "account"), [("Wim", "wim"), ("_www data", "operator")])
def test_the_first_operator_gets_links_until_one_is_used(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str, account: str
) -> None:
    monkeypatch.setenv("LOGNAME", name)
    first_link()
    with transaction() as session:
        users.add_user(session, "ann", "Ann", {EVERY_SERVICE: Role.VIEWER}, NOW)
    browser = desk.browser()
    page = browser.get(first_link())
    assert browser.send(page, password=PASSWORD, again=PASSWORD).status_code == 303
    assert browser.get("/desk/users").status_code == 200
    assert first_link() == ""
    with read_session() as session:
        assert [one.name for one in users.list_users(session)] == ["ann", account]


def test_a_link_from_before_an_account_was_removed_leads_nowhere(desk: Desk) -> None:
    make_person("boss", Role.OPERATOR)
    links = []
    for day in range(2):
        with transaction() as session:
            user = users.add_user(session, "ann", "Ann", {EVERY_SERVICE: Role.OPERATOR}, NOW + timedelta(days=day))
            links.append(users.one_time_link(user))
        if not day:
            with transaction() as session:
                users.remove_user(session, users.find_user(session, "ann"), NOW)
    assert [desk.browser().get(link).status_code for link in links] == [410, 200]


def test_the_address_for_notifications_is_one_and_audited(desk: Desk) -> None:
    ann = desk.person("ann", Role.VIEWER)
    page = ann.get("/desk/me")
    for odd in ("ann", "ann@example.com\nBcc: all@example.com", "ann@example.com, bob@example.com", "é@example.com"):
        assert ann.send(page, email=odd).status_code == 400, odd
    assert ann.send(page, email="ann@example.com").status_code == 303
    with read_session() as session:
        assert users.find_user(session, "ann").email == "ann@example.com"
        assert "email changed" in session.exec(select(AuditEntry.action)).all()


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
