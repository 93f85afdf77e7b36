"""Posts on v2: what a client is answered, and what is true of them."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests_oauthlib import OAuth1

from campaign.simulator.server import running
from tests.integration.simulator.test_followers import UNAUTHORIZED, X

AGAIN = "You are not allowed to create a Tweet with duplicate content."
NOT_PERMITTED = "You are not permitted to perform this action."


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def x(server: str) -> X:
    requests.post(f"{server}/control/reset", timeout=9)
    return X(server).create("ana")


def post(brand: X, text: str = "Hello", **more: Any) -> requests.Response:
    return brand.post("/2/tweets", json={"text": text} | more)


def post_id(brand: X, text: str, **more: Any) -> str:
    answer = post(brand, text, **more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


def truth(x: X, username: str = "ana") -> list[dict[str, Any]]:
    return list(x.control("GET", f"/accounts/{username}/posts")["posts"])


def told(answer: requests.Response) -> tuple[int, Any]:
    body = answer.json()
    kind = str(body.get("type", "")).rsplit("/", 1)[-1]
    return answer.status_code, kind if kind == "invalid-request" else body["detail"]


def test_a_post_is_made_and_shown(x: X) -> None:
    answer = post(x, "  Hello, cafe\u0301!\r\nNew  ", reply_settings="following", paid_partnership=True)
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert data == {"id": data["id"], "text": "Hello, caf\u00e9!\nNew", "edit_history_tweet_ids": [data["id"]]}
    (true,) = truth(x)
    created = true.pop("created_at")
    assert created.endswith("+00:00")
    assert set(true.pop("counts").values()) == {0}
    assert true == {
        "id": data["id"],
        "text": "Hello, caf\u00e9!\nNew",
        "reply_to": None,
        "media": [],
        "poll": None,
        "reply_settings": "following",
        "paid_partnership": True,
        "made_with_ai": False,
        "deleted": False,
    }


def test_ids_are_made_of_the_time_and_grow(x: X) -> None:
    numbers = [int(post_id(x, f"Post {number}")) for number in range(5)]
    assert numbers == sorted(set(numbers))
    assert abs((numbers[0] >> 22) + 1_288_834_974_657 - time.time() * 1000) < 5_000


def test_a_body_in_json_is_not_signed_but_all_else_is(x: X) -> None:
    wrong = OAuth1(**(x.keys | {"client_secret": "x"}))
    answer = x.post("/2/tweets", json={"text": "Hello"}, auth=wrong)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert truth(x) == []
    assert post(x, "Ω & ☕️ https://example.com/?a=1&b=2").status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "  "},
        {"text": 1},
        {"text": "a", "colour": "red"},
        {"text": "a", "reply": {}},
        {"text": "a", "reply": {"in_reply_to_tweet_id": "x"}},
        {"text": "a", "media": {"media_ids": []}},
        {"text": "a", "media": {"media_ids": ["1"]}},
        {"text": "a", "media": {"media_ids": ["1"]}, "poll": {"options": ["a", "b"], "duration_minutes": 5}},
        {"text": "a", "poll": {"options": ["a"], "duration_minutes": 5}},
        {"text": "a", "poll": {"options": ["a", "b" * 26], "duration_minutes": 5}},
        {"text": "a", "poll": {"options": ["a", "b"], "duration_minutes": 4}},
        {"text": "a", "reply_settings": "nobody"},
        {"text": "a", "paid_partnership": "yes"},
        ["text"],
    ],
)
def test_a_wrong_body_is_an_invalid_request(x: X, body: Any) -> None:
    assert told(x.post("/2/tweets", json=body)) == (400, "invalid-request")
    assert truth(x) == []


def test_a_poll_is_kept(x: X) -> None:
    poll = {"options": ["Tea", "Coffee"], "duration_minutes": 60}
    post_id(x, "Which?", poll=poll)
    assert truth(x)[0]["poll"] == poll


def test_the_same_text_is_refused_for_a_day_even_when_deleted(x: X) -> None:
    first = post_id(x, "Hello")
    assert told(post(x, " Hello ")) == (403, AGAIN)
    x.delete(f"/2/tweets/{first}")
    assert told(post(x, "Hello")) == (403, AGAIN)
    assert post(x.create("bo"), "Hello").status_code == 201
    x.control("POST", "/accounts/ana/posts", text="Old news", ago_seconds=90_000)
    assert post(x, "Old news").status_code == 201
    assert len(truth(x)) == 3


def test_the_same_text_may_answer_another_post(x: X) -> None:
    first, second = post_id(x, "One"), post_id(x, "Two")
    for parent in (first, second):
        post_id(x, "Thanks", reply={"in_reply_to_tweet_id": parent})
    assert told(post(x, "Thanks", reply={"in_reply_to_tweet_id": first})) == (403, AGAIN)


def test_a_thread_is_a_chain_of_answers_to_oneself(x: X) -> None:
    first = post_id(x, "One")
    second = post_id(x, "Two", reply={"in_reply_to_tweet_id": first})
    third = post_id(x, "Three", reply={"in_reply_to_tweet_id": second})
    assert [one["reply_to"] for one in truth(x)] == [None, first, second]
    fields = {"tweet.fields": "referenced_tweets,conversation_id,in_reply_to_user_id,author_id"}
    (shown,) = x.get("/2/tweets", params={"ids": third} | fields).json()["data"]
    assert shown["referenced_tweets"] == [{"type": "replied_to", "id": second}]
    assert shown["conversation_id"] == first
    assert shown["in_reply_to_user_id"] == shown["author_id"] == x.user_id


def test_one_answers_only_to_ones_own_posts(x: X) -> None:
    foreign = post_id(x.create("bo"), "Hello")
    gone = post_id(x, "Gone")
    x.delete(f"/2/tweets/{gone}")
    for parent, words in ((foreign, "Reply to this conversation"), (gone, "You can only reply"), ("7", "You can only")):
        status, detail = told(post(x, "Me too", reply={"in_reply_to_tweet_id": parent}))
        assert status == 403
        assert detail.startswith(words)


def test_posts_of_others_are_not_quoted(x: X) -> None:
    status, detail = told(post(x, "Look", quote_tweet_id="7"))
    assert (status, detail[:31]) == (403, "Quoting this post is not allowe")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("a" * 280, 201),
        ("a" * 281, 403),
        ("語" * 140, 201),
        ("語" * 141, 403),
        ("a" * 256 + " https://e.com/" + "b" * 99, 201),
    ],
)
def test_a_text_is_as_long_as_x_counts(x: X, text: str, status: int) -> None:
    answer = post(x, text)
    assert answer.status_code == status
    assert status == 201 or told(answer) == (403, NOT_PERMITTED)


def test_subscribers_write_long_posts_which_are_cut_in_text(x: X) -> None:
    x.control("PATCH", "/accounts/ana", subscription_type="Premium")
    assert x.get("/2/users/me?user.fields=subscription_type").json()["data"]["subscription_type"] == "Premium"
    text = "Long & wide " * 40 + "https://example.com/end"
    made = post_id(x, text)
    shown = x.get("/2/tweets", params={"ids": made, "tweet.fields": "note_tweet,entities"}).json()["data"][0]
    assert len(shown["text"]) <= 280
    assert "…" in shown["text"]
    assert shown["entities"]["urls"][-1]["expanded_url"] == f"https://x.com/i/web/status/{made}"
    note = shown["note_tweet"]
    link = note["entities"]["urls"][0]
    whole = note["text"].replace(link["url"], link["expanded_url"]).replace("&amp;", "&")
    assert whole == text
    assert told(post(x, "a" * 25_001)) == (403, NOT_PERMITTED)


def test_a_post_is_deleted_by_its_author_only(x: X) -> None:
    mine, foreign = post_id(x, "Mine"), post_id(x.create("bo"), "Foreign")
    for gone in (mine, mine, "7"):
        answer = x.delete(f"/2/tweets/{gone}")
        assert (answer.status_code, answer.json()) == (200, {"data": {"deleted": True}})
    assert x.delete(f"/2/tweets/{foreign}").status_code == 403
    assert [truth(x)[0]["deleted"], truth(x, "bo")[0]["deleted"]] == [True, False]
    assert x.control("GET", "/accounts/ana")["posts_deleted"] == 1


def test_x_bills_posts_with_links_apart(x: X) -> None:
    for text in ("No link", "https://example.com", "bare example.com here"):
        post_id(x, text)
    post(x, "No link")
    bill = x.control("GET", "/accounts/ana")
    assert bill["posts_made"] == {"with_link": 2, "without_link": 1}
    assert bill["calls"]["posts"] == 4


def test_what_was_made_with_ai_is_kept_and_shown(x: X) -> None:
    made = post_id(x, "A picture of a door", made_with_ai=True)
    assert truth(x)[0]["made_with_ai"] is True
    assert x.get(f"/2/tweets?ids={made}&post.fields=made_with_ai").json()["data"][0]["made_with_ai"] is True


def test_self_serve_apps_may_name_only_users_who_named_them(x: X) -> None:
    bo = x.create("bo")
    x.control("PATCH", "/accounts/ana", condition="mentions_refused")
    assert told(post(x, "Hello @bo")) == (403, "You are not permitted to perform this action.")
    assert [post(x, text).status_code for text in ("I am @ana", "ana@bo.example", "@unknown_1")] == [201, 201, 201]
    post_id(bo, "Hello @Ana!")
    assert post(x, "Hello @bo").status_code == 201
