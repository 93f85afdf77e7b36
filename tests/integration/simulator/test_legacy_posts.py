"""Posts and files on v1.1."""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
import requests
from requests_oauthlib import OAuth1

from campaign.simulator.server import running
from tests.integration.simulator.test_followers import X
from tests.integration.simulator.test_media import PICTURE
from tests.integration.simulator.test_posts import post_id, truth

UPLOAD = "/1.1/media/upload.json"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def x(server: str) -> X:
    requests.post(f"{server}/control/reset", timeout=9)
    return X(server).create("ana")


def update(brand: X, status: str = "Hello", **more: str) -> requests.Response:
    return brand.post("/1.1/statuses/update.json", data={"status": status, "tweet_mode": "extended"} | more)


def timeline(brand: X, **given: Any) -> list[dict[str, Any]]:
    answer = brand.get("/1.1/statuses/user_timeline.json", params={"tweet_mode": "extended"} | given)
    found: list[dict[str, Any]] = answer.json()
    return found


def told(answer: requests.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def test_a_status_is_made_and_true(x: X) -> None:
    status = update(x, "Tom & Jerry https://example.com/a").json()
    (url,) = status["entities"]["urls"]
    assert status["full_text"] == f"Tom &amp; Jerry {url['url']}"
    assert url["indices"] == [16, 16 + len(url["url"])]
    assert (url["expanded_url"], url["display_url"]) == ("https://example.com/a", "example.com/a")
    assert (status["id_str"], status["user"]["screen_name"]) == (str(status["id"]), "ana")
    assert [one["text"] for one in truth(x)] == ["Tom & Jerry https://example.com/a"]
    assert timeline(x) == [status]
    assert x.control("GET", "/accounts/ana")["posts_made"] == {"with_link": 0, "without_link": 0}  # v1.1 is not billed


def test_a_form_is_signed(x: X) -> None:
    wrong = OAuth1(**(x.keys | {"client_secret": "x"}))
    assert told(x.post("/1.1/statuses/update.json", data={"status": "Ω & ☕️"}, auth=wrong)) == (401, 32)
    assert update(x, "Ω & ☕️ = 1+1").status_code == 200


def test_both_versions_know_the_same_posts(x: X) -> None:
    made = post_id(x, "Hello")
    assert told(update(x, "Hello")) == (403, 187)
    assert timeline(x)[0]["id_str"] == made
    assert x.post(f"/1.1/statuses/destroy/{made}.json").json()["id_str"] == made
    assert told(x.post(f"/1.1/statuses/destroy/{made}.json")) == (404, 144)
    foreign = post_id(x.create("bo"), "Hello")
    assert told(x.post(f"/1.1/statuses/destroy/{foreign}.json")) == (403, 183)


def test_each_refusal_has_its_code(x: X) -> None:
    foreign = post_id(x.create("bo"), "Hello")
    populate = {"auto_populate_reply_metadata": "true"}
    assert told(update(x, "")) == (403, 170)
    assert told(update(x, "a" * 281)) == (403, 186)
    assert told(update(x, media_ids="7")) == (400, 324)
    assert told(update(x, in_reply_to_status_id="7")) == (403, 385)
    assert told(update(x, in_reply_to_status_id=foreign, **populate)) == (403, 433)
    for condition, code in (("over_daily_limit", 185), ("looks_automated", 226), ("legacy_refused", 453)):
        x.control("PATCH", "/accounts/ana", condition=condition)
        assert told(update(x)) == (403, code)
    x.control("PATCH", "/accounts/ana", condition="ok", access_level="read")
    assert told(update(x)) == (403, 261)
    assert truth(x) == []


def test_an_answer_must_name_its_author(x: X) -> None:
    first = update(x, "One").json()["id_str"]
    update(x, "Two", in_reply_to_status_id=first)
    update(x, "Three @ANA", in_reply_to_status_id=first)
    update(x, "Four", in_reply_to_status_id=first, auto_populate_reply_metadata="true")
    assert [one["reply_to"] for one in truth(x)] == [None, None, first, first]
    assert [status["in_reply_to_status_id_str"] for status in timeline(x)] == [first, first, None, None]


def test_a_timeline_is_bounded_by_ids(x: X) -> None:
    made = [update(x, f"Post {number}").json()["id"] for number in range(4)][::-1]
    assert [status["id"] for status in timeline(x, count=2)] == made[:2]
    assert [status["id"] for status in timeline(x, since_id=made[2])] == made[:2]
    assert [status["id"] for status in timeline(x, max_id=made[1])] == made[1:]
    assert timeline(x.create("bo"), screen_name="ana", count=1)[0]["id"] == made[0]
    assert told(x.get("/1.1/statuses/user_timeline.json?count=x")) == (400, 44)


def test_the_limits_of_reading_are_reported(x: X) -> None:
    timeline(x)
    resources = x.get("/1.1/application/rate_limit_status.json").json()["resources"]
    assert resources["statuses"]["/statuses/user_timeline"]["remaining"] == 899
    assert resources["statuses"].keys() == {"/statuses/lookup", "/statuses/user_timeline"}


def test_without_extended_mode_a_text_is_cut(x: X) -> None:
    update(x, "word " * 50)
    (status,) = x.get("/1.1/statuses/user_timeline.json").json()
    assert len(status["text"]) <= 140
    assert status["truncated"] is True
    assert timeline(x)[0]["full_text"] == "word " * 49 + "word"


@pytest.mark.parametrize(
    "sent",
    [{"files": {"media": PICTURE}}, {"data": {"media_data": b64encode(PICTURE).decode()}}],
    ids=["parts", "form"],
)
def test_a_picture_comes_at_once(x: X, sent: dict[str, Any]) -> None:
    file = x.post(UPLOAD, **sent).json()
    assert (file["media_id_string"], file["image"]) == (str(file["media_id"]), {"image_type": "image/png"})
    described = {"media_id": file["media_id_string"], "alt_text": {"text": "A cat"}}
    answer = x.post("/1.1/media/metadata/create.json", json=described)
    assert (answer.status_code, answer.content) == (200, b"")
    status = update(x, "Look", media_ids=file["media_id_string"]).json()
    (media,) = status["extended_entities"]["media"]
    assert status["full_text"] == f"Look {media['url']}"
    assert (media["type"], media["id_str"]) == ("photo", file["media_id_string"])
    assert media["expanded_url"] == f"https://x.com/ana/status/{status['id_str']}/photo/1"
    true = {"sha256": sha256(PICTURE).hexdigest(), "media_type": "image/png", "alt_text": "A cat"}
    assert truth(x)[0]["media"] == [true]


def test_a_video_comes_in_segments(x: X) -> None:
    x.control("PUT", "/posts", processing_seconds=0)
    wanted = {"command": "INIT", "total_bytes": 6, "media_type": "video/mp4", "media_category": "tweet_video"}
    begun = x.post(UPLOAD, data=wanted)
    assert (begun.status_code, begun.json()["expires_after_secs"]) == (202, 86_400)
    named = {"media_id": begun.json()["media_id_string"]}
    for index, content in enumerate((b"123", b"456")):
        step = {"command": "APPEND", "segment_index": index} | named
        answer = x.post(UPLOAD, data=step, files={"media": content})
        assert (answer.status_code, answer.content) == (204, b"")
    done = x.post(UPLOAD, data={"command": "FINALIZE"} | named)
    assert (done.status_code, done.json()["size"], done.json()["video"]) == (201, 6, {"video_type": "video/mp4"})
    told = x.get(UPLOAD, params={"command": "STATUS"} | named).json()
    assert told["processing_info"]["state"] == "succeeded"
    assert update(x, media_ids=named["media_id"]).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"command": "JUMP"},
        {"command": "INIT", "total_bytes": "many", "media_type": "image/png"},
        {"command": "INIT", "total_bytes": "5", "media_type": "text/plain"},
        {"command": "FINALIZE", "media_id": "7"},
        {"media_data": "?"},
    ],
)
def test_a_wrong_upload_is_answered_in_its_own_words(x: X, wanted: dict[str, str]) -> None:
    answer = x.post(UPLOAD, data=wanted)
    assert (answer.status_code, set(answer.json())) == (400, {"request", "error"})


@pytest.mark.parametrize(("kind", "made"), [("unavailable_before", 0), ("unavailable_after", 1)])
def test_after_a_fault_the_status_is_there_or_not(x: X, kind: str, made: int) -> None:
    x.control("POST", "/faults", path="/1.1/statuses/*", kind=kind)
    assert update(x).status_code == 503
    assert len(truth(x)) == made
