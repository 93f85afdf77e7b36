"""What X counts of posts, and to whom it tells which figures."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from campaign.simulator.server import running
from tests.integration.simulator.test_followers import X, ids
from tests.integration.simulator.test_timeline import by_hand, timeline

COUNTS = {
    "reposts": 1,
    "likes": 2,
    "replies": 3,
    "quotes": 4,
    "bookmarks": 5,
    "impressions": 600,
    "link_visits": 7,
}
PUBLIC = {
    "retweet_count": 1,
    "reply_count": 3,
    "like_count": 2,
    "quote_count": 4,
    "bookmark_count": 5,
    "impression_count": 600,
}
DAY = 86_400


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def x(server: str) -> X:
    requests.post(f"{server}/control/reset", timeout=9)
    return X(server).create("ana")


def count(x: X, post: str, **counts: int) -> dict[str, Any]:
    told: dict[str, Any] = x.control("PUT", f"/posts/{post}/counts", **counts)
    return told


def look_up(x: X, *posts: str, fields: str = "public_metrics,non_public_metrics") -> dict[str, Any]:
    answer = x.get("/2/tweets", params={"ids": ",".join(posts), "tweet.fields": fields})
    found: dict[str, Any] = answer.json()
    return found


def test_posts_are_reported_with_what_people_did_with_them(x: X) -> None:
    read, other = by_hand(x, "See https://example.com/", "Nothing to click")
    assert count(x, read, **COUNTS)["counts"] == COUNTS
    first, second = look_up(x, read, other)["data"]
    assert first["public_metrics"] == PUBLIC
    assert first["non_public_metrics"] == {
        "impression_count": 600,
        "engagements": 22,
        "user_profile_clicks": 0,
        "url_link_clicks": 7,
    }
    assert set(second["public_metrics"].values()) == {0}
    assert "url_link_clicks" not in second["non_public_metrics"]
    assert timeline(x, tweet_fields="public_metrics")["data"][1]["public_metrics"] == PUBLIC


def test_a_figure_that_is_not_named_stays(x: X) -> None:
    (post,) = by_hand(x, "One")
    count(x, post, **COUNTS)
    assert count(x, post, likes=9)["counts"] == COUNTS | {"likes": 9}
    for path, body in ((f"/posts/{post}/counts", {"loves": 1}), ("/posts/1/counts", {"likes": 1})):
        assert requests.put(f"{x.url}/control{path}", json=body, timeout=9).status_code == 400


def test_reposts_are_spelled_as_x_spells_posts(x: X) -> None:
    (post,) = by_hand(x, "One")
    count(x, post, **COUNTS)
    x.control("POST", "/spelling", spelling="new")
    metrics = look_up(x, post)["data"][0]["public_metrics"]
    assert metrics["repost_count"] == 1
    assert "retweet_count" not in metrics


def test_a_deleted_post_is_named_among_the_errors(x: X) -> None:
    kept, deleted = by_hand(x, "Kept", "Deleted")
    x.delete(f"/2/tweets/{deleted}")
    answer = look_up(x, kept, deleted)
    assert ids(answer) == [kept]
    (error,) = answer["errors"]
    assert (error["resource_id"], error["type"].rpartition("/")[2]) == (deleted, "resource-not-found")


def test_only_the_author_sees_all_and_only_for_thirty_days(x: X) -> None:
    (old,) = by_hand(x, "Old", ago_seconds=31 * DAY)
    (new,) = by_hand(x, "New", ago_seconds=29 * DAY)
    bo = x.create("bo")
    mine, theirs = look_up(x, old, new), look_up(bo, new)
    assert ids(mine) == [new]
    assert [error["title"] for error in mine["errors"] + theirs["errors"]] == ["Field Authorization Error"] * 2
    assert "data" not in theirs
    assert ids(look_up(bo, old, new, fields="public_metrics")) == [old, new]
    assert ids(timeline(x, tweet_fields="non_public_metrics")) == [new]
    assert ids(timeline(x)) == [new, old]
    assert timeline(bo, x, tweet_fields="non_public_metrics").keys() == {"errors"}


def test_figures_are_billed_as_posts_read(x: X) -> None:
    one, two = by_hand(x, "One", "Two")
    look_up(x, one, two, "1")
    timeline(x, tweet_fields="public_metrics")
    assert x.control("GET", "/accounts/ana")["posts_read"] == {"owned": 2, "not_owned": 2}


def test_v1_knows_likes_and_reposts_only(x: X) -> None:
    one, two = by_hand(x, "One", "Two")
    count(x, one, **COUNTS)
    x.delete(f"/2/tweets/{two}")
    (status,) = x.get("/1.1/statuses/lookup.json", params={"id": f"{one},{two}"}).json()
    assert (status["favorite_count"], status["retweet_count"]) == (2, 1)
    mapped = x.get("/1.1/statuses/lookup.json", params={"id": f"{one},{two}", "map": "true"}).json()["id"]
    assert (mapped[one]["id_str"], mapped[two]) == (one, None)
    too_many = x.get("/1.1/statuses/lookup.json", params={"id": ",".join(map(str, range(1, 102)))})
    assert (too_many.status_code, too_many.json()["errors"][0]["code"]) == (403, 18)
