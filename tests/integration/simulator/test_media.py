"""Files on v2: uploaded, processed, described, posted and forgotten."""

import time
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
import requests
from PIL import Image
from requests_oauthlib import OAuth1

from campaign.simulator.server import running
from tests.integration.simulator.test_followers import UNAUTHORIZED, X
from tests.integration.simulator.test_posts import post, told, truth
from tests.pictures import picture

UPLOAD = "/2/media/upload"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40 + b"\r\n--\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def x(server: str) -> X:
    requests.post(f"{server}/control/reset", timeout=9)
    return X(server).create("ana")


def begin(brand: X, size: int = len(PICTURE), media_type: str = "image/png", **more: Any) -> str:
    answer = brand.post(f"{UPLOAD}/initialize", json={"media_type": media_type, "total_bytes": size} | more)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["id"])


def send(brand: X, media_id: str, index: int, content: bytes) -> requests.Response:
    files, data = {"media": ("media", content, "application/octet-stream")}, {"segment_index": str(index)}
    return brand.post(f"{UPLOAD}/{media_id}/append", files=files, data=data)


def finalize(brand: X, media_id: str) -> requests.Response:
    return brand.post(f"{UPLOAD}/{media_id}/finalize")


def upload(brand: X, media_type: str = "image/png", content: bytes = PICTURE, **more: Any) -> str:
    media_id = begin(brand, len(content), media_type, **more)
    assert send(brand, media_id, 0, content).status_code == 200
    assert finalize(brand, media_id).status_code == 200
    return media_id


def status(brand: X, media_id: str) -> dict[str, Any]:
    answer = brand.get(UPLOAD, params={"media_id": media_id, "command": "STATUS"})
    data: dict[str, Any] = answer.json()["data"]
    return data


def attach(brand: X, *media_ids: str, text: str = "Look") -> requests.Response:
    return post(brand, text, media={"media_ids": list(media_ids)})


def test_a_picture_comes_in_segments_and_is_described_and_posted(x: X) -> None:
    begun = x.post(f"{UPLOAD}/initialize", json={"media_type": "image/png", "total_bytes": len(PICTURE)}).json()["data"]
    media_id = begun["id"]
    assert begun == {"id": media_id, "media_key": f"3_{media_id}", "expires_after_secs": 86_400}
    for index, start in ((1, 5_000), (0, 0), (1, 5_000)):  # in any order, and one of them again
        answer = send(x, media_id, index, PICTURE[start : 5_000 if index == 0 else None])
        assert 86_390 < answer.json()["data"]["expires_at"] - time.time() <= 86_401
    done = finalize(x, media_id).json()["data"]
    assert done["size"] == len(PICTURE)
    assert "processing_info" not in done
    described = x.post("/2/media/metadata", json={"id": media_id, "metadata": {"alt_text": {"text": "A cat"}}})
    assert described.json() == {"data": {"id": media_id, "associated_metadata": {"alt_text": {"text": "A cat"}}}}
    assert attach(x, media_id).status_code == 201
    file = {"sha256": sha256(PICTURE).hexdigest(), "media_type": "image/png", "alt_text": "A cat"}
    assert truth(x)[0]["media"] == [file]
    assert x.control("GET", "/accounts/ana")["metadata_made"] == 1


def test_pictures_are_links_at_the_end_of_the_text(x: X) -> None:
    first, second = upload(x), upload(x)
    made = attach(x, first, second).json()["data"]
    fields = {"tweet.fields": "entities,attachments"}
    (shown,) = x.get(f"/2/users/{x.user_id}/tweets", params=fields).json()["data"]
    urls = shown["entities"]["urls"]
    assert shown["text"] == made["text"] == f"Look {urls[0]['url']}"
    assert [url["media_key"] for url in urls] == shown["attachments"]["media_keys"] == [f"3_{first}", f"3_{second}"]
    assert {url["expanded_url"] for url in urls} == {f"https://x.com/ana/status/{made['id']}/photo/1"}
    assert shown["text"][urls[0]["start"] : urls[0]["end"]] == urls[0]["url"]
    assert x.control("GET", "/accounts/ana")["posts_made"] == {"with_link": 0, "without_link": 1}


def test_a_post_may_be_a_picture_alone_and_repeated(x: X) -> None:
    media_id = upload(x)
    answers = [attach(x, media_id, text="") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["data"]["text"].startswith("https://t.co/")


def test_a_video_is_processed_for_a_while(x: X) -> None:
    x.control("PUT", "/posts", processing_seconds=0.4)
    media_id = begin(x, 8, "video/mp4", media_category="tweet_video")
    send(x, media_id, 0, b"00000000")
    assert finalize(x, media_id).json()["data"]["processing_info"] == {"state": "pending", "check_after_secs": 1}
    assert told(attach(x, media_id)) == (400, "invalid-request")
    time.sleep(0.15)
    assert status(x, media_id)["processing_info"]["state"] == "in_progress"
    time.sleep(0.3)
    assert status(x, media_id)["processing_info"] == {"state": "succeeded", "progress_percent": 100}
    made = attach(x, media_id).json()["data"]["id"]
    shown = x.get("/2/tweets", params={"ids": made, "tweet.fields": "entities"}).json()["data"][0]
    assert shown["entities"]["urls"][0]["expanded_url"].endswith(f"/{made}/video/1")


def test_processing_may_fail(x: X) -> None:
    x.control("PUT", "/posts", processing_seconds=0, processing_fails=True)
    media_id = upload(x, "image/gif")
    info = status(x, media_id)["processing_info"]
    assert (info["state"], info["error"]["name"]) == ("failed", "InvalidMedia")
    assert told(attach(x, media_id)) == (400, "invalid-request")


def test_files_expire(x: X) -> None:
    x.control("PUT", "/posts", media_expires_after_seconds=0.3)
    used, unused = upload(x), upload(x)
    assert status(x, used)["expires_after_secs"] == 1
    assert attach(x, used).status_code == 201
    time.sleep(0.31)
    assert told(attach(x, unused, text="More")) == (400, "invalid-request")
    assert send(x, unused, 0, b"x").status_code == finalize(x, unused).status_code == 400
    assert len(truth(x)[0]["media"]) == 1


def test_only_files_that_go_together_are_posted(x: X) -> None:
    x.control("PUT", "/posts", processing_seconds=0)
    pictures, film, gif = [upload(x) for _ in range(5)], upload(x, "video/mp4"), upload(x, "image/gif")
    foreign, unfinished = upload(x.create("bo")), begin(x)
    wrong = (pictures, [pictures[0], film], [gif, film], [foreign], [unfinished], [pictures[0], "7"])
    for media_ids in wrong:
        assert told(attach(x, *media_ids)) == (400, "invalid-request"), media_ids
    for number, media_ids in enumerate((pictures[:4], [film], [gif])):
        assert attach(x, *media_ids, text=f"Post {number}").status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"media_type": "image/png"},
        {"media_type": "text/plain", "total_bytes": 1},
        {"media_type": "image/png", "total_bytes": 0},
        {"media_type": "image/png", "total_bytes": 6_000_000},
        {"media_type": "image/png", "total_bytes": "1"},
        {"media_type": "image/png", "total_bytes": 1, "media_category": "tweet_video"},
        {"media_type": "image/png", "total_bytes": 1, "colour": "red"},
    ],
)
def test_what_is_no_file_for_x_is_not_begun(x: X, body: dict[str, Any]) -> None:
    assert told(x.post(f"{UPLOAD}/initialize", json=body)) == (400, "invalid-request")


def test_segments_are_counted_and_measured(x: X) -> None:
    media_id = begin(x, 10)
    assert send(x, media_id, 0, bytes(5 * (1 << 20) + 1)).status_code == 413
    assert send(x, media_id, 1_000, b"x").status_code == send(x, media_id, 0, b"").status_code == 400
    assert send(x, media_id, 1, b"12345").status_code == 200
    assert told(finalize(x, media_id)) == (400, "invalid-request")  # the first one is missing
    assert send(x, media_id, 0, b"1234").status_code == 200
    assert told(finalize(x, media_id)) == (400, "invalid-request")  # one byte is missing
    assert send(x, media_id, 0, b"12345").status_code == 200
    assert [finalize(x, media_id).status_code for _ in range(2)] == [200, 200]
    assert send(x, media_id, 0, b"12345").status_code == 400


def test_files_of_others_are_not_there(x: X) -> None:
    bo, media_id = x.create("bo"), begin(x)
    described = {"id": media_id, "metadata": {"alt_text": {"text": "A cat"}}}
    answers = [send(bo, media_id, 0, b"x"), finalize(bo, media_id), bo.post("/2/media/metadata", json=described)]
    answers.append(bo.get(UPLOAD, params={"media_id": media_id}))
    assert {told(answer) for answer in answers} == {(400, "invalid-request")}


def test_an_alt_text_is_measured(x: X) -> None:
    media_id = upload(x)
    for text, code in (("a" * 1_001, 400), (1, 400), ("a" * 1_000, 200)):
        answer = x.post("/2/media/metadata", json={"id": media_id, "metadata": {"alt_text": {"text": text}}})
        assert answer.status_code == code


def test_parts_are_not_signed_but_all_else_is(x: X) -> None:
    media_id, wrong = begin(x), OAuth1(**(x.keys | {"client_secret": "x"}))
    answer = x.post(f"{UPLOAD}/{media_id}/append", files={"media": PICTURE}, data={"segment_index": "0"}, auth=wrong)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert finalize(x, media_id).status_code == 400


def test_a_small_file_comes_at_once(x: X) -> None:
    answer = x.post(UPLOAD, files={"media": PICTURE}, data={"media_category": "tweet_image"})
    assert attach(x, answer.json()["data"]["id"]).status_code == 201
    assert truth(x)[0]["media"][0]["media_type"] == "image/png"


@pytest.mark.parametrize(("kind", "there"), [("unavailable_before", False), ("answer_lost", True), ("slow", True)])
def test_after_a_fault_a_segment_is_there_or_not(x: X, kind: str, there: bool) -> None:
    media_id = begin(x)
    x.control("POST", "/faults", path="*/append", kind=kind, seconds=0.1)
    try:
        send(x, media_id, 0, PICTURE)
    except requests.ConnectionError:
        assert kind == "answer_lost"
    assert finalize(x, media_id).status_code == (200 if there else 400)


def gif(width: int, height: int, frames: int = 2) -> bytes:
    written = BytesIO()
    pictures = [Image.new("1", (width, height), number % 2) for number in range(frames)]
    pictures[0].save(written, "GIF", save_all=True, append_images=pictures[1:])
    return written.getvalue()


def video(*tracks: tuple[bytes, bytes]) -> bytes:
    """Returns an MP4 without samples, whose tracks have these handlers and codecs."""

    def box(name: bytes, content: bytes) -> bytes:
        return (len(content) + 8).to_bytes(4) + name + content

    def track(handler: bytes, codec: bytes) -> bytes:
        described = box(b"stbl", box(b"stsd", bytes(7) + b"\x01" + box(codec, bytes(8))))
        return box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + handler + bytes(12)) + box(b"minf", described)))

    return box(b"ftyp", b"isom" + bytes(4)) + box(b"moov", b"".join(track(*one) for one in tracks))


@pytest.mark.parametrize(("size", "status"), [((3, 3), 400), ((4, 4), 200), ((4, 3), 400), ((8192, 4), 200)])
def test_a_picture_needs_4_by_4_pixels(x: X, size: tuple[int, int], status: int) -> None:
    content = picture("PNG", size)
    media_id = begin(x, len(content))
    send(x, media_id, 0, content)
    answer = finalize(x, media_id)
    assert answer.status_code == status
    assert (status == 200) or "must be >= 4x4 and <= 8192x8192" in answer.text
    assert attach(x, media_id).status_code == (201 if status == 200 else 400)


@pytest.mark.parametrize(
    ("media_type", "content", "state"),
    [
        ("image/gif", gif(1280, 1080), "succeeded"),
        ("image/gif", gif(1281, 4), "failed"),
        ("image/gif", gif(4, 1081), "failed"),
        ("image/gif", gif(8, 8, 350), "succeeded"),
        ("image/gif", gif(8, 8, 351), "failed"),
        ("image/gif", gif(3, 3), "failed"),
        ("video/mp4", video((b"vide", b"avc1"), (b"soun", b"mp4a")), "succeeded"),
        ("video/mp4", video((b"vide", b"hvc1")), "failed"),
        ("video/mp4", video((b"vide", b"avc1"), (b"soun", b"Opus")), "failed"),
    ],
)
def test_a_gif_or_video_fails_when_it_is_processed(x: X, media_type: str, content: bytes, state: str) -> None:
    x.control("PUT", "/posts", processing_seconds=0)
    media_id = upload(x, media_type, content)
    info = status(x, media_id)["processing_info"]
    assert info["state"] == state
    assert ("error" in info) is (state == "failed")
    assert attach(x, media_id).status_code == (201 if state == "succeeded" else 400)
