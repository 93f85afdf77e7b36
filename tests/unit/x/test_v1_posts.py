from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
from oauthlib.common import Request
from oauthlib.oauth1.rfc5849 import signature
from oauthlib.oauth1.rfc5849.utils import parse_authorization_header

from campaign.errors import Refused, Uncertain, Unsent
from campaign.x.gateway import Gateway
from campaign.x.types import Keys, NewPost, OwnPost, Poll, ReplySettings

SINCE = datetime(2026, 11, 19, 7, 30, tzinfo=UTC)
SINCE_ID = str(((int(SINCE.timestamp() * 1000) - 1_288_834_974_657) << 22) - 1)
STATUS = {"id": 1445880548472328192, "id_str": "1445880548472328192", "text": "Hello"}
NASTY = 'Grüße 🦊 & <mehr> ~*\'()!+%20=&\n"100 %"'


def shown(x_id: int, text: str = "Hello", **more: Any) -> dict[str, Any]:
    created = {"created_at": "Thu Nov 19 07:31:00 +0000 2026"}
    return {"id": x_id, "id_str": str(x_id), "full_text": text, **created, **more}


def test_a_post_goes_out_in_the_body_and_well_signed(v1: Gateway, little_x: Any, keys: Keys) -> None:
    little_x.answers(STATUS)
    answer = v1.publish(NewPost(NASTY, ("7", "8"), reply_to="9"), v1.post_price(has_link=False))
    assert answer.value == "1445880548472328192"
    (asked,) = little_x.requests
    assert (asked.method, asked.path) == ("POST", "/1.1/statuses/update.json")
    assert asked.form == {
        "status": NASTY,
        "media_ids": "7,8",
        "in_reply_to_status_id": "9",
        "auto_populate_reply_metadata": "true",
        "trim_user": "true",
    }
    assert is_well_signed(asked, little_x.base_url, keys)
    assert [(each.endpoint, each.usd) for each in answer.receipts] == [(v1.post_endpoint, Decimal("0.015"))]
    assert "v1.1" in answer.receipts[0].price.source


def is_well_signed(asked: Any, base_url: str, keys: Keys) -> bool:
    received: Any = Request(base_url + asked.path, http_method="POST")
    authorization = asked.headers["Authorization"]
    received.signature = unquote(dict(parse_authorization_header(authorization))["oauth_signature"])
    received.params = signature.collect_parameters(
        body=list(asked.form.items()), headers={"Authorization": authorization}
    )
    secrets = keys.consumer_secret.get_secret_value(), keys.access_token_secret.get_secret_value()
    return signature.verify_hmac_sha1(received, *secrets)


@pytest.mark.parametrize(
    "post",
    [
        NewPost("a", poll=Poll(("yes", "no"), 60)),
        NewPost("a", reply_settings=ReplySettings.FOLLOWING),
        NewPost("a", paid_partnership=True),
        NewPost("a", made_with_ai=True),
    ],
)
def test_what_only_v2_can_do_is_not_left_out(v1: Gateway, little_x: Any, post: NewPost) -> None:
    with pytest.raises(Refused) as caught:
        v1.publish(post)
    assert caught.value.reason == "not_in_version"
    assert not little_x.requests


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"null", b'{"id":null}', b'{"text":"Hello"}'])
def test_a_success_without_an_id_leaves_it_open(v1: Gateway, little_x: Any, body: bytes) -> None:
    little_x.answers(body)
    with pytest.raises(Uncertain) as caught:
        v1.publish(NewPost("Hello"))
    assert caught.value.reason == "bad_answer"


def test_a_duplicate_is_refused(v1: Gateway, little_x: Any) -> None:
    little_x.answers({"errors": [{"code": 187, "message": "Status is a duplicate."}]}, status=403)
    with pytest.raises(Refused) as caught:
        v1.publish(NewPost("Hello"))
    assert caught.value.reason == "duplicate"


def test_a_post_is_deleted(v1: Gateway, little_x: Any) -> None:
    little_x.answers(STATUS)
    answer = v1.delete_post("7")
    assert answer.value is True
    assert (little_x.requests[0].method, little_x.requests[0].path) == ("POST", "/1.1/statuses/destroy/7.json")
    assert [(each.endpoint, each.usd) for each in answer.receipts] == [
        ("POST /1.1/statuses/destroy/:id", Decimal("0.005"))
    ]


def test_a_post_that_is_gone_is_not_deleted_again(v1: Gateway, little_x: Any) -> None:
    little_x.answers({"errors": [{"code": 144, "message": "No status found with that ID."}]}, status=404)
    answer = v1.delete_post("7")
    assert answer.value is False
    assert [each.usd for each in answer.receipts] == [0]


def test_a_deletion_that_x_does_not_confirm_is_open(v1: Gateway, little_x: Any) -> None:
    little_x.answers(b"<html>")
    with pytest.raises(Uncertain):
        v1.delete_post("7")


def test_posts_are_read_until_a_page_is_empty(v1: Gateway, little_x: Any) -> None:
    little_x.answers([shown(90), shown(80, retweeted_status={"id": 1})])
    little_x.answers([shown(70, in_reply_to_status_id_str="60")])
    little_x.answers([])
    answer = v1.own_posts("42", SINCE, 300)
    moment = datetime(2026, 11, 19, 7, 31, tzinfo=UTC)
    assert answer.value == [OwnPost("90", "Hello", moment), OwnPost("70", "Hello", moment, "60")]
    asked = {"user_id": "42", "since_id": SINCE_ID, "tweet_mode": "extended", "trim_user": "true"}
    assert [each.form for each in little_x.requests] == [
        {**asked, "count": "200", "include_rts": "true"},
        {**asked, "count": "200", "include_rts": "true", "max_id": "79"},
        {**asked, "count": "200", "include_rts": "true", "max_id": "69"},
    ]
    assert [each.resources for each in answer.receipts] == [2, 1, 0]
    assert answer.receipts[0].endpoint == v1.timeline_endpoint


def test_no_more_is_asked_for_than_may_be_paid(v1: Gateway, little_x: Any) -> None:
    little_x.answers([shown(each) for each in range(400, 200, -1)])
    little_x.answers([shown(200)])
    assert len(v1.own_posts("42", SINCE, 201).value) == 201
    assert [each.form["count"] for each in little_x.requests] == ["200", "1"]
    with pytest.raises(ValueError, match="at least 1"):
        v1.own_posts("42", SINCE, 0)


def test_a_moment_before_the_first_id_is_none(v1: Gateway, little_x: Any) -> None:
    little_x.answers([])
    v1.own_posts("42", datetime(2009, 1, 1, tzinfo=UTC), 5)
    assert little_x.requests[0].form["since_id"] == "1"


def test_links_are_written_out_and_the_media_link_is_gone(v1: Gateway, little_x: Any) -> None:
    link = {"url": "https://t.co/abc", "expanded_url": "http://example.com", "display_url": "example.com"}
    photo = {"url": "https://t.co/pic", "expanded_url": "https://x.com/ana/status/9/photo/1"}
    text = "A &amp; B https://t.co/abc https://t.co/pic"
    entities = {"entities": {"urls": [link], "media": [photo]}, "extended_entities": {"media": [photo, photo]}}
    little_x.answers([shown(9, text, **entities)])
    little_x.answers([])
    (found,) = v1.own_posts("42", SINCE, 5).value
    assert (found.text, found.media) == ("A & B http://example.com", 2)


def test_an_error_tells_of_the_pages_before(v1: Gateway, little_x: Any) -> None:
    little_x.answers([shown(9)])
    little_x.answers(b"", status=429)
    with pytest.raises(Unsent) as caught:
        v1.own_posts("42", SINCE, 5)
    assert len(caught.value.receipts) == 2


@pytest.mark.parametrize("body", [b"{}", b"null", b"[1,2]", b'[{"id":7},{"id":8}]', b'{"errors":null}'])
def test_what_is_no_page_is_a_bad_answer(v1: Gateway, little_x: Any, body: bytes) -> None:
    little_x.answers(body)
    with pytest.raises(Uncertain) as caught:
        v1.own_posts("42", SINCE, 5)
    assert caught.value.reason == "bad_answer"


def test_one_odd_post_is_left_out_and_named(v1: Gateway, little_x: Any) -> None:
    little_x.answers([shown(9), {**shown(8), "created_at": "soon"}, {"full_text": "no id"}])
    little_x.answers([])
    answer = v1.own_posts("42", SINCE, 5)
    assert [each.x_id for each in answer.value] == ["9"]
    assert answer.left_out == ("8", "?")


def test_a_timeline_that_stands_still_ends_and_says_so(v1: Gateway, little_x: Any) -> None:
    for _ in range(2):
        little_x.answers([shown(9)])
    answer = v1.own_posts("42", SINCE, 200)
    assert answer.left_off == "X's list of posts repeats a page: reading ended after 2 of them."
    assert len(little_x.requests) == 2
