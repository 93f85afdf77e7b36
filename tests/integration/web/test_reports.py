"""The pages of the reports: who gets in, and what is shown."""

import re
from collections.abc import Iterator

import httpx
import pytest

from campaign.settings import load_settings
from tests.databases import Database
from tests.reports_site import KEY, open_reports

EVIL = '=<script>alert(1)</script>"'


@pytest.fixture
def url(sqlite_database: Database) -> Iterator[str]:
    assert sqlite_database
    with open_reports(EVIL) as found:
        yield found


def browser(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, follow_redirects=True, timeout=30)


def log_in(visitor: httpx.Client, key: str = KEY, to: str = "") -> str:
    """Fill in the form; returns the page that comes of it."""
    form = visitor.get("/reports/login", params={"to": to}).text
    fields = dict(re.findall(r'name="(token|to)" value="([^"]*)"', form))
    return visitor.post("/reports/login", data={**fields, "key": key}).text


@pytest.fixture
def inside(url: str) -> httpx.Client:
    visitor = browser(url)
    assert "All services" in log_in(visitor)
    return visitor


@pytest.mark.parametrize(
    "path", ["", ".csv", "/delivery/launch", "/delivery/launch.csv", "/service/acme", "/service/acme.csv"]
)
def test_without_the_key_nothing_is_shown_and_with_it_the_wanted_page(url: str, path: str) -> None:
    visitor = browser(url)
    shown = visitor.get(f"/reports{path}")
    assert str(shown.url).endswith(f"/reports/login?to=/reports{path}")
    assert "launch" not in shown.text.replace(f"/reports{path}", "")
    log_in(visitor, to=f"/reports{path}")
    assert visitor.get(f"/reports{path}").url.path == f"/reports{path}"


def test_the_report_of_a_delivery_has_pictures_and_deletions(inside: httpx.Client) -> None:
    text = inside.get("/reports/delivery/launch").text

    assert "deleted on 2026-11-26" in text
    assert text.count("<picture>") == 2
    assert text.count("data:image/svg+xml;base64,") == 4
    assert 'alt="Reactions by kind, Reposts to Bookmarks, at most 6"' in text
    assert '<a href="https://x.com/AcmeCorp/status/' in text


def test_names_from_outside_are_only_ever_text(inside: httpx.Client) -> None:
    for path in ("", "/delivery/launch", "/service/acme"):
        text = inside.get(f"/reports{path}").text
        assert "<script" not in text
        assert "&lt;script&gt;" in text


def test_a_page_asks_for_nothing_from_elsewhere_and_runs_nothing(inside: httpx.Client) -> None:
    shown = inside.get("/reports/service/acme")
    asked = re.findall(r'(?:src|srcset|href)="([^"]*)"', shown.text)
    assert all(each.startswith(("/", "data:")) for each in asked if "x.com" not in each)
    assert "script-src" not in shown.headers["content-security-policy"]
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert " style=" not in shown.text
    assert inside.get(re.findall(r'href="(/styles/report[^"]*)"', shown.text)[0]).status_code == 200


def test_a_file_is_for_spreadsheets_and_has_no_formula(inside: httpx.Client) -> None:
    file = inside.get("/reports/delivery/launch.csv")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.headers["content-disposition"] == 'attachment; filename="reports-delivery-launch.csv"'
    assert file.content.startswith(b"\xef\xbb\xbfSection,Row,Column,Value\r\n")
    assert "Links,'+Shop,Clicks,1\r\n" in file.text
    assert "Links,'+Shop,Robots,1\r\n" in file.text
    everything = inside.get("/reports.csv").text
    assert "'=<script>" in everything
    assert ",=" not in everything


def test_what_is_not_there_is_a_page(inside: httpx.Client) -> None:
    for path in ("/delivery/nothing", "/service/nobody", "/delivery/nothing.csv"):
        shown = inside.get(f"/reports{path}")
        assert (shown.status_code, "There is no such report" in shown.text) == (404, True)


def test_a_wrong_key_is_refused_and_after_ten_the_right_one_too(url: str) -> None:
    visitor = browser(url)
    for wrong in ["", "wrong", KEY.upper(), f"{KEY} ", *["x"] * 6]:
        assert "That is not the key." in log_in(visitor, wrong)
    assert "too many wrong keys" in log_in(visitor)
    assert visitor.get("/reports", follow_redirects=False).status_code == 303


def test_the_session_is_kept_where_no_script_and_no_other_site_gets_it(url: str) -> None:
    visitor = browser(url)
    log_in(visitor)
    kept = next(each for each in visitor.cookies.jar if each.name == "reports")
    assert kept.has_nonstandard_attr("HttpOnly")
    assert kept.get_nonstandard_attr("SameSite") == "strict"
    assert KEY not in (kept.value or "")


def test_a_forged_or_changed_session_is_none(inside: httpx.Client, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = inside.cookies["reports"]
    for forged in ("inside", cookie[:-2], "x" + cookie):
        visitor = browser(url)
        visitor.cookies.set("reports", forged)
        assert visitor.get("/reports", follow_redirects=False).status_code == 303
    monkeypatch.setenv("CAMPAIGN_REPORTS_KEY", "another key of enough length")
    load_settings.cache_clear()
    assert inside.get("/reports", follow_redirects=False).status_code == 303


def test_logging_out_is_a_button_of_our_own_pages(inside: httpx.Client) -> None:
    inside.post("/reports/logout")
    assert inside.get("/reports", follow_redirects=False).status_code == 200
    token = re.findall(r'name="token" value="([^"]*)"', inside.get("/reports").text)[0]
    copied = inside.cookies["reports"]
    inside.post("/reports/logout", data={"token": token})
    assert inside.get("/reports", follow_redirects=False).status_code == 303
    inside.cookies.set("reports", copied)
    assert inside.get("/reports", follow_redirects=False).status_code == 303


def test_a_form_of_another_site_does_not_log_in(url: str) -> None:
    visitor = browser(url)
    assert visitor.post("/reports/login", data={"key": KEY}).status_code == 403
    form = visitor.get("/reports/login").text
    token = re.findall(r'name="token" value="([^"]*)"', form)[0]
    headers = {"Origin": "https://evil.example"}
    assert visitor.post("/reports/login", data={"key": KEY, "token": token}, headers=headers).status_code == 403


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/reports//evil.example", "/join/acme", "x"])
def test_the_login_leads_only_to_reports(url: str, to: str) -> None:
    visitor = browser(url)
    assert "All services" in log_in(visitor, to=to)


def test_without_a_key_in_the_settings_a_page_says_what_to_set(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAMPAIGN_REPORTS_KEY")
    load_settings.cache_clear()
    for path in ("/reports", "/reports/login", "/reports/delivery/launch.csv"):
        shown = browser(url).get(path)
        assert shown.status_code == 503
        assert "CAMPAIGN_REPORTS_KEY" in shown.text
        assert "launch" not in shown.text
