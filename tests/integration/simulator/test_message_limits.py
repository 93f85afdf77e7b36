"""How many messages X takes, and what its windows counted."""

import time
from collections.abc import Iterator

import pytest
import requests

from campaign.simulator.messages import Draft
from campaign.simulator.messaging import place
from campaign.simulator.server import running
from campaign.simulator.world import World
from tests.integration.simulator.test_followers import X
from tests.integration.simulator.test_messages import send, truth


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def x(server: str) -> X:
    requests.post(f"{server}/control/reset", timeout=9)
    return X(server).create("ana", followers=10)


def test_accounts_of_one_app_share_its_day(x: X) -> None:
    other, bo = x.create("eve", app_of="ana"), x.true_ids("ana")[0]
    assert other.keys["client_key"] == x.keys["client_key"]
    first, second, foreign = send(x, bo), send(other, bo), send(x.create("cy"), bo)
    families = {"x-rate-limit": "15", "x-user-limit-24hour": "1440", "x-app-limit-24hour": "1440"}
    assert {family: first.headers[f"{family}-limit"] for family in families} == families
    left = [answer.headers["x-app-limit-24hour-remaining"] for answer in (first, second, foreign)]
    assert left == ["1439", "1438", "1439"]
    assert [answer.headers["x-user-limit-24hour-remaining"] for answer in (first, second)] == ["1439", "1439"]
    assert other.get(f"/2/users/{other.user_id}/followers").status_code == 200


def test_who_does_not_own_the_app_reads_nothing_as_its_owner(x: X) -> None:
    other = x.create("eve", app_of="ana", followers=3)
    assert len(other.page()["data"]) == 3
    assert x.control("GET", "/accounts/eve")["users_returned"] == {"owned": 0, "not_owned": 3}


def test_no_window_counts_more_than_its_limit(x: X) -> None:
    other, bo = x.create("eve", app_of="ana"), x.true_ids("ana")[0]
    limits = {"user": 2, "app": 3}
    x.control("PUT", "/limits", day_seconds=1.5, day_limits={"messages": limits})
    statuses = [send(brand, bo).status_code for brand in (x, x, x, other, other)]
    assert statuses == [201, 201, 429, 201, 429]
    time.sleep(1.6)
    assert send(other, bo).status_code == 201
    full = {(row["family"], row["account"]): row for row in x.control("GET", "/windows")["windows"]}
    (app,) = [row for row in full.values() if row["app"] == x.keys["client_key"]]
    assert [app[name] for name in ("endpoint", "limit", "most_done", "most_stopped")] == ["messages", 3, 3, 2]
    assert [full["user", name]["most_done"] for name in ("ana", "eve")] == [2, 1]


def test_a_refused_message_counts_as_a_call_only(x: X) -> None:
    assert send(x, "7").status_code == 404
    rows = {row["family"]: row for row in x.control("GET", "/windows")["windows"]}
    assert (rows["user"]["most_calls"], rows["user"]["most_done"]) == (1, 0)


def test_day_limits_can_be_taken_away_and_come_back(x: X) -> None:
    bo = x.true_ids("ana")[0]
    told = x.control("PUT", "/limits", limits={"messages": 99}, day_limits={"messages": {"user": None, "app": 5}})
    assert (told["limits"]["messages"], told["day_limits"]["messages"]) == (99, {"app": 5})
    headers = send(x, bo).headers
    assert "x-user-limit-24hour-limit" not in headers
    assert (headers["x-rate-limit-limit"], headers["x-app-limit-24hour-limit"]) == ("99", "5")
    x.control("PUT", "/limits")
    assert send(x, bo).headers["x-user-limit-24hour-limit"] == "1440"


def test_a_sixteenth_message_in_a_quarter_of_an_hour_is_too_many(x: X) -> None:
    statuses = [send(x, x.true_ids("ana")[0]).status_code for _ in range(16)]
    assert statuses == [201] * 15 + [429]
    assert len(truth(x)) == 15


def test_the_truth_of_many_messages_is_reported_at_once() -> None:
    world = World()
    ana = world.create_account("ana")
    followers = world.follow_new(ana, 15_000)
    for number in followers:
        place(world, world.people.user(ana.number), world.people.user(number), Draft(f"Hello {number}"))
    with running(world) as url:
        brand, started = X(url), time.monotonic()
        messages = truth(brand)
        assert time.monotonic() - started < 10
        assert [one["text"] for one in messages] == [f"Hello {number}" for number in followers]
        assert sum(brand.control("GET", "/accounts/ana/messages/counts")["sent"].values()) == 15_000
