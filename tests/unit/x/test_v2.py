import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent
from campaign.x.gateway import Gateway, connect
from campaign.x.types import Account, Follower, Keys
from models import WindowName

ANA = {
    "id": "2244994945",
    "name": "Ana 🦊 Ünlü",
    "username": "ana",
    "verified": True,
    "location": "Köln 🇩🇪",
    "receives_your_dm": False,
    "public_metrics": {"followers_count": 583_423, "following_count": 2048, "tweet_count": 14052, "listed_count": 1672},
}
PICTURE = "https://pbs.twimg.com/profile_images/1/a_normal.jpg"
LIMITS = {"x-rate-limit-limit": "300", "x-rate-limit-remaining": "299", "x-rate-limit-reset": "1794830400"}


def test_me_is_the_account_of_the_keys(v2: Gateway, little_x: Any) -> None:
    body = {"data": {**ANA, "protected": True}}
    little_x.answers(body, headers={"x-access-level": "read-write-directmessages"})
    answer = v2.me()
    assert answer.value == Account("2244994945", "ana", "Ana 🦊 Ünlü", 583_423, True, "read-write-directmessages")
    assert [(each.endpoint, each.usd) for each in answer.receipts] == [("GET /2/users/me", Decimal("0.010"))]


def test_me_says_what_the_account_pays_for(v2: Gateway, little_x: Any) -> None:
    little_x.answers({"data": {**ANA, "subscription_type": "PremiumPlus"}})
    little_x.answers({"data": {**ANA, "subscription_type": "None"}})
    assert [v2.me().value.subscription for _ in range(2)] == ["PremiumPlus", None]
    assert parse_qs(urlsplit(little_x.requests[0].path).query)["user.fields"] == [
        "public_metrics,protected,subscription_type,profile_image_url"
    ]


@pytest.mark.parametrize(
    ("subscription", "longest"), [("Premium", 25_000), ("PremiumPlus", 25_000), ("Basic", 280), (None, 280)]
)
def test_subscribers_may_write_long_posts(subscription: str | None, longest: int) -> None:
    assert Account("7", "bo", "bo", 0, False, None, subscription).longest_post == longest


def test_me_says_where_the_picture_is(v2: Gateway, little_x: Any) -> None:
    little_x.answers({"data": {**ANA, "profile_image_url": PICTURE}})
    little_x.answers({"data": {**ANA, "profile_image_url": 7}})
    assert [v2.me().value.picture_url for _ in range(2)] == [PICTURE, None]


def test_me_needs_no_more_than_id_and_handle(v2: Gateway, little_x: Any) -> None:
    little_x.answers({"data": {"id": "7", "username": "bo", "public_metrics": None}})
    assert v2.me().value == Account("7", "bo", "bo", 0, False, None)


def test_followers_come_with_their_price_and_the_way_on(v2: Gateway, little_x: Any) -> None:
    little_x.answers({"data": [ANA, {"id": "7"}], "meta": {"result_count": 2, "next_token": "next"}}, headers=LIMITS)
    answer = v2.followers("42", None, 1000)
    assert answer.value.next_token == "next"
    ana = Follower("2244994945", "ana", "Ana 🦊 Ünlü", 583_423, True, "Köln 🇩🇪", receives_messages=False)
    assert answer.value.followers == [ana, Follower("7")]
    (receipt,) = answer.receipts
    assert (receipt.endpoint, receipt.usd) == ("GET /2/users/:id/followers", Decimal("0.002"))
    assert [(each.name, each.limit, each.remaining) for each in receipt.windows] == [
        (WindowName.QUARTER_HOUR, 300, 299)
    ]


def test_only_the_fields_in_use_are_asked_for(v2: Gateway, little_x: Any) -> None:
    little_x.answers({"meta": {"result_count": 0}})
    v2.followers("42", "abc", 250)
    asked = urlsplit(little_x.requests[0].path)
    assert asked.path == "/2/users/42/followers"
    assert parse_qs(asked.query) == {
        "max_results": ["250"],
        "pagination_token": ["abc"],
        "user.fields": ["public_metrics,verified,location,receives_your_dm"],
    }


def test_another_persons_followers_cost_ten_times_as_much(little_x: Any, keys: Keys) -> None:
    little_x.answers({"data": [{"id": "7"}], "meta": {"result_count": 1}})
    (receipt,) = (
        connect(keys, api_version="2", owned=False, base_url=little_x.base_url).followers("42", None, 1).receipts
    )
    assert receipt.usd == Decimal("0.010")


def test_no_data_and_no_results_is_an_empty_last_page(v2: Gateway, little_x: Any) -> None:
    little_x.answers({"meta": {"result_count": 0}})
    page = v2.followers("42", None, 1000).value
    assert (page.followers, page.next_token) == ([], None)


def test_errors_beside_data_are_left_alone(v2: Gateway, little_x: Any) -> None:
    partial = {"title": "Not Found Error", "detail": "Could not find user with ids: [9].", "type": "about:blank"}
    little_x.answers({"data": [{"id": "7"}], "errors": [partial], "meta": {"result_count": 1}})
    assert v2.followers("42", None, 1000).value.followers == [Follower("7")]


def test_counts_may_be_huge_and_names_cut_in_an_emoji(v2: Gateway, little_x: Any) -> None:
    little_x.answers(
        rb'{"data":[{"id":"7","name":"a\ud83d","public_metrics":{"followers_count":4294967296}}],"meta":{}}'
    )
    (follower,) = v2.followers("42", None, 1000).value.followers
    assert (follower.full_name, follower.followers_count) == ("a?", 4_294_967_296)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"data":[{"id":"7"', id="broken json"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"errors":null}', id="null errors"),
        pytest.param(b'{"errors":[null]}', id="list of null errors"),
        pytest.param(b'{"data":[{"id":"7"}]}', id="page without meta"),
        pytest.param(b'{"meta":{"result_count":3}}', id="results announced and missing"),
        pytest.param(b'{"data":[{"name":"Ana"},{"name":"Bo"}],"meta":{"result_count":2}}', id="users without ids"),
        pytest.param(b'{"data":{"id":"7"},"meta":{"result_count":1}}', id="one user instead of a list"),
        pytest.param(b"[" * 100_000, id="nested without end"),
    ],
)
def test_a_success_that_holds_no_page_is_a_bad_answer(v2: Gateway, little_x: Any, body: bytes) -> None:
    little_x.answers(body, headers=LIMITS)
    with pytest.raises(Uncertain) as caught:
        v2.followers("42", None, 1000)
    assert caught.value.reason == "bad_answer"
    assert caught.value.receipts[0].windows[0].remaining == 299


def test_a_success_with_errors_only_is_what_they_say(v2: Gateway, little_x: Any) -> None:
    problem = {
        "value": "42",
        "detail": "User has been suspended: [42].",
        "title": "Forbidden",
        "resource_type": "user",
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    }
    little_x.answers({"errors": [problem], "meta": {"result_count": 0}})
    with pytest.raises(Refused) as caught:
        v2.followers("42", None, 1000)
    assert caught.value.reason == "user_suspended"


@pytest.mark.parametrize("data", ["x", {"id": "1"}, 5])
def test_figures_in_no_list_are_no_answer(v2: Gateway, little_x: Any, data: object) -> None:
    little_x.answers({"data": data})
    with pytest.raises(Uncertain):
        v2.post_counts(["1"])


def test_an_odd_list_of_problems_spoils_no_figures(v2: Gateway, little_x: Any) -> None:
    little_x.answers({"data": [{"id": "1", "public_metrics": {"like_count": 3}}], "errors": 5})
    assert [(one.x_id, one.likes) for one in v2.post_counts(["1"]).value] == [("1", 3)]


@pytest.mark.parametrize("handle", [None, 5, "", ["bo"]])
def test_an_account_without_a_handle_is_no_answer(v2: Gateway, little_x: Any, handle: object) -> None:
    little_x.answers({"data": {"id": "7", "username": handle}})
    with pytest.raises(Uncertain) as caught:
        v2.me()
    assert caught.value.reason == "bad_answer"


@pytest.mark.parametrize(
    "body",
    [b"[]", b'{"errors":null}', b"", b'{"errors":[1,null,"text"]}', b'[{"code":32,"message":"no"}]'],
)
def test_refusals_of_any_shape_are_translated(v2: Gateway, little_x: Any, body: bytes) -> None:
    """Three of these bodies crash tweepy's own exceptions."""
    little_x.answers(body, status=401)
    with pytest.raises(ServiceBlocked) as caught:
        v2.me()
    assert caught.value.reason == "keys_wrong"


def test_a_refusal_tells_what_is_left_and_costs_nothing(v2: Gateway, little_x: Any) -> None:
    little_x.answers({"title": "Too Many Requests"}, status=429, headers={**LIMITS, "x-rate-limit-remaining": "0"})
    with pytest.raises(Unsent) as caught:
        v2.followers("42", None, 1000)
    (receipt,) = caught.value.receipts
    assert (receipt.usd, receipt.windows[0].remaining) == (0, 0)


def test_a_token_that_is_too_old_can_be_recognised(v2: Gateway, little_x: Any) -> None:
    message = "The `pagination_token` query parameter value [abc] is not valid"
    little_x.answers(
        {
            "errors": [{"parameters": {"pagination_token": ["abc"]}, "message": message}],
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": "https://api.twitter.com/2/problems/invalid-request",
        },
        status=400,
    )
    with pytest.raises(Refused) as caught:
        v2.followers("42", "abc", 1000)
    assert caught.value.reason == "page_token"


def test_odd_followers_spoil_no_page(v2: Gateway, little_x: Any) -> None:
    odd = {"id": "9", "username": 5, "public_metrics": [], "verified": "yes", "location": None}
    body = {"data": [{"id": "7"}, {"name": "Bo"}, odd, None, {"id": "ten"}], "meta": {"result_count": 5}}
    little_x.answers(b"\xef\xbb\xbf" + json.dumps(body).encode())
    answer = v2.followers("42", None, 1000)
    assert answer.value.followers == [Follower("7"), Follower("9")]
    assert answer.left_out == ("?", "?", "?")
    assert answer.receipts[0].resources == 5


def test_an_account_is_known_though_a_field_of_it_is_odd(v2: Gateway, little_x: Any) -> None:
    little_x.answers({"data": {"id": "7", "username": "bo", "name": 5, "public_metrics": [], "subscription_type": []}})
    assert v2.me().value == Account("7", "bo", "bo", 0, False, None)
