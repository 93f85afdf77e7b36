from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from campaign.errors import Refused, Uncertain, Unsent
from campaign.x import uploads
from campaign.x.gateway import Gateway
from campaign.x.types import MediaFile, MediaKind

MEGABYTE = 1_000_000
SILENT = b""


@pytest.fixture(params=["v1", "v2"])
def gateway(request: pytest.FixtureRequest) -> Gateway:
    found: Gateway = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(uploads, "sleep", pauses.append)
    return pauses


@pytest.fixture
def picture(tmp_path: Path) -> MediaFile:
    path = tmp_path / "picture.png"
    path.write_bytes(bytes(range(256)) * 4)
    return MediaFile(str(path), "image/png", MediaKind.IMAGE)


def told(**more: Any) -> dict[str, Any]:
    """What either version says of a file."""
    media = {"id": "1880028106020515840", "media_key": "13_1880028106020515840", "expires_after_secs": 3600, **more}
    return {"data": media, "media_id": 1, "media_id_string": "1880028106020515840", **media}


def working(state: str, **more: Any) -> dict[str, Any]:
    return told(processing_info={"state": state, **more})


def answers(little_x: Any, *bodies: Any) -> None:
    for body in bodies:
        little_x.answers(body)


def quiet(_done: int, _total: int) -> None:
    pass


def parts_of(asked: Any) -> dict[str, bytes]:
    """The fields of a multipart body."""
    whole: Any = message_from_bytes(
        b"Content-Type: " + asked.headers["Content-Type"].encode() + b"\r\n\r\n" + asked.body
    )
    return {
        str(part.get_param("name", header="content-disposition")): bytes(part.get_payload(decode=True))
        for part in whole.get_payload()
    }


def test_v2_announces_sends_and_describes(v2: Gateway, little_x: Any, picture: MediaFile) -> None:
    answers(little_x, told(), told(), told(), {"data": {"id": "1880028106020515840"}})
    described = MediaFile(picture.path, picture.media_type, picture.kind, "A 🦊 & more")
    answer = v2.upload(described, quiet)
    assert answer.value.media_id == "1880028106020515840"
    assert abs(answer.value.expires_at - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=30)
    announced, sent, ended, alt = little_x.requests
    route = "/2/media/upload"
    assert (announced.method, announced.path) == ("POST", f"{route}/initialize")
    assert announced.json == {"media_type": "image/png", "total_bytes": 1024, "media_category": "tweet_image"}
    assert (sent.method, sent.path) == ("POST", f"{route}/1880028106020515840/append")
    assert parts_of(sent) == {"segment_index": b"0", "media": Path(picture.path).read_bytes()}
    assert (ended.method, ended.path, ended.body) == ("POST", f"{route}/1880028106020515840/finalize", b"")
    assert (alt.method, alt.path) == ("POST", "/2/media/metadata")
    assert alt.json == {"id": "1880028106020515840", "metadata": {"alt_text": {"text": "A 🦊 & more"}}}
    assert [(each.endpoint, each.usd) for each in answer.receipts] == [
        ("POST /2/media/upload/initialize", 0),
        ("POST /2/media/upload/:id/append", 0),
        ("POST /2/media/upload/:id/finalize", Decimal("0.010")),
        ("POST /2/media/metadata", Decimal("0.005")),
    ]


def test_v1_announces_sends_and_describes(v1: Gateway, little_x: Any, picture: MediaFile) -> None:
    answers(little_x, told(), SILENT, told(), SILENT)
    described = MediaFile(picture.path, picture.media_type, picture.kind, "A 🦊 & more")
    answer = v1.upload(described, quiet)
    assert answer.value.media_id == "1880028106020515840"
    announced, sent, ended, alt = little_x.requests
    assert {(each.method, each.path) for each in (announced, sent, ended)} == {("POST", "/1.1/media/upload.json")}
    assert announced.form == {
        "command": "INIT",
        "media_type": "image/png",
        "total_bytes": "1024",
        "media_category": "tweet_image",
    }
    assert parts_of(sent) == {
        "command": b"APPEND",
        "media_id": b"1880028106020515840",
        "segment_index": b"0",
        "media": Path(picture.path).read_bytes(),
    }
    assert ended.form == {"command": "FINALIZE", "media_id": "1880028106020515840"}
    assert alt.path == "/1.1/media/metadata/create.json"
    assert alt.json == {"media_id": "1880028106020515840", "alt_text": {"text": "A 🦊 & more"}}
    assert [each.usd for each in answer.receipts] == [0, 0, Decimal("0.010"), Decimal("0.005")]


@pytest.mark.parametrize(("kind", "category"), [("tweet_image", "dm_image"), ("tweet_video", "dm_video")])
def test_a_file_for_messages_is_shared_by_all_of_them(
    v2: Gateway, v1: Gateway, little_x: Any, picture: MediaFile, kind: str, category: str
) -> None:
    file = MediaFile(picture.path, "image/png", MediaKind(kind), for_messages=True)
    for gateway in (v2, v1):
        answers(little_x, told(), SILENT, told())
        gateway.upload(file, quiet)
    announced = {"media_type": "image/png", "media_category": category}
    assert little_x.requests[0].json == {**announced, "total_bytes": 1024, "shared": True}
    assert little_x.requests[3].form == {"command": "INIT", **announced, "total_bytes": "1024", "shared": "true"}


def test_nothing_of_the_file_but_its_content_is_sent(gateway: Gateway, little_x: Any, picture: MediaFile) -> None:
    answers(little_x, told(), SILENT, told())
    gateway.upload(picture, quiet)
    assert not [each for each in little_x.requests if b"picture" in each.body]


def test_a_large_file_goes_in_pieces(gateway: Gateway, little_x: Any, tmp_path: Path) -> None:
    content = b"a" * MEGABYTE + b"b" * MEGABYTE + b"c"
    (tmp_path / "film.mp4").write_bytes(content)
    answers(little_x, told(), SILENT, SILENT, SILENT, told())
    heard: list[tuple[int, int]] = []
    gateway.upload(
        MediaFile(str(tmp_path / "film.mp4"), "video/mp4", MediaKind.VIDEO), lambda *done: heard.append(done)
    )
    pieces = [parts_of(each) for each in little_x.requests[1:4]]
    assert [each["segment_index"] for each in pieces] == [b"0", b"1", b"2"]
    assert b"".join(each["media"] for each in pieces) == content
    assert heard == [(MEGABYTE, 2 * MEGABYTE + 1), (2 * MEGABYTE, 2 * MEGABYTE + 1), (2 * MEGABYTE + 1,) * 2]


def test_x_is_waited_for_as_it_says(gateway: Gateway, little_x: Any, picture: MediaFile, slept: list[float]) -> None:
    answers(little_x, told(), SILENT, working("pending", check_after_secs=7), working("in_progress"))
    answers(little_x, working("in_progress", check_after_secs=100_000), working("succeeded", progress_percent=100))
    answer = gateway.upload(picture, quiet)
    assert slept == [7, 5, 60]
    assert [each.method for each in little_x.requests[3:]] == ["GET"] * 3
    assert little_x.requests[3].form == {"command": "STATUS", "media_id": "1880028106020515840"}
    assert len(answer.receipts) == 6


def test_a_file_that_x_cannot_use_is_refused(gateway: Gateway, little_x: Any, picture: MediaFile) -> None:
    error = {"code": 1, "name": "InvalidMedia", "message": "Unsupported video format"}
    answers(little_x, told(), SILENT, working("failed", error=error))
    with pytest.raises(Refused) as caught:
        gateway.upload(picture, quiet)
    assert (caught.value.reason, str(caught.value)) == ("media", "X cannot use the file: Unsupported video format.")
    assert len(caught.value.receipts) == 3


def test_work_without_end_is_given_up(gateway: Gateway, little_x: Any, picture: MediaFile, slept: list[float]) -> None:
    answers(little_x, told(), SILENT, *[working("in_progress", check_after_secs=60)] * 16)
    with pytest.raises(Unsent) as caught:
        gateway.upload(picture, quiet)
    assert caught.value.reason == "processing"
    assert sum(slept) == uploads.LONGEST_PROCESSING.total_seconds()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b'{"data":{}}', b'{"data":{"id":"7","expires_after_secs":"x"}}']
)
def test_an_announcement_without_id_is_a_bad_answer(
    gateway: Gateway, little_x: Any, picture: MediaFile, body: bytes
) -> None:
    little_x.answers(body)
    with pytest.raises(Uncertain) as caught:
        gateway.upload(picture, quiet)
    assert caught.value.reason == "bad_answer"


def test_an_error_in_the_middle_tells_of_the_calls_before(gateway: Gateway, little_x: Any, picture: MediaFile) -> None:
    little_x.answers(told())
    little_x.answers(b"", status=429)
    with pytest.raises(Unsent) as caught:
        gateway.upload(picture, quiet)
    assert len(caught.value.receipts) == 2


def test_a_file_that_is_not_there_is_refused_before_anything_is_sent(gateway: Gateway, little_x: Any) -> None:
    with pytest.raises(Refused) as caught:
        gateway.upload(MediaFile("/no/such.png", "image/png", MediaKind.IMAGE), quiet)
    assert caught.value.reason == "file_unreadable"
    assert not little_x.requests


def test_a_file_may_be_used_a_day_when_x_does_not_say(gateway: Gateway, little_x: Any, picture: MediaFile) -> None:
    answers(little_x, told(), SILENT, told(expires_after_secs=None))
    expires_at = gateway.upload(picture, quiet).value.expires_at
    assert abs(expires_at - datetime.now(UTC) - timedelta(hours=24)) < timedelta(seconds=30)
