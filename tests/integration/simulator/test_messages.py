"""Direct messages on v2: what a client is answered, and what is true of them."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests_oauthlib import OAuth1

from campaign.simulator.server import running
from tests.integration.simulator.test_followers import UNAUTHORIZED, X
from tests.integration.simulator.test_posts import told

FIELDS = "id,text,event_type,created_at,sender_id,dm_conversation_id,entities"
NO_PERMISSION = "You do not have permission to DM one or more participants."


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def x(server: str) -> X:
    requests.post(f"{server}/control/reset", timeout=9)
    return X(server).create("ana", followers=10)


def send(brand: X, recipient: str, text: str | None = "Hello", **more: Any) -> requests.Response:
    body = more if text is None else {"text": text} | more
    return brand.post(f"/2/dm_conversations/with/{recipient}/messages", json=body)


def truth(x: X, username: str = "ana") -> list[dict[str, Any]]:
    return list(x.control("GET", f"/accounts/{username}/messages")["messages"])


def events(brand: X, path: str = "/2/dm_events", **given: Any) -> dict[str, Any]:
    answer = brand.get(path, params=given)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_message_is_sent_and_shown(x: X) -> None:
    bo = x.true_ids("ana")[0]
    answer = send(x, bo, "  Hello, cafe\u0301!\r\nNew  ")
    assert answer.status_code == 201
    data = answer.json()["data"]
    low, high = sorted((bo, x.user_id), key=int)
    assert data == {"dm_conversation_id": f"{low}-{high}", "dm_event_id": data["dm_event_id"]}
    (true,) = truth(x)
    assert true.pop("at").endswith("+00:00")
    assert true == {
        "id": data["dm_event_id"],
        "sender": x.user_id,
        "recipient": bo,
        "text": "Hello, caf\u00e9!\nNew",
        "media": [],
    }
    assert x.control("GET", "/accounts/ana")["messages_made"] == 1
    assert x.control("GET", "/accounts/ana/messages/counts") == {"sent": {bo: 1}, "received": {}}


def test_a_message_in_json_is_not_signed_but_all_else_is(x: X) -> None:
    bo = x.true_ids("ana")[0]
    path = f"/2/dm_conversations/with/{bo}/messages"
    answer = x.post(path, json={"text": "Hello"}, auth=OAuth1(**(x.keys | {"client_secret": "x"})))
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert send(x, bo, "Ω & ☕️ https://example.com/?a=1&b=2").status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "  "},
        {"text": 1},
        {"text": "a" * 10_001},
        {"text": "a", "colour": "red"},
        {"text": "a", "attachments": []},
        {"text": "a", "attachments": [{}]},
        {"text": "a", "attachments": [{"media_id": 1}]},
        {"text": "a", "attachments": [{"media_id": "1"}]},
        {"text": "a", "attachments": [{"media_id": "1"}, {"media_id": "2"}]},
        {"text": "a", "attachments": [{"media_id": "1", "alt": "x"}]},
        ["text"],
    ],
)
def test_a_wrong_message_is_an_invalid_request(x: X, body: Any) -> None:
    answer = x.post(f"/2/dm_conversations/with/{x.true_ids('ana')[0]}/messages", json=body)
    assert told(answer) == (400, "invalid-request")
    assert truth(x) == []


def test_a_message_is_at_most_10000_characters(x: X) -> None:
    assert send(x, x.true_ids("ana")[0], "語" * 10_000).status_code == 201


def test_events_are_read_newest_first_with_what_is_asked_for(x: X) -> None:
    bo, cy = x.true_ids("ana")[:2]
    sent = send(x, bo, "See example.com & more").json()["data"]
    got = x.control("POST", "/accounts/ana/messages", **{"from": cy, "text": "Stop"})
    newest, oldest = events(x)["data"]
    assert newest == {"id": got["id"], "event_type": "MessageCreate", "text": "Stop"}
    assert oldest["id"] == sent["dm_event_id"]
    (_, full) = events(x, **{"dm_event.fields": FIELDS, "expansions": "sender_id"})["data"]
    (url,) = full.pop("entities")["urls"]
    assert url["expanded_url"] == "http://example.com"
    assert full["text"] == f"See {url['url']} &amp; more"
    assert full["text"][url["start"] : url["end"]] == url["url"]
    assert (full["sender_id"], full["dm_conversation_id"]) == (x.user_id, sent["dm_conversation_id"])
    assert full["created_at"].endswith(".000Z")
    assert x.control("GET", "/accounts/ana")["message_events_read"] == 4


def test_a_sender_is_an_expansion(x: X) -> None:
    bo = x.true_ids("ana")[0]
    send(x, bo, "One")
    x.control("POST", "/accounts/ana/messages", **{"from": bo, "text": "Stop"})
    without = events(x, **{"dm_event.fields": FIELDS, "expansions": "shoes"})
    assert not [event for event in without["data"] if "sender_id" in event]
    for _ in range(2):
        shown = events(x, **{"dm_event.fields": "text", "expansions": "sender_id", "user.fields": "protected"})
        assert [event["sender_id"] for event in shown["data"]] == [bo, x.user_id]
        assert [user["id"] for user in shown["includes"]["users"]] == [bo, x.user_id]
        assert all("protected" in user for user in shown["includes"]["users"])
    truth = x.control("GET", "/accounts/ana")
    assert (truth["message_events_read"], truth["users_expanded"]) == (6, 2)


def test_x_may_know_a_sender_as_a_field_as_it_did_before(x: X) -> None:
    x.control("POST", "/spelling", spelling="old", expansions_as_fields=True)
    send(x, x.true_ids("ana")[0], "One")
    assert events(x, **{"dm_event.fields": "sender_id"})["data"][0]["sender_id"] == x.user_id
    assert x.control("GET", "/accounts/ana")["users_expanded"] == 0


def test_pages_end_where_there_is_no_more(x: X) -> None:
    bo, cy = x.true_ids("ana")[:2]
    for number in range(5):
        send(x, bo, f"{number}")
    first = events(x, max_results=2)
    send(x, cy, "Later")
    second = events(x, max_results=2, pagination_token=first["meta"]["next_token"])
    last = events(x, max_results=2, pagination_token=second["meta"]["next_token"])
    assert [[one["text"] for one in page["data"]] for page in (first, second, last)] == [["4", "3"], ["2", "1"], ["0"]]
    assert last["meta"] == {"result_count": 1}
    with_bo = f"/2/dm_conversations/with/{bo}/dm_events"
    assert events(x, with_bo)["meta"] == {"result_count": 5}
    foreign = x.get(with_bo, params={"pagination_token": first["meta"]["next_token"]})
    assert told(foreign) == (400, "invalid-request")


def test_x_shows_30_days_and_some_messages_late(x: X) -> None:
    bo = x.true_ids("ana")[0]
    for days in (31, 29):
        x.control("POST", "/accounts/ana/messages", **{"from": bo, "text": f"{days}", "ago_seconds": days * 86_400})
    x.control("PUT", "/messages", show_after_seconds=0.5)
    send(x, bo, "New")
    assert [one["text"] for one in events(x)["data"]] == ["29"]
    time.sleep(0.6)
    assert [one["text"] for one in events(x)["data"]] == ["New", "29"]
    assert [one["text"] for one in truth(x)] == ["31", "29", "New"]


@pytest.mark.parametrize(
    ("state", "status", "detail"),
    [
        ("closed", 403, NO_PERMISSION),
        ("blocked", 403, NO_PERMISSION),
        ("suspended", 403, NO_PERMISSION),
        ("gone", 404, "Could not find user with participant_id: [{}]."),
    ],
)
def test_whom_messages_do_not_reach(x: X, state: str, status: int, detail: str) -> None:
    bo, cy = x.true_ids("ana")[:2]
    assert x.control("PUT", "/recipients", state=state, users=[bo]) == {"user_ids": [bo]}
    assert told(send(x, bo)) == (status, detail.format(bo))
    assert send(x, cy).status_code == 201
    x.control("PUT", "/recipients", state="open", users=[bo])
    assert send(x, bo).status_code == 201


def test_an_id_that_is_none_and_one_that_no_person_has(x: X) -> None:
    malformed = send(x, "bo")
    assert told(malformed) == (400, "invalid-request")
    assert malformed.json()["errors"][0]["parameters"] == {"participant_id": ["bo"]}
    nobody = send(x, "7")
    assert (nobody.status_code, nobody.json()["type"].rsplit("/")[-1]) == (404, "resource-not-found")
