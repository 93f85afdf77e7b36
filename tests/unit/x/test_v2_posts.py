import socket
from decimal import Decimal
from typing import Any

import pytest

from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent, XError
from campaign.x.gateway import Gateway, connect
from campaign.x.types import Keys, NewPost, Poll, ReplySettings

CREATED = {"data": {"id": "1445880548472328192", "text": "Hello https://t.co/abc", "edit_history_tweet_ids": ["1"]}}
LIMITS = {"x-rate-limit-limit": "100", "x-rate-limit-remaining": "99", "x-rate-limit-reset": "1794830400"}
HELLO = NewPost("Hello")


def failure_of(gateway: Gateway, post: NewPost = HELLO) -> XError:
    with pytest.raises(XError) as caught:
        gateway.publish(post)
    return caught.value


def test_a_post_goes_out_once_and_comes_back_as_an_id(v2: Gateway, little_x: Any) -> None:
    little_x.answers(CREATED, status=201, headers=LIMITS)
    answer = v2.publish(NewPost("Grüße 🦊 & <mehr>"), v2.post_price(has_link=False))
    assert answer.value == "1445880548472328192"
    (asked,) = little_x.requests
    assert (asked.method, asked.path, asked.json) == ("POST", "/2/tweets", {"text": "Grüße 🦊 & <mehr>"})
    (receipt,) = answer.receipts
    assert (receipt.endpoint, receipt.usd) == (v2.post_endpoint, Decimal("0.015"))
    assert receipt.windows[0].remaining == 99


def test_without_a_price_the_dearest_is_counted(v2: Gateway, little_x: Any) -> None:
    little_x.answers(CREATED, status=201)
    assert v2.publish(HELLO).receipts[0].usd == Decimal("0.200")


@pytest.mark.parametrize(
    ("post", "body"),
    [
        (NewPost("a", reply_to="7"), {"text": "a", "reply": {"in_reply_to_tweet_id": "7"}}),
        (NewPost("", media_ids=("7", "8")), {"media": {"media_ids": ["7", "8"]}}),
        (
            NewPost("a", poll=Poll(("yes", "no"), 60)),
            {"text": "a", "poll": {"options": ["yes", "no"], "duration_minutes": 60}},
        ),
        (NewPost("a", reply_settings=ReplySettings.MENTIONED), {"text": "a", "reply_settings": "mentionedUsers"}),
        (NewPost("a", paid_partnership=True), {"text": "a", "paid_partnership": True}),
        (NewPost("a", made_with_ai=True), {"text": "a", "made_with_ai": True}),
    ],
)
def test_x_gets_the_fields_that_are_set_and_no_others(v2: Gateway, little_x: Any, post: NewPost, body: Any) -> None:
    little_x.answers(CREATED, status=201)
    v2.publish(post)
    assert little_x.requests[0].json == body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"[]",
        b'{"data":null}',
        b'{"data":{}}',
        b'{"data":{"id":null}}',
        b'{"data":{"id":"x"}}',
        b'{"data":{"id":"7"',
        b'{"errors":[{"code":187,"message":"Status is a duplicate."}]}',
    ],
)
def test_a_success_without_an_id_leaves_it_open(v2: Gateway, little_x: Any, body: bytes) -> None:
    little_x.answers(body, status=201, headers=LIMITS)
    failure = failure_of(v2)
    assert (type(failure), failure.reason) == (Uncertain, "bad_answer")
    assert failure.receipts[0].windows[0].remaining == 99


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"<html>bad gateway</html>", b'{"title":"Service Unavailable"}'])
def test_a_failing_server_leaves_it_open(v2: Gateway, little_x: Any, status: int, body: bytes) -> None:
    little_x.answers(body, status=status)
    failure = failure_of(v2)
    assert (type(failure), failure.reason) == (Uncertain, "unavailable")
    assert len(little_x.requests) == 1


def test_a_reset_leaves_it_open(v2: Gateway, little_x: Any) -> None:
    little_x.resets()
    failure = failure_of(v2)
    assert (type(failure), failure.reason) == (Uncertain, "no_answer")
    assert len(little_x.requests) == 1


def test_silence_leaves_it_open(v2: Gateway, little_x: Any) -> None:
    little_x.stays_silent()
    session: Any = vars(v2)["_client"].session
    session.timeout = (1, 0.05)
    failure = failure_of(v2)
    assert (type(failure), failure.reason) == (Uncertain, "no_answer")
    assert len(little_x.requests) == 1


def test_a_refused_connection_sent_nothing(keys: Keys) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        failure = failure_of(connect(keys, api_version="2", owned=True, base_url=base_url))
    assert (type(failure), failure.reason) == (Unsent, "unreachable")


@pytest.mark.parametrize(
    ("status", "body", "error", "reason"),
    [
        (429, b"<html>", Unsent, "not_the_api"),
        (429, b'{"title":"Too Many Requests"}', Unsent, "rate_limited"),
        (401, b"", ServiceBlocked, "keys_wrong"),
        (402, b"", ServiceBlocked, "credits"),
        (403, b"<!DOCTYPE html><html>", Unsent, "not_the_api"),
        (404, b"", Unsent, "not_routed"),
        (403, b'{"detail":"You are not allowed to create a Tweet with duplicate content."}', Refused, "duplicate"),
        (403, b'{"detail":"You are not permitted to perform this action."}', Refused, "not_permitted"),
    ],
)
def test_a_refusal_did_nothing_and_cost_nothing(
    v2: Gateway, little_x: Any, status: int, body: bytes, error: type[XError], reason: str
) -> None:
    little_x.answers(body, status=status, headers=LIMITS)
    failure = failure_of(v2)
    assert (type(failure), failure.reason) == (error, reason)
    assert [each.usd for each in failure.receipts] == [0]
    assert not isinstance(failure, Unsent) or failure.retry_at


def test_a_post_is_deleted(v2: Gateway, little_x: Any) -> None:
    little_x.answers({"data": {"deleted": True}})
    answer = v2.delete_post("7")
    assert answer.value is True
    assert (little_x.requests[0].method, little_x.requests[0].path) == ("DELETE", "/2/tweets/7")
    assert [(each.endpoint, each.usd) for each in answer.receipts] == [("DELETE /2/tweets/:id", Decimal("0.005"))]


NOT_DELETED = {"data": {"deleted": False}}
GONE = {"errors": [{"detail": "Could not find tweet with id: [7].", "type": "https://x/2/problems/resource-not-found"}]}


@pytest.mark.parametrize(("status", "body"), [(200, {"data": {"deleted": False}}), (200, GONE), (404, GONE)])
def test_a_post_that_is_gone_is_not_deleted_again(v2: Gateway, little_x: Any, status: int, body: Any) -> None:
    little_x.answers(body, status=status)
    answer = v2.delete_post("7")
    assert answer.value is False
    assert [each.usd for each in answer.receipts] == [0]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"data":{"deleted":"maybe"}}', b'{"errors":null}'])
def test_a_deletion_that_x_does_not_confirm_is_open(v2: Gateway, little_x: Any, body: bytes) -> None:
    little_x.answers(body)
    with pytest.raises(Uncertain):
        v2.delete_post("7")


def test_another_persons_post_is_not_deleted(v2: Gateway, little_x: Any) -> None:
    little_x.answers({"detail": "You are not permitted to perform this action."}, status=403)
    with pytest.raises(Refused) as caught:
        v2.delete_post("7")
    assert caught.value.reason == "not_permitted"
