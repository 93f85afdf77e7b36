"""What keeps the pages safe: headers, limits, forms from elsewhere, and errors that tell nothing away."""

import logging
import re
import resource
import threading
import time
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from sqlmodel import select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.db.engine import read_session
from campaign.db.vault import sign
from campaign.settings import load_settings
from campaign.web.app import make_app
from deployments.server import free_port
from models import AgreementState, Suppression
from tests.databases import Database
from tests.web_visits import House, a_client, serving

SECRET = "AAAA-this-is-a-token"
EVIL = "https://evil.example"
PAGES = [
    "/join/acme",
    "/join/nobody",
    "/join/callback?code=c&state=s",
    "/leave",
    "/leave/acme",
    "/leave?p=x",
    "/nothing",
]


def test_every_page_says_what_browsers_may_do_with_it(house: House) -> None:
    browser = house.browser()
    for address in [*PAGES, browser.get("/join/acme").text.partition('stylesheet" href="')[2].partition('"')[0]]:
        headers = browser.get(address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "server" not in headers or "uvicorn" in headers["server"]


def test_pages_have_neither_scripts_nor_styles_of_their_own(house: House) -> None:
    browser = house.browser()
    for address in PAGES:
        text = browser.get(address).text
        assert "<script" not in text
        assert " style=" not in text
        assert "<style" not in text
        assert not re.search(r" on[a-z]+=", text)
        assert not re.findall(r'(?:src|href)="(?!/|data:,")[^"]*"', text)


def test_pages_with_something_personal_are_cached_nowhere(house: House) -> None:
    browser = house.browser()
    for address in PAGES:
        assert browser.get(address).headers["cache-control"] == "no-store"


def test_cookies_are_read_by_no_script_and_sent_by_no_other_site(house: House) -> None:
    browser = house.browser()
    answer = browser.send(browser.get("/join/acme"), agree="yes")
    for cookie in [*browser.get("/join/acme").headers.get_list("set-cookie"), *answer.headers.get_list("set-cookie")]:
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie


def test_behind_https_browsers_stay_there(house: House, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    monkeypatch.setenv("CAMPAIGN_PUBLIC_URL", "https://social.example.com")
    load_settings.cache_clear()
    with serving(make_app([Route("/", _fails)]), port := free_port()):
        headers = httpx.get(f"http://127.0.0.1:{port}/nothing").headers
    assert headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": EVIL},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": EVIL},
    ],
)
@pytest.mark.parametrize("path", ["/join/acme", "/leave", "/leave/acme"])
def test_a_form_of_another_site_is_refused(house: House, headers: dict[str, str], path: str) -> None:
    page = house.browser().get("/join/acme")
    token = re.findall(r'name="token" value="([^"]+)"', page.text)[0]
    given = {"token": token, "agree": "yes", "p": sign("leave", [house.service.id, "1"])}
    with a_client(cookies=dict(page.cookies)) as client:
        answer = client.post(house.url + path, data=given, headers=headers)
    assert answer.status_code == 403
    assert house.signed_in() == []


@pytest.mark.parametrize("token", ["", "forged", "another browser's", "for another purpose"])
def test_a_form_without_the_token_of_this_browser_is_refused(house: House, token: str) -> None:
    page, other = house.browser().get("/join/acme"), house.browser().get("/join/acme")
    tokens = {
        "another browser's": re.findall(r'name="token" value="([^"]+)"', other.text)[0],
        "for another purpose": sign("invitation", page.cookies["visit"]),
    }
    given = {"token": tokens.get(token, token), "agree": "yes"}
    for cookies in (dict(page.cookies), {}):
        with a_client(base_url=house.url, cookies=cookies) as client:
            assert client.post("/join/acme", data=given).status_code == 403


def test_a_form_of_ten_megabytes_is_refused_at_once(house: House) -> None:
    began = time.monotonic()
    answer = httpx.post(f"{house.url}/join/acme", data={"agree": "x" * 10_000_000}, timeout=10)
    assert answer.status_code == 413
    assert "too much" in answer.text
    assert time.monotonic() - began < 5


def test_a_form_that_hides_its_length_is_cut_off(house: House) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(2_000):
            yield b"agree=" + b"x" * 5_000 + b"&"

    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = httpx.post(f"{house.url}/join/acme", content=endless(), headers=headers, timeout=10)
    assert answer.status_code == 413


@pytest.mark.parametrize("kind", ["application/json", "text/xml", "multipart/form-data; boundary=x", ""])
def test_what_is_no_form_is_no_form_of_ours(house: House, kind: str) -> None:
    answer = httpx.post(f"{house.url}/join/acme", content=b'{"agree": "yes"}', headers={"content-type": kind})
    assert answer.status_code in {400, 403}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"])
def test_what_is_not_offered_is_refused_with_a_page(house: House, method: str) -> None:
    answer = httpx.request(method, f"{house.url}/join/acme")
    assert answer.status_code == 405
    assert "cannot be used like that" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/join/../leave/x",
        "/styles/..%2f..%2fapp.py",
        "/styles/base.html.jinja",
        "//evil.example",
        "/join/%00",
        "/leave/acme%00",
        "/join/%E2%80%AE",
        "/join/%FF",
        "/reports/service/%00",
    ],
)
def test_no_address_reaches_what_is_not_a_page(house: House, path: str) -> None:
    answer = house.browser().get(house.url + path)
    assert answer.status_code == 404
    assert "location" not in answer.headers


async def _fails(_request: Request) -> Response:
    raise RuntimeError(SECRET)


def test_an_error_is_a_page_with_a_number_and_tells_nothing_away(
    sqlite_database: Database,  # noqa: ARG001
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG), serving(make_app([Route("/fails", _fails)]), port := free_port()):
        answer = httpx.get(f"http://127.0.0.1:{port}/fails?code={SECRET}")
    assert answer.status_code == 500
    (number,) = re.findall(r"quote the number ([0-9a-f]{8})", answer.text)
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    ours = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    assert number in ours
    assert "RuntimeError" in ours
    assert SECRET not in ours
    assert all(record.exc_info is None for record in caplog.records)


def test_no_token_and_no_key_reaches_a_log_or_a_page(house: House, caplog: pytest.LogCaptureFixture) -> None:
    name, pages = house.follower(), list[str]()
    with caplog.at_level(logging.DEBUG):
        browser = house.browser()
        back = browser.say_yes(browser.ask_x(), name)
        with house.full_vault():
            pages.append(browser.get(back).text)
        pages.append(browser.join(name).text)
    tokens = [token.access_token for token in house.tokens().values()]
    secrets = [*tokens, *(str(house.made[key]) for key in house.made if "secret" in key)]
    logged = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    for secret in secrets:
        assert secret not in logged
        assert all(secret not in page for page in pages)


SECRET_VALUE = "value-of-a-form-4711"


def test_no_value_of_a_form_reaches_a_log(
    house: House, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMPAIGN_REPORTS_KEY", "the key of the reports")
    load_settings.cache_clear()
    browser = house.browser()
    house.x.fault("/oauth/request_token", "unavailable_before", times=None)
    with caplog.at_level(logging.DEBUG):
        answers = [
            browser.send(browser.get("/reports/login"), key=SECRET_VALUE, to=f"/reports/{SECRET_VALUE}"),
            browser.send(browser.get("/join/acme"), invitation=SECRET_VALUE, link=SECRET_VALUE),
            browser.send(browser.get("/join/acme"), agree=SECRET_VALUE, invitation=f"{SECRET_VALUE}\0"),
            browser.send(browser.get(f"/leave?p={sign('leave', [house.service.id, SECRET_VALUE])}")),
            browser.send(browser.get("/leave/acme"), p=SECRET_VALUE),
            browser.send(browser.get("/join/acme"), token=SECRET_VALUE),
            browser.get(f"/leave?p={SECRET_VALUE}"),
            browser.get(f"/join/callback?code={SECRET_VALUE}&state={SECRET_VALUE}&oauth_token={SECRET_VALUE}"),
        ]
    house.x.be_well()
    assert [answer.status_code for answer in answers] == [403, 422, 403, 200, 503, 403, 400, 400]
    logged = [record for record in caplog.records if not record.name.startswith("http")]
    assert SECRET_VALUE not in "\n".join(record.getMessage() + str(record.args) for record in logged)


def test_a_form_that_is_sent_twice_does_nothing_twice(house: House) -> None:
    name, browser = house.follower(), house.browser()
    page = browser.get("/join/acme")
    first = browser.send(page, agree="yes")
    second = browser.send(page, agree="yes")
    browser.get(browser.say_yes(second.headers["location"], name))
    late = browser.get(browser.say_yes(first.headers["location"], name))
    assert late.headers["location"] == "/join/acme/thanks"
    assert len(house.agreements()) == len(house.announced) == 1
    leave = browser.get(f"/leave?p={sign('leave', [house.service.id, house.agreements()[0].external_id])}")
    pages = [browser.send(leave) for _ in range(2)]
    assert [page.status_code for page in pages] == [200, 200]
    with read_session() as session:
        assert len(session.exec(select(Suppression)).all()) == 1
    assert [one.state for one in house.agreements()] == [AgreementState.WITHDRAWN]


def test_who_sends_form_after_form_has_to_wait(house: House) -> None:
    with a_client(base_url=house.url) as client:
        answers = [client.post("/join/acme") for _ in range(40)]
    counted = Counter(answer.status_code for answer in answers)
    assert counted == {403: 30, 429: 10}
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert "Try again in" in answers[-1].text


def test_a_thousand_requests_a_second_are_answered_and_leave_nothing_behind(house: House) -> None:
    seconds, clients = 3, 4
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counted, ends = Counter[int](), time.monotonic() + seconds

    def visit() -> None:
        with a_client(base_url=house.url) as client:
            # A slow machine takes longer until the limit is reached.
            while time.monotonic() < ends or not counted[429]:
                counted[client.get("/join/acme").status_code] += 1

    threads = [threading.Thread(target=visit) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted.keys() == {200, 429}
    assert counted[200] == 300
    assert house.browser().get("/join/acme").status_code == 429
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 30_000, f"{grown} kB more after {counted.total()} requests"
