"""Timelines and lookups: what X shows of posts, how it shows links, and when."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from campaign.simulator.server import running
from tests.integration.simulator.test_followers import X, ids
from tests.integration.simulator.test_posts import post_id, truth


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def x(server: str) -> X:
    requests.post(f"{server}/control/reset", timeout=9)
    return X(server).create("ana")


def timeline(brand: X, of: X | None = None, **given: Any) -> dict[str, Any]:
    parameters = {name.replace("_fields", ".fields"): value for name, value in given.items()}
    answer = brand.get(f"/2/users/{(of or brand).user_id}/tweets", params=parameters)
    found: dict[str, Any] = answer.json()
    return found


def by_hand(x: X, *texts: str, **more: Any) -> list[str]:
    return [x.control("POST", "/accounts/ana/posts", text=text, **more)["id"] for text in texts]


def test_a_timeline_is_read_newest_first_and_all_of_it(x: X) -> None:
    made = by_hand(x, *(f"Post {number}" for number in range(12)))[::-1]
    first = timeline(x, max_results=5)
    second = timeline(x, max_results=5, pagination_token=first["meta"]["next_token"])
    third = timeline(x, max_results=5, pagination_token=second["meta"]["next_token"])
    assert ids(first) + ids(second) + ids(third) == made
    assert first["meta"].keys() == {"result_count", "newest_id", "oldest_id", "next_token"}
    assert third["meta"].keys() == {"result_count", "newest_id", "oldest_id", "previous_token"}
    assert (first["meta"]["newest_id"], third["meta"]["oldest_id"]) == (made[0], made[-1])
    back = timeline(x, max_results=5, pagination_token=third["meta"]["previous_token"])
    assert ids(back) == ids(second)
    assert len(ids(timeline(x))) == 10
    assert timeline(x.create("bo")) == {"meta": {"result_count": 0}}


def test_a_timeline_is_bounded_by_ids_and_times(x: X) -> None:
    (old,) = by_hand(x, "Old", ago_seconds=7_200)
    first, second, third = by_hand(x, "One", "Two", "Three")
    answered = by_hand(x, "Four", reply_to=third)[0]
    assert ids(timeline(x, since_id=first)) == [answered, third, second]
    assert ids(timeline(x, until_id=second)) == [first, old]
    assert ids(timeline(x, exclude="replies")) == [third, second, first, old]
    an_hour_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3_600))
    assert ids(timeline(x, end_time=an_hour_ago)) == [old]
    assert old not in ids(timeline(x, start_time=an_hour_ago))


@pytest.mark.parametrize(
    "given",
    [
        {"max_results": 4},
        {"max_results": 101},
        {"since_id": "x"},
        {"start_time": "yesterday"},
        {"start_time": "2026-13-01T00:00:00Z"},
        {"exclude": "sheep"},
        {"pagination_token": "nonsense"},
        {"shoes": "1"},
    ],
)
def test_a_wrong_parameter_is_an_invalid_request(x: X, given: dict[str, Any]) -> None:
    by_hand(x, "One")
    assert timeline(x, **given)["title"] == "Invalid Request"


def test_links_are_shortened_and_listed_where_they_are(x: X) -> None:
    text = "Tom & <b> 😀: https://www.example.com/a?b=1&c=2, bare example.org. An e-mail: me@example.net"
    post_id(x, text)
    (shown,) = timeline(x, tweet_fields="entities")["data"]
    first, second = shown["entities"]["urls"]
    assert shown["text"].startswith("Tom &amp; &lt;b&gt; 😀: https://t.co/")
    assert [shown["text"][url["start"] : url["end"]] for url in (first, second)] == [first["url"], second["url"]]
    assert (first["expanded_url"], first["display_url"]) == (
        "https://www.example.com/a?b=1&c=2",
        "example.com/a?b=1&c=2",
    )
    assert (second["expanded_url"], second["display_url"]) == ("http://example.org", "example.org")
    assert truth(x)[0]["text"] == text
    assert "entities" not in timeline(x)["data"][0]


def test_a_full_post_is_shown_whole_however_long_its_escapes_are(x: X) -> None:
    made = post_id(x, "&" * 280)
    shown = x.get("/2/tweets", params={"ids": made, "tweet.fields": "note_tweet"}).json()["data"][0]
    assert shown["text"] == "&amp;" * 280
    assert "note_tweet" not in shown


def test_a_long_post_is_cut_by_weight_and_between_escapes(x: X) -> None:
    x.control("PATCH", "/accounts/ana", subscription_type="Premium")
    for text in ("語" * 141, "&" * 281):
        made = post_id(x, text)
        shown = x.get("/2/tweets", params={"ids": made, "tweet.fields": "note_tweet"}).json()["data"][0]
        start, _, link = shown["text"].partition("… ")
        assert start.rstrip("語").replace("&amp;", "") == ""
        assert link.startswith("https://t.co/")
        assert shown["note_tweet"] == {"text": text.replace("&", "&amp;")}


def test_a_long_link_is_displayed_in_part(x: X) -> None:
    post_id(x, "https://example.com/" + "long" * 20)
    (url,) = timeline(x, post_fields="entities")["data"][0]["entities"]["urls"]
    assert url["display_url"] == "example.com/longlonglonglo…"


def test_a_post_may_be_shown_late(x: X) -> None:
    x.control("PUT", "/posts", show_after_seconds=60)
    made = post_id(x, "Hello")
    assert timeline(x) == {"meta": {"result_count": 0}}
    assert x.get(f"/1.1/statuses/user_timeline.json?user_id={x.user_id}").json() == []
    (error,) = x.get("/2/tweets", params={"ids": made}).json()["errors"]
    assert error["detail"] == f"Could not find tweet with ids: [{made}]."
    assert [one["id"] for one in truth(x)] == [made]
    answer = x.post("/2/tweets", json={"text": "More", "reply": {"in_reply_to_tweet_id": made}})
    assert answer.status_code == 201
    (old,) = by_hand(x, "Old", ago_seconds=61)
    assert ids(timeline(x)) == [old]
    x.control("PUT", "/posts")
    assert len(ids(timeline(x))) == 3


def test_deleted_posts_are_not_shown(x: X) -> None:
    first, second = post_id(x, "One"), post_id(x, "Two")
    x.delete(f"/2/tweets/{first}")
    assert ids(timeline(x)) == [second]
    answer = x.get("/2/tweets", params={"ids": f"{first},{second}"}).json()
    assert (ids(answer), answer["errors"][0]["resource_type"]) == ([second], "tweet")


def test_own_posts_are_cheaper_in_a_timeline_and_protected_ones_hidden(x: X) -> None:
    bo = x.create("bo")
    foreign = post_id(bo, "Hello")
    post_id(x, "Mine")
    timeline(x)
    timeline(x, of=bo)
    x.get("/2/tweets", params={"ids": foreign})
    assert x.control("GET", "/accounts/ana")["posts_read"] == {"owned": 1, "not_owned": 2}
    x.control("PATCH", "/accounts/bo", protected=True)
    for answer in (timeline(x, of=bo), x.get("/2/tweets", params={"ids": foreign}).json()):
        assert answer["errors"][0]["title"] == "Authorization Error"
    assert ids(timeline(bo)) == [foreign]


def test_x_spells_the_fields_of_posts_in_two_ways(x: X) -> None:
    root = post_id(x, "One")
    post_id(x, "Two", reply={"in_reply_to_tweet_id": root})
    wanted: dict[str, Any] = {"tweet_fields": "referenced_tweets,public_metrics", "exclude": ""}
    old = timeline(x, **wanted)["data"][0]
    assert {"referenced_tweets", "edit_history_tweet_ids"} <= old.keys()
    assert "retweet_count" in old["public_metrics"]
    x.control("POST", "/spelling", spelling="new")
    both = (timeline(x, **wanted), timeline(x, post_fields="public_metrics", expansions="referenced_posts"))
    for new in (answer["data"][0] for answer in both):
        assert {"referenced_posts", "edit_history_post_ids"} <= new.keys()
        assert "repost_count" in new["public_metrics"]
        assert not [name for name in new if "tweet" in name]


@pytest.mark.parametrize(("spelling", "good", "bad"), [("old", "tweet", "post"), ("new", "post", "tweet")])
def test_a_strict_x_refuses_the_other_spelling(x: X, spelling: str, good: str, bad: str) -> None:
    post_id(x, "One")
    x.control("POST", "/spelling", spelling=spelling, strict=True)
    wanted: dict[str, Any] = {f"{good}_fields": "entities"}
    assert f"edit_history_{good}_ids" in timeline(x, **wanted)["data"][0]
    asked: tuple[dict[str, Any], ...] = ({f"{bad}_fields": "created_at"}, {f"{good}_fields": f"referenced_{bad}s"})
    for field in asked:
        answer = timeline(x, **field)
        assert (answer["title"], answer["type"].rsplit("/")[-1]) == ("Invalid Request", "invalid-request")
    assert x.get(f"/2/users/me?{bad}.fields=id").status_code == 400


@pytest.mark.parametrize("parameter", ["tweet_fields", "post_fields", "user_fields", "expansions"])
def test_unknown_values_of_lists_are_dropped_silently_and_billed(x: X, parameter: str) -> None:
    made = post_id(x, "One")
    plain = timeline(x)
    assert plain["data"][0].keys() == {"id", "text", "edit_history_tweet_ids"}
    asked: dict[str, Any] = {parameter: f"shoes, {made}"}
    assert timeline(x, **asked) == plain
    assert x.control("GET", "/accounts/ana")["posts_read"]["owned"] == 2


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"tweet_fields": "referenced_tweets,author_id"}, {"referenced_tweets", "author_id"}),
        ({"tweet_fields": "referenced_posts"}, set()),
        ({"post_fields": "referenced_tweets,referenced_posts,author_id,created_at"}, {"created_at"}),
        ({"expansions": "author_id"}, {"author_id"}),
        ({"post_fields": "public_metrics", "expansions": "referenced_posts"}, {"public_metrics", "referenced_tweets"}),
    ],
)
def test_each_vocabulary_knows_its_own_names_only(x: X, given: dict[str, Any], shown: set[str]) -> None:
    root = post_id(x, "One")
    post_id(x, "Two", reply={"in_reply_to_tweet_id": root})
    assert timeline(x, exclude="", **given)["data"][0].keys() - {"id", "text", "edit_history_tweet_ids"} == shown


def test_expansions_show_users_and_posts_and_are_billed_once_a_day(x: X) -> None:
    root = post_id(x, "One")
    post_id(x, "Two", reply={"in_reply_to_tweet_id": root})
    for _ in range(2):
        included = timeline(x, expansions="author_id,referenced_tweets.id")["includes"]
        assert [user["username"] for user in included["users"]] == ["ana"]
        assert [post["id"] for post in included["tweets"]] == [root]
    truth = x.control("GET", "/accounts/ana")
    assert (truth["users_expanded"], truth["posts_expanded"], truth["posts_read"]["owned"]) == (1, 1, 4)


@pytest.mark.parametrize(("spelling", "known", "dropped"), [("old", "tweet", "post"), ("new", "post", "tweet")])
def test_x_may_know_only_one_vocabulary(x: X, spelling: str, known: str, dropped: str) -> None:
    post_id(x, "One")
    x.control("POST", "/spelling", spelling=spelling, only=True)
    asked: dict[str, Any] = {f"{known}_fields": "created_at"}
    assert "created_at" in timeline(x, **asked)["data"][0]
    asked = {f"{dropped}_fields": "created_at"}
    assert "created_at" not in timeline(x, **asked)["data"][0]


@pytest.mark.parametrize(
    ("written", "expanded", "display"),
    [
        ("https://münchen.de/angebot", "https://xn--mnchen-3ya.de/angebot", "münchen.de/angebot"),
        ("faß.de/angebot?a=b", "http://xn--fa-hia.de/angebot?a=b", "faß.de/angebot?a=b"),
        ("https://www.example.com/münchen", "https://www.example.com/münchen", "example.com/münchen"),
    ],
)
def test_the_host_of_a_link_is_shown_as_the_network_knows_it(x: X, written: str, expanded: str, display: str) -> None:
    by_hand(x, f"See {written}")
    (shown,) = timeline(x, tweet_fields="entities")["data"]
    (url,) = shown["entities"]["urls"]
    assert (url["expanded_url"], url["display_url"]) == (expanded, display)
    assert shown["text"] == f"See {url['url']}"


def test_a_short_link_of_x_stays_what_it_is(x: X) -> None:
    by_hand(x, "See https://t.co/AbCdEf1234")
    assert timeline(x)["data"][0]["text"] == "See https://t.co/AbCdEf1234"
