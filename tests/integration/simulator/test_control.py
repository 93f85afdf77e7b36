"""The control API: how the world is made and changed, and what of it is true."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import requests

from campaign.simulator.server import running, serve


class Control:
    """The control API of one simulator."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, method: str, path: str, /, **body: Any) -> Any:
        answer = self.answer(method, path, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def answer(self, method: str, path: str, /, **body: Any) -> requests.Response:
        return requests.request(method, f"{self.url}/control{path}", json=body or None, timeout=9)

    def followers(self, username: str) -> list[dict[str, Any]]:
        users: list[dict[str, Any]] = self("GET", f"/accounts/{username}/followers")["users"]
        return users


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def control(server: str) -> Control:
    control = Control(server)
    control("POST", "/reset")
    return control


def test_two_accounts_share_as_many_followers_as_asked(control: Control) -> None:
    control("POST", "/accounts", username="ana", followers=20)
    control("POST", "/accounts", username="bo", followers=15, shares_followers_with="ana", overlap=4)
    both = {user["id"] for user in control.followers("ana")} & {user["id"] for user in control.followers("bo")}
    assert (len(both), len(control.followers("bo"))) == (4, 15)


def test_described_followers_are_as_described(control: Control) -> None:
    control("POST", "/accounts", username="ana")
    described = {"id": "12", "username": "bo", "name": "Bo", "followers_count": 3_000_000_000, "omit": ["verified"]}
    assert control("POST", "/accounts/ana/followers", users=[described]) == {"user_ids": ["12"]}
    (user,) = control.followers("ana")
    assert user["public_metrics"]["followers_count"] == 3_000_000_000
    assert "verified" not in user


def test_ordinary_followers_have_all_their_fields(control: Control) -> None:
    control("POST", "/accounts", username="ana", followers=5000)
    control("POST", "/accounts", username="bo", followers=5000, ordinary=True)
    wanted = {"id", "name", "username", "public_metrics"}
    whole = {
        brand: [wanted <= user.keys() for user in control("GET", f"/accounts/{brand}/followers?limit=5000")["users"]]
        for brand in ("ana", "bo")
    }
    assert len(whole["bo"]) == 5000
    assert all(whole["bo"])
    assert not all(whole["ana"])


def test_unfollows_are_spread_through_the_list(control: Control) -> None:
    control("POST", "/accounts", username="ana", followers=100)
    before = [user["id"] for user in control.followers("ana")]
    gone = control("DELETE", "/accounts/ana/followers", count=4)["user_ids"]
    places = sorted(before.index(user_id) for user_id in gone)
    assert [later - earlier for earlier, later in pairwise(places)] == [25, 25, 25]
    assert control("GET", "/accounts/ana")["followers_count"] == 96


def test_followers_take_new_names(control: Control) -> None:
    control("POST", "/accounts", username="ana", followers=10)
    before = {user["id"]: user["username"] for user in control.followers("ana")}
    renamed = control("POST", "/accounts/ana/renames", count=3)["user_ids"]
    after = {user["id"]: user["username"] for user in control.followers("ana")}
    assert {user_id for user_id in after if after[user_id] != before[user_id]} == set(renamed)
    assert len(set(after.values())) == 10


def test_two_users_swap_their_names_in_one_request(control: Control) -> None:
    control("POST", "/accounts", username="ana")
    users = [{"id": "12", "username": "bo"}, {"id": "13", "username": "cy"}]
    control("POST", "/accounts/ana/followers", users=users)
    control("PATCH", "/users/12", username="cy")
    assert {user["id"]: user["username"] for user in control.followers("ana")} == {"12": "cy", "13": "bo"}
    control("PATCH", "/users/13", username="bo")  # already so: nothing changes
    assert {user["id"]: user["username"] for user in control.followers("ana")} == {"12": "cy", "13": "bo"}


def test_an_account_is_found_by_its_new_name_only(control: Control) -> None:
    control("POST", "/accounts", username="ana")
    assert control("PATCH", "/accounts/ana", username="ana2")["username"] == "ana2"
    assert control.answer("GET", "/accounts/ana").status_code == 400
    assert control("POST", "/accounts", username="ana")["username"] == "ana"


def test_the_calls_tell_what_happened(control: Control) -> None:
    requests.get(f"{control.url}/2/users/me", timeout=9)
    (call,) = control("GET", "/calls")["calls"]
    assert call.pop("time").endswith("+00:00")
    assert call == {
        "method": "GET",
        "path": "/2/users/me",
        "account": None,
        "status": 401,
        "resources": 0,
        "fault": None,
    }
    control("DELETE", "/calls")
    assert control("GET", "/calls") == {"calls": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("POST", "/accounts", {"username": "a b"}, "letters"),
        ("POST", "/accounts", {"username": "bo", "color": "red"}, "unknown field 'color'"),
        ("POST", "/accounts", {"username": "bo", "followers": "many"}, "'followers'"),
        ("POST", "/accounts", {"username": "bo", "followers": -1}, "whole number from 0"),
        ("POST", "/accounts", {"username": "ana"}, "taken"),
        ("POST", "/accounts", {"username": "bo", "shares_followers_with": "cy"}, "no account 'cy'"),
        ("POST", "/accounts", {"username": "bo", "shares_followers_with": "ana", "overlap": 3}, "cannot be shared"),
        ("PATCH", "/accounts/ana", {"condition": "sleepy"}, "'sleepy'"),
        ("PATCH", "/accounts/nobody", {}, "no account 'nobody'"),
        ("PATCH", "/users/7", {"name": "Bo"}, "no user"),
        ("GET", "/accounts/ana/followers?limit=x", {}, "whole number"),
        ("POST", "/accounts/ana/followers", {}, "exactly one"),
        ("POST", "/accounts/ana/followers", {"users": [{"username": "ana"}]}, "taken"),
        ("POST", "/accounts/ana/followers", {"users": [{"omit": ["shoes"]}]}, "'shoes'"),
        ("POST", "/accounts/ana/followers", {"users": [{"omit": [1]}]}, "'omit'"),
        ("POST", "/accounts/ana/followers", {"users": ["bo"]}, "JSON object"),
        ("POST", "/accounts/ana/followers", {"users": [{"username": "bo"}, {"username": "BO"}]}, "'bo' is taken"),
        ("POST", "/accounts/ana/followers", {"users": [{"id": "7"}, {"id": "7"}]}, "'7' is taken"),
        ("POST", "/accounts/ana/followers", {"users": [{"id": "07"}]}, "number from 1"),
        ("POST", "/accounts/ana/followers", {"count": 10**12}, "At most"),
        ("POST", "/accounts/ana/followers", {"user_ids": ["7"]}, "no user"),
        ("DELETE", "/accounts/ana/followers", {"count": -1}, "whole number from 0"),
        ("POST", "/faults", {"path": "*", "kind": "sad"}, "'kind'"),
        ("POST", "/faults", {"path": "*", "kind": "html", "status": 99}, "200 to 599"),
        ("PUT", "/limits", {"limits": {"shoes": 1}}, "'shoes'"),
        ("PUT", "/limits", {"limits": {"users": "many"}}, "'limits'"),
        ("PUT", "/limits", {"day_limits": {"users": {"week": 1}}}, "day limit"),
        ("POST", "/spelling", {"spelling": "odd"}, "'odd'"),
        ("POST", "/shoes", {}, "There is no POST /control/shoes."),
    ],
)
def test_a_wrong_request_is_answered_with_one_sentence(
    control: Control, method: str, path: str, body: dict[str, Any], says: str
) -> None:
    control("POST", "/accounts", username="ana", followers=2)
    answer = control.answer(method, path, **body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert len(control.followers("ana")) == 2


def test_a_port_in_use_is_one_line(control: Control) -> None:
    port = int(control.url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match=f"The simulator cannot listen on 127.0.0.1:{port}: "):
        serve(port=port)


def test_the_command_says_when_it_is_ready() -> None:
    command = [sys.executable, "-m", "campaign.simulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("X simulator at ").strip()
        try:
            assert requests.post(f"{url}/control/reset", timeout=9).status_code == 200
        finally:
            process.terminate()
