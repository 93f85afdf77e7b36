"""What X does not let through, and what becomes of a post when the line fails."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from campaign.simulator.server import running
from tests.integration.simulator.test_followers import X
from tests.integration.simulator.test_posts import post, truth


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def x(server: str) -> X:
    requests.post(f"{server}/control/reset", timeout=9)
    return X(server).create("ana")


def test_an_app_that_may_only_read_writes_nothing(x: X) -> None:
    x.control("PATCH", "/accounts/ana", access_level="read")
    for answer in (post(x), x.delete("/2/tweets/7"), x.post("/2/media/upload/initialize", json={})):
        assert (answer.status_code, answer.json()["type"].rsplit("/")[-1]) == (403, "oauth1-permissions")
    assert x.get(f"/2/users/{x.user_id}/tweets").status_code == 200


@pytest.mark.parametrize(("condition", "code"), [("over_daily_limit", 185), ("looks_automated", 226), ("locked", 326)])
def test_x_may_refuse_new_posts(x: X, condition: str, code: int) -> None:
    x.control("PATCH", "/accounts/ana", condition=condition)
    answer = post(x)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, code)
    assert x.get("/2/users/me").status_code == (403 if condition == "locked" else 200)
    assert truth(x) == []


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "/2/tweets", "100"),
        ("DELETE", "/2/tweets/7", "50"),
        ("GET", "/2/tweets?ids=7", "5000"),
        ("GET", "/2/users/{}/tweets", "900"),
        ("POST", "/2/media/upload/initialize", "1875"),
        ("GET", "/2/media/upload?media_id=7", "1000"),
        ("POST", "/2/media/upload", "500"),
        ("POST", "/1.1/statuses/update.json", "300"),
    ],
)
def test_the_limits_are_those_x_documents(x: X, method: str, path: str, limit: str) -> None:
    assert x.request(method, path.format(x.user_id)).headers["x-rate-limit-limit"] == limit


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("unavailable_before", 0),
        ("reset_before", 0),
        ("html", 0),
        ("unavailable_after", 1),
        ("answer_lost", 1),
        ("truncated", 1),
        ("slow", 1),
        ("empty", 1),
        ("broken_json", 1),
    ],
)
def test_after_a_fault_the_post_is_there_or_not(x: X, kind: str, made: int) -> None:
    x.control("POST", "/faults", path="/2/tweets", kind=kind, seconds=0.5)
    try:
        x.post("/2/tweets", json={"text": "Hello example.com"}, timeout=0.2)
    except requests.RequestException:
        assert kind in {"reset_before", "answer_lost", "truncated", "slow"}
    assert len(truth(x)) == made
    assert x.control("GET", "/accounts/ana")["posts_made"]["with_link"] == made
    assert post(x, "Hello example.com").status_code == (403 if made else 201)


def test_a_fault_may_strike_one_method_only(x: X) -> None:
    x.control("POST", "/faults", path="/2/tweets*", kind="unavailable_before", method="POST")
    assert x.get("/2/tweets?ids=7").status_code == x.delete("/2/tweets/7").status_code == 200
    assert [post(x).status_code for _ in range(2)] == [503, 201]
    answer = requests.post(f"{x.url}/control/faults", json={"path": "*", "kind": "html", "method": "post"}, timeout=9)
    assert "one of GET, POST, DELETE" in answer.json()["error"]


def test_a_person_posts_by_hand(x: X) -> None:
    old = x.control("POST", "/accounts/ana/posts", text=" Old  ", ago_seconds=3_600)
    new = x.control("POST", "/accounts/ana/posts", text="Old", reply_to=old["id"])
    again = x.control("POST", "/accounts/ana/posts", text="Old")
    assert truth(x) == [old, new, again]
    assert int(old["id"]) < int(new["id"]) < int(again["id"])
    assert (old["text"], new["reply_to"]) == ("Old", old["id"])
    assert post(x, "Old").status_code == 403  # as much a duplicate as any
    assert x.control("GET", "/accounts/ana")["posts_made"] == {"with_link": 0, "without_link": 0}


def test_how_x_treats_posts_is_reported_and_forgotten(x: X) -> None:
    treated = {
        "show_after_seconds": 2,
        "media_expires_after_seconds": 3,
        "processing_seconds": 4,
        "processing_fails": True,
    }
    assert x.control("PUT", "/posts", **treated) == treated
    assert x.control("PUT", "/posts") == {
        "show_after_seconds": 0,
        "media_expires_after_seconds": 86_400,
        "processing_seconds": 1,
        "processing_fails": False,
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("GET", "/accounts/nobody/posts", {}, "no account 'nobody'"),
        ("POST", "/accounts/ana/posts", {}, "needs a 'text'"),
        ("POST", "/accounts/ana/posts", {"text": " "}, "needs a 'text'"),
        ("POST", "/accounts/ana/posts", {"text": "a" * 281}, "at most 280"),
        ("POST", "/accounts/ana/posts", {"text": "a", "reply_to": "7"}, "no post '7'"),
        ("POST", "/accounts/ana/posts", {"text": "a", "ago_seconds": 10**12}, "at most"),
        ("POST", "/accounts/ana/posts", {"text": "a", "ago_seconds": -1}, "number from 0"),
        ("POST", "/accounts/ana/posts", {"text": "a", "colour": "red"}, "unknown field 'colour'"),
        ("PUT", "/posts", {"show_after_seconds": "soon"}, "'show_after_seconds'"),
        ("PUT", "/posts", {"media_expires_after_seconds": 10**300}, "at most"),
        ("PUT", "/posts", {"processing_fails": 1}, "true or false"),
        ("PATCH", "/accounts/ana", {"subscription_type": "Gold"}, "'Gold' is none of None, Basic"),
        ("POST", "/spelling", {"spelling": "new", "strict": "yes"}, "'strict'"),
        ("PUT", "/limits", {"limits": {"poasts": 1}}, "'poasts'"),
    ],
)
def test_a_wrong_order_is_answered_with_one_sentence(
    x: X, method: str, path: str, body: dict[str, Any], says: str
) -> None:
    answer = requests.request(method, f"{x.url}/control{path}", json=body, timeout=9)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert truth(x) == []
