from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from campaign.errors import Uncertain, Unsent
from campaign.x.gateway import Gateway
from campaign.x.types import OwnPost

SINCE = datetime(2026, 11, 19, 9, 30, 15, 700_000, tzinfo=timezone(timedelta(hours=2)))
CREATED = "2026-11-19T07:31:00.000Z"
MOMENT = datetime(2026, 11, 19, 7, 31, tzinfo=UTC)


def page(*posts: dict[str, Any], next_token: str | None = None) -> dict[str, Any]:
    meta = {"result_count": len(posts), **({"next_token": next_token} if next_token else {})}
    return {"meta": meta, **({"data": list(posts)} if posts else {})}


def post(x_id: str, text: str = "Hello", /, **more: Any) -> dict[str, Any]:
    return {"id": x_id, "text": text, "created_at": CREATED, "edit_history_tweet_ids": [x_id], **more}


def many(first: int, count: int) -> list[dict[str, Any]]:
    return [post(str(first - index)) for index in range(count)]


def the_post(gateway: Gateway, little_x: Any, shown: dict[str, Any]) -> OwnPost:
    little_x.answers(page(shown))
    (found,) = gateway.own_posts("42", SINCE, 5).value
    return found


def test_posts_since_a_second_are_asked_for(v2: Gateway, little_x: Any) -> None:
    little_x.answers(page(post("7")))
    answer = v2.own_posts("42", SINCE, 50)
    assert answer.value == [OwnPost("7", "Hello", MOMENT)]
    assert [(each.endpoint, each.usd) for each in answer.receipts] == [(v2.timeline_endpoint, Decimal("0.001"))]
    assert little_x.requests[0].path.startswith("/2/users/42/tweets?")
    assert little_x.requests[0].form == {
        "start_time": "2026-11-19T07:30:15Z",
        "exclude": "retweets",
        "max_results": "50",
        "tweet.fields": "attachments,created_at,entities,in_reply_to_user_id,note_tweet,referenced_tweets",
    }


def test_nothing_new_is_an_empty_list(v2: Gateway, little_x: Any) -> None:
    little_x.answers(page())
    answer = v2.own_posts("42", SINCE, 5)
    assert answer.value == []
    assert [each.usd for each in answer.receipts] == [0]


@pytest.mark.parametrize(
    ("at_most", "sizes"), [(5, [5]), (100, [100]), (103, [98, 5]), (105, [100, 5]), (250, [100, 100, 50])]
)
def test_no_more_is_asked_for_than_may_be_paid(v2: Gateway, little_x: Any, at_most: int, sizes: list[int]) -> None:
    for index, size in enumerate(sizes):
        little_x.answers(page(*many(9000 - index * 100, size), next_token=f"page{index + 1}"))
    answer = v2.own_posts("42", SINCE, at_most)
    assert [int(each.form["max_results"]) for each in little_x.requests] == sizes
    assert [each.form.get("pagination_token") for each in little_x.requests] == [
        f"page{index}" if index else None for index in range(len(sizes))
    ]
    assert len(answer.value) == sum(each.resources for each in answer.receipts) == at_most


def test_a_short_page_is_not_the_last_one(v2: Gateway, little_x: Any) -> None:
    little_x.answers(page(next_token="a"))
    little_x.answers(page(*many(99, 3), next_token="b"))
    little_x.answers(page(*many(9, 4)))
    assert len(v2.own_posts("42", SINCE, 100).value) == 7
    assert [each.form["max_results"] for each in little_x.requests] == ["100", "100", "97"]


def test_less_than_x_shows_at_least_is_a_mistake(v2: Gateway) -> None:
    with pytest.raises(ValueError, match="at least 5"):
        v2.own_posts("42", SINCE, 4)


DROPPED = {"id": "7", "text": "Hello", "edit_history_post_ids": ["7"]}


def test_names_that_x_drops_are_replaced_and_remembered(v2: Gateway, little_x: Any) -> None:
    little_x.answers(page(DROPPED))
    little_x.answers(page(post("7")))
    little_x.answers(page(post("8")))
    assert [each.usd for each in v2.own_posts("42", SINCE, 5).receipts] == [Decimal("0.001")]
    v2.own_posts("42", SINCE, 5)
    fields = [{name for name in each.form if name.endswith((".fields", "ions"))} for each in little_x.requests]
    assert fields == [{"tweet.fields"}, {"post.fields", "expansions"}, {"post.fields", "expansions"}]
    assert little_x.requests[2].form["post.fields"] == "attachments,created_at,entities,in_reply_to_user_id,note_post"
    assert little_x.requests[2].form["expansions"] == "referenced_posts"


def test_the_posts_that_x_shows_beside_them_are_paid_once_a_day(v2: Gateway, little_x: Any) -> None:
    answers = {"in_reply_to_user_id": "42", "referenced_posts": [{"type": "replied_to", "id": "8"}]}
    shown = page(post("9", **answers)) | {"includes": {"posts": [{"id": "8"}]}}
    for _ in range(2):
        little_x.answers(shown)
        v2.own_posts("42", SINCE, 5)
    little_x.answers(shown | {"includes": {"posts": [{"id": "8"}, {"id": "6"}]}})
    assert [each.usd for each in v2.own_posts("42", SINCE, 5).receipts] == [Decimal("0.001"), Decimal("0.005")]


def test_an_answer_whose_parent_is_dropped_is_asked_for_otherwise(v2: Gateway, little_x: Any) -> None:
    little_x.answers(page(post("9", in_reply_to_user_id="42")))
    parent = {"referenced_posts": [{"type": "replied_to", "id": "8"}]}
    little_x.answers(page(post("9", in_reply_to_user_id="42", **parent)))
    assert [each.reply_to for each in v2.own_posts("42", SINCE, 5).value] == ["8"]


def test_fields_that_no_name_brings_are_an_error_and_paid_once(v2: Gateway, little_x: Any) -> None:
    for _ in range(2):
        little_x.answers(page(DROPPED))
    with pytest.raises(Uncertain, match="lacks the fields") as caught:
        v2.own_posts("42", SINCE, 5)
    assert caught.value.reason == "fields_missing"
    assert [each.usd for each in caught.value.receipts] == [Decimal("0.001")]


@pytest.mark.parametrize("lost", ["public_metrics", "all"])
def test_figures_that_are_all_missing_are_no_zeros(v2: Gateway, little_x: Any, lost: str) -> None:
    shown = DROPPED if lost == "all" else post("7", non_public_metrics={"impression_count": 3})
    for _ in range(4):
        little_x.answers(page(shown))
    with pytest.raises(Uncertain) as looked_up:
        v2.post_counts(["7"])
    with pytest.raises(Uncertain) as listed:
        v2.timeline_counts("42", SINCE, 5)
    assert {looked_up.value.reason, listed.value.reason} == {"fields_missing"}


def test_a_list_that_stands_still_ends_and_says_so(v2: Gateway, little_x: Any) -> None:
    little_x.answers(page(*many(9000, 3), next_token="a"))
    for token in ("b", "c", "d"):
        little_x.answers(page(next_token=token))
    answer = v2.own_posts("42", SINCE, 100)
    assert (len(answer.value), len(little_x.requests)) == (3, 4)
    assert answer.left_off == "X's list of posts has 3 empty pages in a row: reading ended after 3 of them."


def test_a_page_token_seen_before_ends_a_list(v2: Gateway, little_x: Any) -> None:
    for first, token in ((9000, "a"), (8000, "b"), (9000, "a")):
        little_x.answers(page(*many(first, 5), next_token=token))
    answer = v2.own_posts("42", SINCE, 100)
    assert answer.left_off == "X's list of posts repeats a page: reading ended after 15 of them."


@pytest.mark.parametrize(
    "odd",
    [
        {"text": "no id", "created_at": CREATED},
        {"id": "6", "text": "no time"},
        {"id": "6", "text": 7, "created_at": CREATED},
        {"id": "6", "text": "no zone", "created_at": "2026-11-19T07:31:00"},
        {"id": "6", "text": "x", "created_at": CREATED, "referenced_tweets": "all"},
        None,
    ],
)
def test_one_odd_post_is_left_out_and_named(v2: Gateway, little_x: Any, odd: Any) -> None:
    little_x.answers(page(post("9"), odd, post("8")))
    answer = v2.own_posts("42", SINCE, 5)
    assert [each.x_id for each in answer.value] == ["9", "8"]
    assert answer.left_out == ("6" if odd and odd.get("id") else "?",)
    assert answer.receipts[0].resources == 3


def test_an_error_tells_of_the_pages_before(v2: Gateway, little_x: Any) -> None:
    little_x.answers(page(*many(99, 5), next_token="a"))
    little_x.answers(b"", status=429)
    with pytest.raises(Unsent) as caught:
        v2.own_posts("42", SINCE, 100)
    assert [each.usd for each in caught.value.receipts] == [Decimal("0.005"), 0]


@pytest.mark.parametrize("renamed", [False, True])
def test_answers_differ_from_reposts(v2: Gateway, little_x: Any, renamed: bool) -> None:
    name, repost = ("referenced_posts", "reposted") if renamed else ("referenced_tweets", "retweeted")
    little_x.answers(
        page(
            post("9", "Hello", **{name: [{"type": "quoted", "id": "1"}, {"type": "replied_to", "id": "8"}]}),
            post("8", "Hello", **{name: [{"type": repost, "id": "2"}]}),
        )
    )
    answer = v2.own_posts("42", SINCE, 5)
    assert [(each.x_id, each.reply_to) for each in answer.value] == [("9", "8")]
    assert answer.receipts[0].resources == 2


@pytest.mark.parametrize("name", ["note_post", "note_tweet"])
def test_a_long_post_is_whole(v2: Gateway, little_x: Any, name: str) -> None:
    long = "word " * 100
    link = {"start": 0, "end": 1, "url": "https://t.co/abc", "expanded_url": "http://a.example"}
    note = {"text": f"{long}&amp; https://t.co/abc", "entities": {"urls": [link]}}
    found = the_post(v2, little_x, post("9", "word word… https://t.co/xyz", **{name: note}))
    assert found.text == f"{long}& http://a.example"


def test_links_are_written_out_and_the_media_link_is_gone(v2: Gateway, little_x: Any) -> None:
    photo = "https://x.com/ana/status/9/photo/1"
    links = [
        {"url": "https://t.co/abc", "expanded_url": "http://example.com", "display_url": "example.com"},
        {"url": "https://t.co/oth", "expanded_url": "https://x.com/bo/status/5/photo/1"},
        {"url": "https://t.co/pic", "expanded_url": photo, "media_key": "3_1"},
        {"url": "https://t.co/pic", "expanded_url": photo, "media_key": "3_2"},
    ]
    shown = post("9", "A &lt; B https://t.co/abc https://t.co/oth https://t.co/pic", entities={"urls": links})
    found = the_post(v2, little_x, {**shown, "attachments": {"media_keys": ["3_1", "3_2"]}})
    assert (found.text, found.media) == ("A < B http://example.com https://x.com/bo/status/5/photo/1", 2)


def test_a_media_link_is_known_by_its_address_too(v2: Gateway, little_x: Any) -> None:
    link = {"url": "https://t.co/pic", "expanded_url": "https://twitter.com/ana/status/9/video/1"}
    assert the_post(v2, little_x, post("9", "Look https://t.co/pic", entities={"urls": [link]})).text == "Look"


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"data":[]}',
        b'{"meta":{"result_count":1}}',
        b'{"data":{"id":"7"},"meta":{}}',
        b'{"data":[{"id":"7","created_at":"soon"},{"id":"8","created_at":7}],"meta":{}}',
    ],
)
def test_what_is_no_page_is_a_bad_answer(v2: Gateway, little_x: Any, body: bytes) -> None:
    little_x.answers(body)
    with pytest.raises(Uncertain) as caught:
        v2.own_posts("42", SINCE, 5)
    assert caught.value.reason == "bad_answer"
