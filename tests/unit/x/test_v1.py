from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from campaign.errors import Refused, Uncertain, Unsent
from campaign.x.gateway import Gateway
from campaign.x.types import Account, Follower

ANA = {
    "id": 2244994945,
    "id_str": "2244994945",
    "screen_name": "ana",
    "name": "Ana 🦊",
    "followers_count": 583_423,
    "verified": False,
    "location": "Köln",
    "protected": False,
}
NOBODY = {"errors": [{"code": 17, "message": "No user matches for specified terms."}]}


def ids(*found: str, next_cursor: str = "0") -> dict[str, Any]:
    return {"ids": list(found), "next_cursor": int(next_cursor), "next_cursor_str": next_cursor}


def test_me_is_the_account_of_the_keys(v1: Gateway, little_x: Any) -> None:
    little_x.answers(ANA, headers={"x-access-level": "read"})
    answer = v1.me()
    assert answer.value == Account("2244994945", "ana", "Ana 🦊", 583_423, False, "read")
    little_x.answers(ANA | {"profile_image_url_https": "https://pbs.twimg.com/a.jpg"})
    assert v1.me().value.picture_url == "https://pbs.twimg.com/a.jpg"
    assert answer.receipts[0].endpoint == "GET /1.1/account/verify_credentials"
    assert "v1.1" in answer.receipts[0].price.source


def test_whom_the_look_up_leaves_out_is_still_a_follower(v1: Gateway, little_x: Any) -> None:
    little_x.answers(ids("7", "2244994945", next_cursor="1374004777531007833"))
    little_x.answers([ANA])
    answer = v1.followers("42", None, 5000)
    assert answer.value.followers == [Follower("7"), Follower("2244994945", "ana", "Ana 🦊", 583_423, False, "Köln")]
    assert answer.value.next_token == "1374004777531007833"
    assert sum((each.usd for each in answer.receipts), Decimal(0)) == Decimal("0.002")


def test_a_page_is_looked_up_by_the_hundred(v1: Gateway, little_x: Any) -> None:
    little_x.answers(ids(*map(str, range(250))))
    for _ in range(3):
        little_x.answers(NOBODY, status=404)
    answer = v1.followers("42", "99", 250)
    assert len(answer.value.followers) == 250
    assert answer.value.next_token is None
    asked = [urlsplit(each.path) for each in little_x.requests]
    assert [each.path for each in asked] == ["/1.1/followers/ids.json"] + ["/1.1/users/lookup.json"] * 3
    assert parse_qs(asked[0].query)["cursor"] == ["99"]
    assert [len(parse_qs(each.query)["user_id"][0].split(",")) for each in asked[1:]] == [100, 100, 50]
    assert len(answer.receipts) == 4


def test_an_empty_page_needs_no_look_up(v1: Gateway, little_x: Any) -> None:
    little_x.answers(ids())
    assert v1.followers("42", None, 5000).value.followers == []
    assert len(little_x.requests) == 1


def test_ids_and_cursors_may_come_as_numbers(v1: Gateway, little_x: Any) -> None:
    little_x.answers({"ids": [7], "next_cursor": 12})
    little_x.answers([{"id": 7, "name": "Bo", "location": ""}])
    page = v1.followers("42", None, 5000).value
    assert (page.followers, page.next_token) == ([Follower("7", full_name="Bo")], "12")


def test_an_error_tells_of_the_calls_answered_before(v1: Gateway, little_x: Any) -> None:
    little_x.answers(ids("7"))
    little_x.answers({"errors": [{"message": "Rate limit exceeded", "code": 88}]}, status=429)
    with pytest.raises(Unsent) as caught:
        v1.followers("42", None, 5000)
    assert [(each.endpoint, each.resources) for each in caught.value.receipts] == [
        ("GET /1.1/followers/ids", 1),
        ("GET /1.1/users/lookup", 0),
    ]


def test_a_look_up_that_is_refused_is_not_taken_for_an_empty_one(v1: Gateway, little_x: Any) -> None:
    little_x.answers(ids("7"))
    little_x.answers({"errors": [{"code": 34, "message": "Sorry, that page does not exist."}]}, status=404)
    with pytest.raises(Refused) as caught:
        v1.followers("42", None, 5000)
    assert caught.value.reason == "not_found"


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b"", b'{"ids":[1]}', b'{"errors":null}', b'{"ids":null,"next_cursor":0}']
)
def test_a_success_that_holds_no_ids_is_a_bad_answer(v1: Gateway, little_x: Any, body: bytes) -> None:
    little_x.answers(body)
    with pytest.raises(Uncertain) as caught:
        v1.followers("42", None, 5000)
    assert caught.value.reason == "bad_answer"


def test_a_cursor_that_is_too_old_can_be_recognised(v1: Gateway, little_x: Any) -> None:
    little_x.answers({"errors": [{"code": 44, "message": "cursor parameter is invalid"}]}, status=400)
    with pytest.raises(Refused) as caught:
        v1.followers("42", "99", 5000)
    assert caught.value.reason == "page_token"


def test_odd_ids_and_odd_people_spoil_no_page(v1: Gateway, little_x: Any) -> None:
    little_x.answers({"ids": ["7", None, "x", "8"], "next_cursor_str": "0"})
    little_x.answers([{"id": 7, "screen_name": 5, "name": "Bo", "followers_count": "many"}, None])
    answer = v1.followers("42", None, 5000)
    assert answer.value.followers == [Follower("7", full_name="Bo"), Follower("8")]
    assert answer.left_out == ("?", "?")
