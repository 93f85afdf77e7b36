"""What X does not let through, and what becomes of a post when the line fails."""

from collections.abc import Iterator

import pytest
import requests

from campaign.simulator.server import running
from tests.integration.test_simulator import X
from tests.integration.test_simulator_posts import post, truth


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
