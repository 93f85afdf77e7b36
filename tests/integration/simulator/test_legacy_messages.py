"""Direct messages on v1.1: what a client is answered, and what is true of them."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests_oauthlib import OAuth1

from campaign.simulator.server import running
from tests.integration.simulator.test_followers import X
from tests.integration.simulator.test_messages import truth

NEW, LIST = "/1.1/direct_messages/events/new.json", "/1.1/direct_messages/events/list.json"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(99)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def x(server: str) -> X:
    requests.post(f"{server}/control/reset", timeout=9)
    return X(server).create("ana", followers=10)


def send(brand: X, recipient: str, text: str = "Hello", auth: Any = None, **more: Any) -> requests.Response:
    created = {"target": {"recipient_id": recipient}, "message_data": {"text": text} | more}
    event = {"type": "message_create", "message_create": created}
    return brand.post(NEW, json={"event": event}, auth=auth)


def told(answer: requests.Response) -> tuple[int, int | None]:
    errors = answer.json().get("errors")
    return answer.status_code, errors[0]["code"] if errors else None


def page(brand: X, **given: Any) -> dict[str, Any]:
    answer = brand.get(LIST, params=given)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def upload(brand: X, **given: str) -> str:
    answer = brand.post("/1.1/media/upload.json", files={"media": ("a", PICTURE)}, data=given)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["media_id_string"])


def test_a_message_is_sent_and_shown(x: X) -> None:
    bo = x.true_ids("ana")[0]
    reply = {"type": "options", "options": [{"label": "Stop"}]}
    buttons = [{"type": "web_url", "label": "Look", "url": "https://example.com/a"}]
    answer = send(x, bo, "See https://example.com", quick_reply=reply, ctas=buttons)
    assert answer.status_code == 200
    event = answer.json()["event"]
    (url,) = event["message_create"]["message_data"].pop("entities")["urls"]
    assert url["expanded_url"] == "https://example.com"
    (true,) = truth(x)
    assert event == {
        "type": "message_create",
        "id": true["id"],
        "created_timestamp": event["created_timestamp"],
        "message_create": {
            "target": {"recipient_id": bo},
            "sender_id": x.user_id,
            "message_data": {"text": f"See {url['url']}", "quick_reply": reply, "ctas": buttons},
        },
    }
    assert (true["text"], true["quick_reply"], true["ctas"]) == ("See https://example.com", reply, buttons)
    assert x.control("GET", "/accounts/ana")["messages_made"] == 0


def test_a_message_in_json_is_not_signed_but_all_else_is(x: X) -> None:
    wrong = OAuth1(**(x.keys | {"client_secret": "x"}))
    assert told(send(x, x.true_ids("ana")[0], auth=wrong)) == (401, 32)
    assert truth(x) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event": {"type": "message_create"}},
        {"event": {"type": "typing", "message_create": {"target": {"recipient_id": "7"}, "message_data": {}}}},
        {"event": {"type": "message_create", "message_create": {"target": {}, "message_data": {"text": "a"}}}},
        {"event": {"type": "message_create", "message_create": {"target": {"recipient_id": "7"}, "message_data": {}}}},
        ["event"],
    ],
)
def test_a_wrong_message_is_a_bad_request(x: X, body: Any) -> None:
    assert told(x.post(NEW, json=body)) == (400, 214)
    assert truth(x) == []


@pytest.mark.parametrize(
    "part",
    [
        {"attachment": {"type": "file"}},
        {"attachment": {"type": "media", "media": {}}},
        {"quick_reply": {"type": "options", "options": []}},
        {"ctas": [{"type": "web_url", "label": "a"}]},
    ],
)
def test_a_wrong_part_of_a_message_is_a_bad_request(x: X, part: dict[str, Any]) -> None:
    assert told(send(x, x.true_ids("ana")[0], **part)) == (400, 214)


@pytest.mark.parametrize(
    ("state", "code"), [("closed", 349), ("blocked", 349), ("suspended", 108), ("gone", 50), ("open", None)]
)
def test_whom_messages_do_not_reach(x: X, state: str, code: int | None) -> None:
    bo = x.true_ids("ana")[0]
    x.control("PUT", "/recipients", state=state, users=[bo])
    assert told(send(x, bo))[1] == code
    assert len(truth(x)) == (code is None)


def test_a_closed_inbox_has_another_error_for_strangers(x: X) -> None:
    bo = x.true_ids("ana")[0]
    x.control("PUT", "/recipients", state="closed", users=[bo])
    assert told(send(x.create("cy"), bo)) == (403, 150)
    x.control("DELETE", "/accounts/ana/followers", user_ids=[bo])
    assert told(send(x, bo)) == (403, 150)


def test_a_text_may_be_too_long_or_empty(x: X) -> None:
    bo = x.true_ids("ana")[0]
    assert told(send(x, bo, "a" * 10_001)) == (403, 354)
    assert told(send(x, bo, " ")) == (403, 151)
    assert told(send(x, "7")) == (404, 50)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"access_level": "read-write"}, 93),
        ({"condition": "looks_automated"}, 226),
        ({"condition": "sender_restricted"}, 151),
        ({"condition": "suspended"}, 64),
        ({"condition": "locked"}, 326),
        ({"condition": "legacy_refused"}, 453),
    ],
)
def test_a_sender_may_be_refused(x: X, change: dict[str, str], code: int) -> None:
    x.control("PATCH", "/accounts/ana", **change)
    assert told(send(x, x.true_ids("ana")[0])) == (403, code)
    assert truth(x) == []


def test_messages_are_read_newest_first_in_pages(x: X) -> None:
    bo = x.true_ids("ana")[0]
    for number in range(3):
        send(x, bo, f"{number}")
    x.control("POST", "/accounts/ana/messages", **{"from": bo, "text": "Stop"})
    x.control("POST", "/accounts/ana/messages", **{"from": bo, "text": "Old", "ago_seconds": 31 * 86_400})
    first = page(x, count=3)
    last = page(x, count=3, cursor=first["next_cursor"])
    texts = [one["message_create"]["message_data"]["text"] for one in first["events"] + last["events"]]
    assert texts == ["Stop", "2", "1", "0"]
    assert "next_cursor" not in last
    assert told(x.create("bo").get(LIST, params={"cursor": first["next_cursor"]})) == (400, 44)
    assert told(x.get(LIST, params={"cursor": "?"})) == (400, 44)


def test_files_are_sent_once_unless_they_are_shared(x: X) -> None:
    bo = x.true_ids("ana")[0]

    def attach(media_id: str) -> requests.Response:
        return send(x, bo, "Look", attachment={"type": "media", "media": {"id": media_id}})

    once, shared = upload(x, media_category="dm_image"), upload(x, media_category="dm_image", shared="true")
    data = attach(once).json()["event"]["message_create"]["message_data"]
    media = data["attachment"]["media"]
    assert (media["id_str"], media["type"], data["text"]) == (once, "photo", f"Look {media['url']}")
    assert [told(attach(media_id)) for media_id in (once, shared, shared)] == [(400, 324), (200, None), (200, None)]
    assert told(attach(upload(x, media_category="tweet_image"))) == (400, 324)


def test_the_limits_are_those_x_documents(x: X) -> None:
    headers = send(x, x.true_ids("ana")[0]).headers
    limits = [headers[f"x-{family}-limit"] for family in ("rate-limit", "user-limit-24hour", "app-limit-24hour")]
    assert limits == ["1000", "1000", "15000"]
    assert x.get(LIST).headers["x-rate-limit-limit"] == "15"
    resources = x.get("/1.1/application/rate_limit_status.json").json()["resources"]
    assert resources["direct_messages"]["/direct_messages/events/list"]["remaining"] == 14
