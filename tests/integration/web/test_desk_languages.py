"""The desk in another language than that of its templates: nothing of them is left in English."""

import re
from collections.abc import Iterable
from functools import cache
from html import unescape

import pytest
from babel.messages.pofile import read_po
from sqlmodel import select

from campaign.db.engine import transaction
from campaign.settings import ROOT
from campaign.statistics.counts import Engagement
from campaign.users import store as users
from campaign.x import error_table
from models import DeliveryState, Message, MessageState, Role, Service, ServiceState
from tests.desk_site import Desk, DeskBrowser
from tests.engaging import counted, went_out
from tests.factories import NOW
from tests.readings import saved_service

DUTCH = {"accept-language": "nl-BE,nl;q=0.9,en;q=0.5"}
_PAGES = (
    *("/deliveries", "/posts/new", "/broadcasts/new", "/calendar", "/calendar/slots", "/calendar/import"),
    *("/people", "/people/segments", "/people/consents", "/people/denylist", "/people/contacts"),
    *("/accounts", "/accounts/new", "/users", "/audit", "/me", "/reports", "/reports/service/acme"),
)
_SHOWN = re.compile(r'>([^<>]+)<|(?:title|placeholder|aria-label)="([^"]+)"')


@pytest.fixture
def acme(desk: Desk) -> Service:  # noqa: ARG001
    return saved_service(state=ServiceState.OK, checked_at=NOW)


@cache
def texts() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The texts that are other ones in Dutch: in English, and in Dutch; with any word where they have a placeholder."""
    with (ROOT / "campaign/web/desk/locales/nl/desk.po").open("rb") as file:
        pairs = [
            (forms(message.id), forms(message.string or "")) for message in read_po(file, locale="nl") if message.id
        ]
    english = [ids for ids, dutch in pairs if ids != dutch]
    return pattern(english), pattern([dutch for _, dutch in pairs])


def forms(text: str | Iterable[str]) -> list[str]:
    return [text] if isinstance(text, str) else [*text]


def pattern(found: Iterable[list[str]]) -> re.Pattern[str]:
    written = (re.escape(one) for ones in found for one in ones)
    return re.compile("|".join(re.sub(r"%\\\(\w+\\\)[sd]|%%", r"\\S+", one) for one in written))


def left_in_english(page: str) -> list[str]:
    assert '<html lang="nl">' in page
    english, dutch = texts()
    shown = {" ".join(unescape(text or attribute).split()) for text, attribute in _SHOWN.findall(page)}
    return sorted(one for one in shown if english.fullmatch(one) and not dutch.fullmatch(one))


def draft(browser: DeskBrowser) -> str:
    page = browser.get("/desk/posts/new", **DUTCH)
    given = {"account": "acme", "when": "now", "validity": "5", "zone": "UTC"}
    saved = browser.send(page, action="/desk/posts/new", do="save", **given | {"text-1": "Hello"})
    return saved.headers["location"]


def test_each_page_is_in_dutch(desk: Desk, acme: Service) -> None:
    boss = desk.person("boss", Role.OPERATOR)
    edit = draft(boss)
    pages = ["", *_PAGES, f"/accounts/{acme.internal_name}", edit.removeprefix("/desk")]
    pages += [f"/deliveries/{edit.split('/')[3]}{more}" for more in ("", "/log")]
    for path in pages:
        answer = boss.get(f"/desk{path}", **DUTCH)
        assert answer.status_code == 200, path
        assert left_in_english(answer.text) == [], path


def test_what_the_program_wrote_has_dutch_headings_and_local_times(desk: Desk) -> None:
    acme = saved_service(timezone="Europe/Amsterdam")
    delivery = went_out(acme, "launch", ("One", "Two"))
    counted(delivery, NOW, Engagement(likes=5, impressions=100), Engagement(likes=1, impressions=20))
    ann = desk.person("ann", Role.VIEWER)
    report = ann.get("/desk/reports/delivery/launch", **DUTCH).text
    for words in ("Trechter", "Geplande posts", "Betrokkenheid", "2026-11-26 08:30 CET"):
        assert words in report
    assert "UTC" not in ann.get("/desk/reports/service/acme").text.split("Best posts")[1]


def test_a_person_without_an_account_reads_dutch(desk: Desk) -> None:
    browser = desk.browser()
    page = browser.get("/desk/sign-in", **DUTCH)
    assert left_in_english(page.text) == []
    assert "Inloggen" in page.text


def test_a_refusal_and_a_notice_are_in_dutch(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.VIEWER)
    refused = ann.get("/desk/posts/new", **DUTCH)
    assert "Hiervoor is de rol schrijver nodig" in refused.text
    ann.send(ann.get("/desk/me", **DUTCH), language="nl")
    assert "Opgeslagen." in ann.get("/desk/me").text


def test_the_choice_of_a_person_counts_before_that_of_the_browser(desk: Desk, acme: Service) -> None:
    assert acme
    ann = desk.person("ann", Role.WRITER)
    ann.send(ann.get("/desk/me"), language="en")
    assert "Today" in ann.get("/desk", **DUTCH).text


def test_errors_on_each_page_are_in_dutch(desk: Desk, acme: Service) -> None:
    assert acme
    boss = desk.person("boss", Role.OPERATOR)
    boss.send(boss.get("/desk/me"), language="nl")
    wrong = boss.client.get("/desk/people", params={"where": "verified and follwers_count > 3"})
    assert (
        "Ongeldig veld &#39;follwers_count&#39; op plaats 14; schrijf followers_count, of een andere van" in wrong.text
    )
    listed = {"file": ("list.csv", b"external_id\nx y\n", "text/csv")}
    denied = boss.send(boss.get("/desk/people/denylist"), action="/import", files=listed, service="all", note="x")
    assert "uit list.csv: regel 2: ongeldig gebruikers-id van X &#39;x y&#39;; schrijf 1 tot 20 cijfers." in denied.text
    page = boss.get("/desk/accounts/new")
    keys = boss.send(page, action="/desk/accounts/new", internal_name="no handle", consumer_key="")
    assert "Het veld consumer key is leeg: neem het over uit de developer console. Het veld" in keys.text
    added = boss.send(boss.get("/desk/users"), name="no name", full_name="Ann", email="", role="viewer")
    assert "Ongeldige naam &#39;no name&#39;. Gebruik letters, cijfers" in added.text
    assert [left_in_english(one.text) for one in (wrong, denied, keys, added)] == [[], [], [], []]


def test_a_refusal_of_x_and_the_reason_of_a_stop_are_in_dutch(desk: Desk, acme: Service) -> None:
    delivery = went_out(acme, "launch", ("One",))
    row = error_table.POSTS[0]
    with transaction() as session:
        [message] = session.exec(select(Message).where(Message.delivery_id == delivery.id)).all()
        message.state, message.reason = MessageState.REFUSED, row.message
        service = session.get_one(Service, acme.id)
        service.problems, service.state = "X does not accept the keys of the account.", ServiceState.NEEDS_ATTENTION
        stopped = session.get_one(type(delivery), delivery.id)
        stopped.state, stopped.reason = DeliveryState.PAUSED, f"{row.message} {error_table.BLOCKS[1].remedy}"
    boss = desk.person("boss", Role.OPERATOR)
    pages = {
        path: boss.get(f"/desk{path}", **DUTCH).text for path in ("", "/deliveries/launch", "/deliveries/launch/log")
    }
    for text in pages.values():
        assert "Het account heeft deze tekst al gepubliceerd." in text
    assert "De beheerder regelt de betaling in de developer console" in pages["/deliveries/launch"]
    for path in ("", "/accounts", "/accounts/acme"):
        assert "X aanvaardt de sleutels van het account niet." in boss.get(f"/desk{path}", **DUTCH).text


def test_the_audit_is_in_dutch_and_keeps_what_a_person_wrote(desk: Desk, acme: Service) -> None:
    with transaction() as session:
        users.record_audit(session, "ann", f"service {acme.internal_name}", "slot added", NOW, "Monday 09:30 (UTC)")
        users.record_audit(
            session, "ann", f"service {acme.internal_name}", "changed", NOW, "Changed: spend_cap, label."
        )
        users.record_audit(session, "ann", "user operator", "roles changed", NOW, "Roles: viewer, acme:writer.")
        users.record_audit(session, "ann", "all services", "comment", NOW, "Saved. no")
    page = desk.person("boss", Role.OPERATOR).get("/desk/audit", **DUTCH).text
    for words in (
        "account acme",
        "tijdslot toegevoegd",
        "gebruiker operator",
        "rollen gewijzigd",
        "Rollen: lezer, acme: schrijver.",
    ):
        assert words in page, words
    for words in (
        "Rollen: lezer, acme: schrijver.",
        "alle accounts",
        "maandag 09:30 (UTC)",
        "Gewijzigd: Uitgavenlimiet, Naam in lijsten.",
    ):
        assert words in page, words
    assert "Saved. no" in page


def test_a_preview_counts_and_says_who_may_reply_in_dutch(desk: Desk, acme: Service) -> None:
    assert acme
    boss = desk.person("boss", Role.OPERATOR)
    edit = draft(boss)
    page = boss.get(f"/desk/deliveries/{edit.split('/')[3]}", **DUTCH).text
    for words in ("5 van 280", "Iedereen kan antwoorden", "US$\xa00,015"):
        assert words in page, words


def test_figures_of_a_report_are_in_dutch_and_its_file_is_not(desk: Desk, acme: Service) -> None:
    counted(went_out(acme, "launch", ("One",)), NOW, Engagement(likes=1_205, impressions=100_000))
    ann = desk.person("ann", Role.VIEWER)
    page = ann.get("/desk/reports/delivery/launch", **DUTCH).text
    for words in ("1.205", "100.000", "US$\xa00,015"):
        assert words in page, words
    lines = ann.get("/desk/reports/delivery/launch.csv", **DUTCH).text
    assert "1205" in lines
    assert "0.015" in lines
