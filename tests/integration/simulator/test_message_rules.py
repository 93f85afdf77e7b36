"""Who may send messages, to whom, and with which files."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from campaign.simulator.server import running
from tests.integration.simulator.test_followers import X
from tests.integration.simulator.test_media import upload
from tests.integration.simulator.test_messages import events, send, truth
from tests.integration.simulator.test_posts import told


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def x(server: str) -> X:
    requests.post(f"{server}/control/reset", timeout=9)
    return X(server).create("ana", followers=10)


@pytest.mark.parametrize(
    ("change", "status", "detail"),
    [
        ({"condition": "sender_restricted"}, 403, "This operation is not permitted."),
        ({"condition": "suspended"}, 403, "Your account is not permitted to access this feature."),
        ({"condition": "credits_depleted"}, 402, "Your enrolled account [{}] does not have any credits to fulfill"),
        ({"access_level": "read-write"}, 403, "Your client app is not configured with the appropriate oauth1 app"),
    ],
)
def test_a_sender_may_be_refused(x: X, change: dict[str, str], status: int, detail: str) -> None:
    x.control("PATCH", "/accounts/ana", **change)
    answer = send(x, x.true_ids("ana")[0])
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(detail.format(x.user_id))
    assert truth(x) == []


@pytest.mark.parametrize(("condition", "code"), [("looks_automated", 226), ("locked", 326), ("over_daily_limit", None)])
def test_conditions_of_posts_hit_messages_when_they_are_of_the_account(x: X, condition: str, code: int | None) -> None:
    x.control("PATCH", "/accounts/ana", condition=condition)
    answer = send(x, x.true_ids("ana")[0])
    assert (answer.json()["errors"][0]["code"] if code else answer.status_code) == (code or 201)


def test_events_need_the_permission_too(x: X) -> None:
    x.control("PATCH", "/accounts/ana", access_level="read-write")
    assert x.get("/2/dm_events").json()["type"].endswith("/oauth1-permissions")
    assert x.get("/2/users/me").status_code == 200


def test_what_is_read_of_messages_must_be_known(x: X) -> None:
    for wrong in ({"event_types": "Typing"}, {"max_results": 101}, {"colour": "red"}):
        assert told(x.get("/2/dm_events", params=wrong)) == (400, "invalid-request")
    send(x, x.true_ids("ana")[0])
    assert events(x, event_types="ParticipantsJoin") == {"meta": {"result_count": 0}}
    assert events(x, event_types="MessageCreate,ParticipantsJoin")["meta"] == {"result_count": 1}
    assert events(x, "/2/dm_conversations/with/7/dm_events") == {"meta": {"result_count": 0}}


def test_followers_tell_whether_they_take_messages_when_asked(x: X) -> None:
    bo = x.true_ids("ana")[1]
    x.control("PUT", "/recipients", state="closed", users=[bo])
    shown = {user["id"]: user for user in x.page(fields="receives_your_dm,connection_status")["data"]}
    assert [user_id for user_id in shown if not shown[user_id]["receives_your_dm"]] == [bo]
    assert {tuple(user["connection_status"]) for user in shown.values()} == {("followed_by",)}
    assert "receives_your_dm" not in x.page()["data"][0]


def test_every_so_manieth_follower_is_marked(x: X) -> None:
    followers = x.true_ids("ana")
    marked = x.control("PUT", "/recipients", state="gone", followers_of="ana", every=3, offset=2)["user_ids"]
    assert marked == followers[2::3]
    assert [user["id"] for user in x.page()["data"]] == [one for one in followers if one not in marked]
    assert len(x.get("/2/users", params={"ids": ",".join(followers)}).json()["errors"]) == len(marked)
    x.control("PUT", "/recipients", state="open", users=marked)
    assert [user["id"] for user in x.page()["data"]] == followers


def test_a_reply_reaches_an_account_by_name(x: X) -> None:
    x.create("bo")
    x.control("POST", "/accounts/bo/messages", **{"from": "ana", "text": "Hello"})
    assert (truth(x), x.control("GET", "/accounts/bo/messages/counts")) == (
        truth(x, "bo"),
        {"sent": {}, "received": {x.user_id: 1}},
    )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/accounts/ana/messages", {"from": "nobody", "text": "Hello"}),
        ("POST", "/accounts/ana/messages", {"from": "ana", "text": " "}),
        ("POST", "/accounts", {"username": "bo", "app_of": "nobody"}),
        ("PUT", "/recipients", {"state": "sleepy"}),
        ("PUT", "/recipients", {"state": "gone", "users": ["7"]}),
        ("PUT", "/recipients", {"state": "gone", "followers_of": "ana", "every": 0}),
        ("PUT", "/limits", {"day_limits": {"messages": {"week": 1}}}),
    ],
)
def test_a_wrong_order_changes_nothing(x: X, method: str, path: str, body: dict[str, Any]) -> None:
    answer = requests.request(method, f"{x.url}/control{path}", json=body, timeout=9)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
    assert truth(x) == []
    assert len(x.page()["data"]) == 10


def attach(brand: X, recipient: str, media_id: str) -> requests.Response:
    return send(brand, recipient, None, attachments=[{"media_id": media_id}])


def test_a_file_is_sent_once_unless_it_is_shared(x: X) -> None:
    bo, cy = x.true_ids("ana")[:2]
    once, shared = upload(x, media_category="dm_image"), upload(x, media_category="dm_image", shared=True)
    statuses = [attach(x, *call).status_code for call in ((bo, once), (cy, once), (bo, shared), (cy, shared))]
    assert statuses == [201, 400, 201, 201]
    assert [len(one["media"][0]["sha256"]) for one in truth(x)] == [64, 64, 64]
    newest = events(x, **{"dm_event.fields": "attachments,entities"})["data"][0]
    (url,) = newest["entities"]["urls"]
    assert newest["attachments"] == {"media_keys": [f"3_{shared}"]} == {"media_keys": [url["media_key"]]}
    assert newest["text"] == url["url"]


def test_a_file_must_be_ones_own_fresh_and_for_messages(x: X) -> None:
    bo, other = x.true_ids("ana")[0], x.create("cy")
    wrong = [upload(x), upload(x, media_category="tweet_image"), upload(other, media_category="dm_image")]
    x.control("PUT", "/posts", media_expires_after_seconds=1)
    wrong += [upload(x, media_category="dm_image"), "7"]
    time.sleep(1.1)
    assert [told(attach(x, bo, media_id)) for media_id in wrong] == [(400, "invalid-request")] * len(wrong)
    assert truth(x) == []


def test_one_shot_uploads_know_messages_too(x: X) -> None:
    data = {"media_category": "dm_image", "shared": "true"}
    answer = x.post("/2/media/upload", files={"media": ("a", b"\x89PNG" + bytes(99))}, data=data)
    assert [attach(x, bo, answer.json()["data"]["id"]).status_code for bo in x.true_ids("ana")[:2]] == [201, 201]


@pytest.mark.parametrize(
    ("media_type", "category", "megabytes", "status"),
    [
        ("image/png", "dm_image", 5, 200),
        ("image/png", "dm_image", 6, 400),
        ("image/gif", "dm_gif", 15, 200),
        ("image/gif", "dm_gif", 16, 400),
        ("image/png", "dm_gif", 1, 400),
    ],
)
def test_files_for_messages_are_as_large_as_x_says(
    x: X, media_type: str, category: str, megabytes: int, status: int
) -> None:
    wanted = {"media_type": media_type, "media_category": category, "total_bytes": megabytes << 20}
    assert x.post("/2/media/upload/initialize", json=wanted).status_code == status


def test_a_message_whose_answer_is_lost_is_there_all_the_same(x: X) -> None:
    bo = x.true_ids("ana")[0]
    x.control("POST", "/faults", path="/2/dm_conversations/*/messages", kind="answer_lost")
    with pytest.raises(requests.ConnectionError):
        send(x, bo)
    assert [one["recipient"] for one in truth(x)] == [bo]
    assert [one["text"] for one in events(x)["data"]] == ["Hello"]
    assert x.control("GET", "/windows")["windows"][0]["most_done"] == 1
