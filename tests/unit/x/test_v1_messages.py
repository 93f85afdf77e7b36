from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from campaign.errors import Refused, Uncertain, Unsent
from campaign.x.error_table import RECIPIENT_REASONS
from campaign.x.gateway import Gateway
from campaign.x.types import MessageEvent, MessageEvents, NewMessage
from models import WindowName

SENT = {"event": {"type": "message_create", "id": "1146654567674912769", "created_timestamp": "1794830400000"}}
MOMENT = datetime(2026, 11, 19, 7, 31, tzinfo=UTC)
OWN = "42"


def event(x_id: int, text: str = "Hello", sender: str = OWN, recipient: str = "7", **data: Any) -> dict[str, Any]:
    return {
        "type": "message_create",
        "id": str(x_id),
        "created_timestamp": str(int(MOMENT.timestamp() * 1000)),
        "message_create": {
            "target": {"recipient_id": recipient},
            "sender_id": sender,
            "message_data": {"text": text, **data},
        },
    }


def test_a_message_goes_out_in_the_body(v1: Gateway, little_x: Any) -> None:
    little_x.answers(SENT)
    answer = v1.send_message(NewMessage("7", "Grüße 🦊 & <mehr>", "99"))
    assert answer.value == "1146654567674912769"
    (asked,) = little_x.requests
    assert (asked.method, asked.path) == ("POST", "/1.1/direct_messages/events/new.json")
    data = {"text": "Grüße 🦊 & <mehr>", "attachment": {"type": "media", "media": {"id": "99"}}}
    create = {"target": {"recipient_id": "7"}, "message_data": data}
    assert asked.json == {"event": {"type": "message_create", "message_create": create}}
    (receipt,) = answer.receipts
    assert (receipt.endpoint, receipt.price, receipt.usd) == (v1.message_endpoint, v1.message_price, Decimal("0.015"))
    assert "v1.1" in receipt.price.source


def test_a_message_without_a_file_has_no_attachment(v1: Gateway, little_x: Any) -> None:
    little_x.answers(SENT)
    v1.send_message(NewMessage("7", "Hello"))
    assert little_x.requests[0].json["event"]["message_create"]["message_data"] == {"text": "Hello"}


def test_the_documented_limits_are_known(v1: Gateway) -> None:
    assert v1.message_limits == {WindowName.USER_DAY: 1_000, WindowName.APP_DAY: 15_000}


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"event":null}', b'{"event":{"id":null}}'])
def test_a_success_without_an_id_leaves_it_open(v1: Gateway, little_x: Any, body: bytes) -> None:
    little_x.answers(body)
    with pytest.raises(Uncertain) as caught:
        v1.send_message(NewMessage("7", "Hello"))
    assert caught.value.reason == "bad_answer"
    assert len(little_x.requests) == 1


def test_a_person_who_gets_no_messages_is_refused(v1: Gateway, little_x: Any) -> None:
    little_x.answers({"errors": [{"code": 349, "message": "You cannot send messages to this user."}]}, status=403)
    with pytest.raises(Refused) as caught:
        v1.send_message(NewMessage("7", "Hello"))
    assert caught.value.reason in RECIPIENT_REASONS


def test_messages_of_both_sides_are_seen(v1: Gateway, little_x: Any) -> None:
    little_x.answers({"events": [event(9), event(8, "Stop", "7", OWN)], "apps": {}})
    answer = v1.message_events(OWN, "0", 100)
    assert answer.value == MessageEvents(
        [MessageEvent("9", OWN, "7", "Hello", MOMENT), MessageEvent("8", "7", OWN, "Stop", MOMENT)], is_complete=True
    )
    (asked,) = little_x.requests
    assert (asked.path.partition("?")[0], asked.form) == ("/1.1/direct_messages/events/list.json", {"count": "50"})
    assert (answer.receipts[0].endpoint, answer.receipts[0].usd) == (v1.events_endpoint, Decimal("0.020"))


def test_other_events_are_paid_and_left_out(v1: Gateway, little_x: Any) -> None:
    other = {"type": "welcome_message", "id": "8"}
    little_x.answers({"events": [event(9), other, event(7, sender="3", recipient="4")]})
    answer = v1.message_events(OWN, "0", 100)
    assert [each.x_id for each in answer.value.events] == ["9"]
    assert answer.receipts[0].resources == 3


def test_reading_ends_at_what_is_known(v1: Gateway, little_x: Any) -> None:
    little_x.answers({"events": [event(101), event(100)], "next_cursor": "a"})
    little_x.answers({"events": [event(99)], "next_cursor": "b"})
    answer = v1.message_events(OWN, "99", 60)
    assert ([each.x_id for each in answer.value.events], answer.value.is_complete) == (["101", "100"], True)
    assert [each.form for each in little_x.requests] == [{"count": "50"}, {"count": "50", "cursor": "a"}]


def test_no_more_is_shown_than_may_be_paid(v1: Gateway, little_x: Any) -> None:
    little_x.answers({"events": [event(each) for each in range(90, 40, -1)], "next_cursor": "a"})
    little_x.answers({"events": [event(40)], "next_cursor": "b"})
    answer = v1.message_events(OWN, "0", 51)
    assert (len(answer.value.events), answer.value.is_complete) == (51, False)
    assert little_x.requests[1].form["count"] == "1"


def test_the_text_is_what_was_written(v1: Gateway, little_x: Any) -> None:
    link = {"url": "https://t.co/abc", "expanded_url": "http://example.com", "display_url": "example.com"}
    file = {"type": "media", "media": {"id": 99, "url": "https://t.co/pic"}}
    text = "A &amp; B https://t.co/abc https://t.co/pic"
    little_x.answers({"events": [event(9, text, entities={"urls": [link]}, attachment=file)]})
    (found,) = v1.message_events(OWN, "0", 50).value.events
    assert found.text == "A & B http://example.com"


def test_an_error_tells_of_the_pages_before(v1: Gateway, little_x: Any) -> None:
    little_x.answers({"events": [event(9)], "next_cursor": "a"})
    little_x.answers(b"", status=429)
    with pytest.raises(Unsent) as caught:
        v1.message_events(OWN, "0", 100)
    assert len(caught.value.receipts) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        b"[]",
        b'{"events":null}',
        b'{"events":[{"id":"9"},{"id":"8"}]}',
        b'{"events":[{},null]}',
    ],
)
def test_what_is_no_page_is_a_bad_answer(v1: Gateway, little_x: Any, body: bytes) -> None:
    little_x.answers(body)
    with pytest.raises(Uncertain) as caught:
        v1.message_events(OWN, "0", 50)
    assert caught.value.reason == "bad_answer"
