"""Files on v1.1: media/upload and media/metadata/create of upload.twitter.com, served under the same address here."""

from base64 import b64decode
from binascii import Error as NotBase64
from typing import Any

import orjson

from campaign.simulator import uploading
from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.media import Media
from campaign.simulator.problems import Refusal, coded
from campaign.simulator.routes.asking import NUMBER
from campaign.simulator.routes.media import facts
from campaign.simulator.uploading import Fault, Unusable

PATH = "/1.1/media/upload.json"


def upload(asked: Asked) -> Reply:
    """Takes a file in one piece, or one step of sending it in segments."""
    steps = {None: _simple, "INIT": _init, "APPEND": _append, "FINALIZE": _finalize, "STATUS": _status}
    step = steps.get(asked.given.get("command"))
    if step is None:
        raise _wrong("command parameter is invalid.")
    try:
        return step(asked)
    except Unusable as why:
        raise _refusal(why.fault) from None


def metadata(asked: Asked) -> Reply:
    """Saves the alt text of a file; X answers with nothing."""
    body: Any = asked.body.json() or {}
    text = body["alt_text"].get("text") if isinstance(body.get("alt_text"), dict) else None
    if not isinstance(text, str):
        raise coded(400, 214, "Bad request.")
    try:
        uploading.describe(uploading.find(asked.world, asked.account, str(body.get("media_id"))), text)
    except Unusable as why:
        raise _refusal(why.fault) from None
    return Reply(b"")


def _simple(asked: Asked) -> Reply:
    content = _content(asked)
    if content is None:
        raise Unusable(Fault.EMPTY)
    category, shared = _purpose(asked)
    return _reply_with(uploading.at_once(asked.world, asked.account, content, category, shared=shared), 200)


def _init(asked: Asked) -> Reply:
    category, shared = _purpose(asked)
    wanted = (asked.given.get("media_type", ""), _number(asked, "total_bytes"), category)
    return _reply_with(uploading.begin(asked.world, asked.account, *wanted, shared=shared), 202)


def _append(asked: Asked) -> Reply:
    uploading.append(_media(asked), _number(asked, "segment_index"), _content(asked))
    return Reply(b"", status=204)


def _finalize(asked: Asked) -> Reply:
    media = _media(asked)
    uploading.finish(asked.world, media)
    return _reply_with(media, 201)


def _status(asked: Asked) -> Reply:
    return _reply_with(_media(asked), 200)


def _purpose(asked: Asked) -> tuple[str | None, bool]:
    """Returns the category, and whether several messages may use the file."""
    return asked.given.get("media_category"), asked.given.get("shared") == "true"


def _reply_with(media: Media, status: int) -> Reply:
    ids = {"media_id": int(media.id), "media_id_string": media.id}
    kind, _, _ = media.media_type.partition("/")
    typed = {kind: {f"{kind}_type": media.media_type}} if media.finalized is not None else {}
    return Reply(orjson.dumps(ids | facts(media) | typed), status=status)


def _media(asked: Asked) -> Media:
    return uploading.find(asked.world, asked.account, asked.given.get("media_id", ""))


def _content(asked: Asked) -> bytes | None:
    """Returns the bytes, from a part named media or as text in base64 in a field named media_data."""
    if "media_data" not in asked.given:
        return asked.body.files.get("media")
    try:
        return b64decode(asked.given["media_data"], validate=True)
    except (NotBase64, ValueError):
        raise _wrong("media_data parameter is invalid.") from None


def _number(asked: Asked, parameter: str) -> int:
    text = asked.given.get(parameter, "")
    if not NUMBER.fullmatch(text):
        raise _wrong(f"{parameter} parameter is invalid.")
    return int(text)


def _refusal(fault: Fault) -> Refusal:
    if fault is Fault.SEGMENT:
        return Refusal(413, {"request": PATH, "error": "Payload Too Large"})
    return _wrong(fault)


def _wrong(message: str) -> Refusal:
    """Returns a refusal in the words of media/upload."""
    return Refusal(400, {"request": PATH, "error": message})


ENDPOINTS = (
    Endpoint("media/upload", PATH, 500, upload, ("GET", "POST"), writes=True),
    Endpoint("media/metadata/create", "/1.1/media/metadata/create.json", 500, metadata, ("POST",), writes=True),
)
