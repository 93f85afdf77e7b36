"""What goes wrong on the way, as the client sees it, and what was really done."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from requests_oauthlib import OAuth1

from campaign.simulator.server import running

PATH = "/2/users/*/followers"


@dataclass
class Brand:
    """An account with ten followers, and the control API."""

    url: str
    user_id: str
    auth: OAuth1

    def read(self, timeout: float = 9) -> requests.Response:
        return requests.get(f"{self.url}/2/users/{self.user_id}/followers", auth=self.auth, timeout=timeout)

    def control(self, method: str, path: str, /, **body: Any) -> Any:
        answer = requests.request(method, f"{self.url}/control{path}", json=body or None, timeout=9)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, kind: str, **more: Any) -> None:
        self.control("POST", "/faults", path=PATH, kind=kind, **more)

    def billed(self) -> int:
        owned: int = self.control("GET", "/accounts/ana")["users_returned"]["owned"]
        return owned

    def last_call(self) -> dict[str, Any]:
        call: dict[str, Any] = self.control("GET", "/calls")["calls"][-1]
        return call


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def brand(server: str) -> Brand:
    requests.post(f"{server}/control/reset", timeout=9)
    keys = requests.post(f"{server}/control/accounts", json={"username": "ana", "followers": 10}, timeout=9).json()
    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    return Brand(server, keys["user_id"], OAuth1(*(keys[name] for name in names)))


@pytest.mark.parametrize(("kind", "billed"), [("unavailable_before", 0), ("unavailable_after", 10)])
def test_unavailable_says_nothing_of_what_was_done(brand: Brand, kind: str, billed: int) -> None:
    brand.fault(kind)
    answer = brand.read()
    assert (answer.status_code, answer.json()["title"]) == (503, "Service Unavailable")
    assert brand.billed() == billed
    assert brand.last_call()["fault"] == kind


@pytest.mark.parametrize(
    ("kind", "billed", "why"), [("reset_before", 0, "reset by peer"), ("answer_lost", 10, "without response")]
)
def test_a_lost_connection_says_nothing_either(brand: Brand, kind: str, billed: int, why: str) -> None:
    brand.fault(kind)
    with pytest.raises(requests.ConnectionError, match=why):
        brand.read()
    assert brand.billed() == billed
    last = brand.last_call()
    assert (last["status"], last["resources"]) == (None, billed)
    assert brand.read().status_code == 200


def test_a_slow_answer_is_billed_though_the_client_has_gone(brand: Brand) -> None:
    brand.fault("slow", seconds=0.3, times=2)
    with pytest.raises(requests.ReadTimeout):
        brand.read(timeout=0.1)
    started = time.monotonic()
    assert len(brand.read().json()["data"]) == 10
    assert time.monotonic() - started >= 0.3
    assert brand.billed() == 20


def test_a_truncated_answer_breaks_off(brand: Brand) -> None:
    brand.fault("truncated")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        brand.read()
    assert brand.billed() == 10


@pytest.mark.parametrize("status", [503, 200])
def test_a_page_in_html_may_come_with_any_status(brand: Brand, status: int) -> None:
    brand.fault("html", status=status)
    answer = brand.read()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert brand.billed() == 0


@pytest.mark.parametrize("kind", ["empty", "broken_json"])
def test_an_answer_that_is_no_json_is_billed(brand: Brand, kind: str) -> None:
    brand.fault(kind)
    answer = brand.read()
    assert answer.status_code == 200
    assert bool(answer.content) is (kind == "broken_json")
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert brand.billed() == 10


def test_a_literal_answer_is_given_word_for_word(brand: Brand) -> None:
    brand.fault("literal", status=429, headers={"x-rate-limit-reset": "17"}, body={"errors": [{"code": 88}]})
    answer = brand.read()
    assert (answer.status_code, answer.headers["x-rate-limit-reset"]) == (429, "17")
    assert answer.json() == {"errors": [{"code": 88}]}


def test_a_fault_strikes_after_some_calls_and_so_many_times(brand: Brand) -> None:
    brand.fault("unavailable_before", after=1, times=2)
    assert [brand.read().status_code for _ in range(4)] == [200, 503, 503, 200]
    (fault,) = brand.control("GET", "/faults")["faults"]
    assert (fault["seen"], fault["struck"]) == (4, 2)


def test_a_fault_by_chance_is_repeatable(brand: Brand) -> None:
    def drawn() -> list[int]:
        brand.control("DELETE", "/faults")
        brand.fault("unavailable_before", probability=0.5, seed=7)
        return [brand.read().status_code for _ in range(20)]

    first = drawn()
    assert first == drawn()
    assert set(first) == {200, 503}


def test_a_fault_strikes_only_where_it_was_asked_for(brand: Brand) -> None:
    brand.fault("unavailable_before", times=None)
    assert requests.get(f"{brand.url}/2/users/me", auth=brand.auth, timeout=9).status_code == 200
    assert brand.read().status_code == 503


def test_faults_leave_no_trace_on_stderr(brand: Brand, capfd: pytest.CaptureFixture[str]) -> None:
    for kind in ("reset_before", "answer_lost", "truncated"):
        brand.fault(kind)
        with pytest.raises(requests.RequestException):
            brand.read()
    assert capfd.readouterr().err == ""
