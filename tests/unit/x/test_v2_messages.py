import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent, XError
from campaign.x.error_table import RECIPIENT_REASONS
from campaign.x.gateway import Gateway
from campaign.x.types import MessageEvent, MessageEvents, NewMessage
from models import WindowName

SENT = {"data": {"dm_conversation_id": "42-7", "dm_event_id": "1146654567674912769"}}
LIMITS = {"x-rate-limit-limit": "15", "x-rate-limit-remaining": "14", "x-rate-limit-reset": "1794830400"}
HELLO = NewMessage("7", "Hello")
MOMENT = datetime(2026, 11, 19, 7, 31, tzinfo=UTC)
OWN = "42"


def failure_of(gateway: Gateway, message: NewMessage = HELLO) -> XError:
    with pytest.raises(XError) as caught:
        gateway.send_message(message)
    return caught.value


def event(x_id: int, text: str = "Hello", conversation: str = "7-42", **more: Any) -> dict[str, Any]:
    return {
        "id": str(x_id),
        "event_type": "MessageCreate",
        "text": text,
        "sender_id": OWN,
        "dm_conversation_id": conversation,
        "created_at": "2026-11-19T07:31:00.000Z",
        **more,
    }


def page(*events: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {**({"data": list(events)} if events else {}), "meta": {"result_count": len(events), **meta}}


def found(gateway: Gateway, little_x: Any, *events: dict[str, Any]) -> list[MessageEvent]:
    little_x.answers(page(*events))
    return list(gateway.message_events(OWN, "0", 100).value.events)


def test_a_message_goes_out_once_and_comes_back_as_an_id(v2: Gateway, little_x: Any) -> None:
    little_x.answers(SENT, status=201, headers=LIMITS)
    answer = v2.send_message(NewMessage("7", "Grüße 🦊 & <mehr>"))
    assert answer.value == "1146654567674912769"
    (asked,) = little_x.requests
    assert (asked.method, asked.path) == ("POST", "/2/dm_conversations/with/7/messages")
    assert asked.json == {"text": "Grüße 🦊 & <mehr>"}
    (receipt,) = answer.receipts
    assert (receipt.endpoint, receipt.price, receipt.usd) == (v2.message_endpoint, v2.message_price, Decimal("0.015"))
    assert [(each.name, each.remaining) for each in receipt.windows] == [(WindowName.QUARTER_HOUR, 14)]


def test_a_file_goes_with_a_message_or_alone(v2: Gateway, little_x: Any) -> None:
    for message in (NewMessage("7", "Look", "99"), NewMessage("7", "", "99")):
        little_x.answers(SENT, status=201)
        v2.send_message(message)
    file = {"attachments": [{"media_id": "99"}]}
    assert [each.json for each in little_x.requests] == [{"text": "Look", **file}, file]


def test_the_documented_limits_are_known(v2: Gateway) -> None:
    assert v2.message_limits == {WindowName.QUARTER_HOUR: 15, WindowName.USER_DAY: 1_440, WindowName.APP_DAY: 1_440}


@pytest.mark.parametrize("recipient", ["", "ana", "7/../8", "7?x=1", "\u0667"])
def test_what_is_no_id_is_sent_nowhere(v2: Gateway, little_x: Any, recipient: str) -> None:
    assert failure_of(v2, NewMessage(recipient, "Hello")).reason == "recipient_not_found"
    assert not little_x.requests


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"data":{}}',
        b'{"data":{"dm_event_id":null}}',
        b'{"data":{"dm_event_id":"soon"}}',
        b'{"errors":[{"code":349,"message":"You cannot send messages to this user."}]}',
    ],
)
@pytest.mark.parametrize("status", [200, 201])
def test_a_success_without_an_id_leaves_it_open(v2: Gateway, little_x: Any, body: bytes, status: int) -> None:
    little_x.answers(body, status=status, headers=LIMITS)
    failure = failure_of(v2)
    assert (type(failure), failure.reason, len(little_x.requests)) == (Uncertain, "bad_answer", 1)
    assert failure.receipts[0].windows[0].remaining == 14


@pytest.mark.parametrize("trouble", ["resets", "answers_503"])
def test_a_message_without_an_answer_is_open_and_not_repeated(v2: Gateway, little_x: Any, trouble: str) -> None:
    if trouble == "resets":
        little_x.resets()
    else:
        little_x.answers(b"", status=503)
    assert isinstance(failure_of(v2), Uncertain)
    assert len(little_x.requests) == 1


def test_a_message_that_finds_no_server_never_went_out(v2: Gateway, little_x: Any) -> None:
    little_x.close()
    assert isinstance(failure_of(v2), Unsent)


def test_an_unreachable_person_differs_from_an_account_that_may_not_send(v2: Gateway, little_x: Any) -> None:
    little_x.answers({"detail": "You do not have permission to DM one or more participants."}, status=403)
    little_x.answers({"detail": "This operation is not permitted."}, status=403)
    closed, restricted = failure_of(v2), failure_of(v2)
    assert isinstance(closed, Refused)
    assert closed.reason in RECIPIENT_REASONS
    assert isinstance(restricted, ServiceBlocked)
    assert restricted.reason == "sender_restricted"


def test_many_threads_share_one_way_to_x(v2: Gateway, little_x: Any) -> None:
    cookie = {"Set-Cookie": "guest_id=1; Path=/"}
    for number in range(200):
        little_x.answers({"data": {"dm_event_id": str(number + 1)}}, status=201, headers=cookie | LIMITS)
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda number: v2.send_message(NewMessage(str(number), f"n{number}")).value, range(200)))
    assert sorted(map(int, ids)) == list(range(1, 201))
    assert {(each.path, each.json["text"]) for each in little_x.requests} == {
        (f"/2/dm_conversations/with/{number}/messages", f"n{number}") for number in range(200)
    }
    assert len({each.connection for each in little_x.requests}) <= 8
    assert not any("Cookie" in each.headers for each in little_x.requests)
    assert len({each.headers["Authorization"] for each in little_x.requests}) == 200


def test_messages_of_both_sides_are_seen(v2: Gateway, little_x: Any) -> None:
    little_x.answers(page(event(9), event(8, "Stop", sender_id="7")), headers=LIMITS)
    answer = v2.message_events(OWN, "0", 100)
    assert answer.value == MessageEvents(
        [MessageEvent("9", OWN, "7", "Hello", MOMENT), MessageEvent("8", "7", OWN, "Stop", MOMENT)], is_complete=True
    )
    (asked,) = little_x.requests
    assert (asked.method, asked.path.partition("?")[0]) == ("GET", "/2/dm_events")
    assert asked.form == {
        "dm_event.fields": "id,text,event_type,created_at,sender_id,dm_conversation_id,entities",
        "event_types": "MessageCreate",
        "expansions": "sender_id",
        "max_results": "100",
    }
    (receipt,) = answer.receipts
    assert (receipt.endpoint, receipt.price, receipt.usd) == (v2.events_endpoint, v2.event_price, Decimal("0.020"))


def test_what_is_not_between_two_persons_is_paid_and_left_out(v2: Gateway, little_x: Any) -> None:
    joined = {"id": "8", "event_type": "ParticipantsJoin", "participant_ids": ["3"]}
    little_x.answers(page(event(9, conversation="1580000000000000000"), joined, event(7), event(6, conversation="3-4")))
    answer = v2.message_events(OWN, "0", 100)
    assert [each.x_id for each in answer.value.events] == ["7"]
    assert answer.receipts[0].resources == 4


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        ({"sender_id": None}, "8"),
        ({"sender_id": "3"}, "8"),
        ({"dm_conversation_id": None}, "8"),
        ({"text": ["x"]}, "8"),
        ({"created_at": "soon"}, "8"),
        ({"event_type": None, "sender_id": 7}, None),
        ({"id": "event8"}, "?"),
    ],
)
def test_one_odd_message_is_left_out_and_named(v2: Gateway, little_x: Any, odd: Any, named: str | None) -> None:
    little_x.answers(page(event(9), event(8) | odd, event(7, "Stop", sender_id="7")))
    answer = v2.message_events(OWN, "0", 100)
    assert [each.text for each in answer.value.events] == ["Hello", "Stop"]
    assert answer.left_out == ((named,) if named else ())
    assert answer.receipts[0].resources == 3


def test_senders_that_x_shows_beside_the_messages_are_paid_once_a_day(v2: Gateway, little_x: Any) -> None:
    for users in (["42", "7"], ["7"], ["7", "8"]):
        little_x.answers(page(event(9)) | {"includes": {"users": [{"id": each} for each in users]}})
    costs = [[each.usd for each in v2.message_events(OWN, "0", 100).receipts] for _ in range(3)]
    event_usd, user_usd = Decimal("0.010"), Decimal("0.010")
    assert costs == [[event_usd, 2 * user_usd], [event_usd], [event_usd, user_usd]]
    assert v2.shown_event_price.usd == event_usd + user_usd


@pytest.mark.parametrize("beside", [None, "odd", [], {"users": "odd"}, {"users": [None, 5]}, {"posts": {}}])
def test_odd_records_beside_the_messages_spoil_no_page(v2: Gateway, little_x: Any, beside: object) -> None:
    little_x.answers(page(event(8, "Stop", sender_id="7")) | {"includes": beside})
    answer = v2.message_events(OWN, "0", 100)
    assert [(one.text, one.username) for one in answer.value.events] == [("Stop", None)]
    assert len(answer.receipts) == 1


@pytest.mark.parametrize(
    ("users", "handle"),
    [([{"id": "7", "username": "ana"}], "ana"), ([{"id": "7"}], None), ([{"id": "8", "username": "bo"}, 5], None)],
)
def test_the_handle_of_a_sender_is_what_x_shows_beside_the_message(
    v2: Gateway, little_x: Any, users: list[Any], handle: str | None
) -> None:
    little_x.answers(page(event(8, "Stop", sender_id="7")) | {"includes": {"users": users}})
    (found,) = v2.message_events(OWN, "0", 100).value.events
    assert found.username == handle


def test_who_writes_to_themselves_is_both(v2: Gateway, little_x: Any) -> None:
    (note,) = found(v2, little_x, event(9, conversation="42-42"))
    assert (note.sender, note.recipient) == (OWN, OWN)


def test_reading_ends_at_what_is_known(v2: Gateway, little_x: Any) -> None:
    """Ids are compared as numbers: as text, 100 comes before 99."""
    little_x.answers(page(event(101), event(100), next_token="a"))
    little_x.answers(page(event(99), event(98), next_token="b"))
    answer = v2.message_events(OWN, "99", 1000)
    assert ([each.x_id for each in answer.value.events], answer.value.is_complete) == (["101", "100"], True)
    assert [each.form.get("pagination_token") for each in little_x.requests] == [None, "a"]
    assert [each.resources for each in answer.receipts] == [2, 2]


def test_no_more_is_shown_than_may_be_paid(v2: Gateway, little_x: Any) -> None:
    little_x.answers(page(*(event(each) for each in range(400, 300, -1)), next_token="a"))
    little_x.answers(page(*(event(each) for each in range(300, 280, -1)), next_token="b"))
    answer = v2.message_events(OWN, "0", 120)
    assert (len(answer.value.events), answer.value.is_complete) == (120, False)
    assert [each.form["max_results"] for each in little_x.requests] == ["100", "20"]
    assert v2.message_events(OWN, "0", 0).value == MessageEvents([], is_complete=False)


def test_empty_pages_do_not_go_on_for_ever(v2: Gateway, little_x: Any) -> None:
    for _ in range(2):
        little_x.answers(page(next_token="a"))
    answer = v2.message_events(OWN, "0", 100)
    assert (answer.value.is_complete, len(answer.receipts)) == (False, 2)
    assert answer.left_off == "X's list of messages repeats a page: reading ended after 0 of them."
    for token in ("b", "c", "d"):
        little_x.answers(page(next_token=token))
    assert "3 empty pages in a row" in v2.message_events(OWN, "0", 100).left_off


def test_the_text_is_what_was_written(v2: Gateway, little_x: Any) -> None:
    links = [
        {"url": "https://t.co/abc", "expanded_url": "http://example.com", "display_url": "example.com"},
        {"url": "https://t.co/pic", "expanded_url": "https://twitter.com/messages/media/9"},
    ]
    (message,) = found(v2, little_x, event(9, "A &lt; B https://t.co/abc https://t.co/pic", entities={"urls": links}))
    assert message.text == "A < B http://example.com"


def test_a_file_alone_has_no_text(v2: Gateway, little_x: Any) -> None:
    link = {"url": "https://t.co/pic", "expanded_url": "https://x.com/x", "media_key": "3_1"}
    alone = event(8)
    del alone["text"]
    assert [
        each.text for each in found(v2, little_x, event(9, "https://t.co/pic", entities={"urls": [link]}), alone)
    ] == [
        "",
        "",
    ]


def test_an_error_tells_of_the_pages_before(v2: Gateway, little_x: Any) -> None:
    little_x.answers(page(event(9), next_token="a"))
    little_x.answers(b"", status=429)
    with pytest.raises(Unsent) as caught:
        v2.message_events(OWN, "0", 100)
    assert [each.usd for each in caught.value.receipts] == [Decimal("0.010"), 0]


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"data":[]}',
        b'{"data":{"id":"9"},"meta":{}}',
        b'{"meta":{"result_count":1}}',
        b'{"data":[{"id":"9","event_type":"MessageCreate","text":"a"},{"id":"8"}],"meta":{}}',
    ],
)
def test_what_is_no_page_is_a_bad_answer(v2: Gateway, little_x: Any, body: bytes) -> None:
    little_x.answers(body)
    with pytest.raises(Uncertain) as caught:
        v2.message_events(OWN, "0", 100)
    assert caught.value.reason == "bad_answer"


def test_a_connection_that_x_closed_in_the_meantime_is_not_used(v2: Gateway, little_x: Any) -> None:
    closed = threading.Event()

    def answer_and_close(connection: socket.socket) -> None:
        body = b'{"data":{"dm_event_id":"1"}}'
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        connection.shutdown(socket.SHUT_WR)
        closed.set()

    little_x.script.append(answer_and_close)
    v2.send_message(HELLO)
    assert closed.wait(5)
    little_x.answers(SENT, status=201)
    assert v2.send_message(HELLO).value == SENT["data"]["dm_event_id"]
    assert len({each.connection for each in little_x.requests}) == len(little_x.requests) == 2
