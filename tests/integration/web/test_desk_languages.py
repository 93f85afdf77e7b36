"""The desk in another language than that of its templates: nothing of them is left in English."""

import re
from collections.abc import Iterable
from functools import cache
from html import unescape

import pytest
from babel.messages.pofile import read_po

from campaign.settings import ROOT
from campaign.statistics.counts import Engagement
from models import Role, Service, ServiceState
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
    # Previews are in English, and have "0 of 280" too.
    english = [ids for ids, dutch in pairs if ids != dutch and not ids[0].endswith(" of %(limit)s")]
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
