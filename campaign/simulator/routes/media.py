"""Files on v2: docs.x.com/x-api/media."""

import time
from collections.abc import Callable
from typing import Any

import orjson

from campaign.simulator import uploading
from campaign.simulator.accounts import Priced
from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.media import CATEGORIES, KINDS, Media
from campaign.simulator.problems import Refusal, invalid, plain
from campaign.simulator.routes.asking import ID, NUMBER, require
from campaign.simulator.routes.drafts import check, is_number, is_object, is_text, is_truth, json_object
from campaign.simulator.uploading import Fault, Unusable

INITIALIZE = {
    "media_type": lambda value: isinstance(value, str) and value in KINDS,
    "total_bytes": is_number(0, 17_179_869_184),  # OpenAPI: its maximum
    "media_category": lambda value: isinstance(value, str) and value in CATEGORIES,
    "shared": is_truth,
}
PARAMETERS = {Fault.TYPE: "media_type", Fault.CATEGORY: "media_category", Fault.SIZE: "total_bytes"}
PARAMETERS |= {Fault.INDEX: "segment_index", Fault.EMPTY: "media", Fault.INCOMPLETE: "total_bytes"}
PARAMETERS |= {Fault.DIMENSIONS: "media", Fault.ALT_TEXT: "metadata.alt_text.text"}


def _answering(act: Callable[[Asked], Reply]) -> Callable[[Asked], Reply]:
    """Returns the endpoint, with v2's words for what is wrong with an upload."""

    def answer(asked: Asked) -> Reply:
        try:
            return act(asked)
        except Unusable as why:
            raise _refusal(why.fault, asked) from None

    return answer


def initialize(asked: Asked) -> Reply:
    """Answers with an id for a file that is to come."""
    body = json_object(asked)
    check(body, INITIALIZE, ("media_type", "total_bytes"))
    wanted = (body["media_type"], body["total_bytes"], body.get("media_category"))
    return reply_with(uploading.begin(asked.world, asked.account, *wanted, shared=body.get("shared", False)))


def append(asked: Asked) -> Reply:
    """Takes one segment of a file."""
    media = _media(asked, "id")
    index = asked.given.get("segment_index", "")
    uploading.append(media, int(index) if NUMBER.fullmatch(index) else -1, asked.body.files.get("media"))
    return Reply(orjson.dumps({"data": {"expires_at": int(time.time()) + media.expires_in(time.time())}}))


def finalize(asked: Asked) -> Reply:
    """Ends the upload of a file."""
    media = _media(asked, "id")
    return reply_with(media, made=uploading.finish(asked.world, media))


def status(asked: Asked) -> Reply:
    """Answers with how far X is with a file."""
    if asked.given.get("command", "STATUS") != "STATUS":
        raise invalid("command", asked.given["command"], "is not one of [STATUS]")
    return reply_with(_media(asked, "media_id"))


def one_shot(asked: Asked) -> Reply:
    """Takes a small file in one call."""
    content, category = asked.body.files.get("media"), asked.given.get("media_category")
    if content is None:
        raise Unusable(Fault.EMPTY)
    shared = asked.given.get("shared") == "true"
    return reply_with(uploading.at_once(asked.world, asked.account, content, category, shared=shared), made=True)


def metadata(asked: Asked) -> Reply:
    """Saves the alt text of a file."""
    body = json_object(asked)
    check(body, {"id": is_text, "metadata": is_object}, ("id", "metadata"))
    check(body["metadata"], {"alt_text": is_object}, ("alt_text",), "metadata.")
    check(body["metadata"]["alt_text"], {"text": is_text}, ("text",), "metadata.alt_text.")
    media = uploading.find(asked.world, asked.account, body["id"])
    uploading.describe(media, body["metadata"]["alt_text"]["text"])
    data = {"id": media.id, "associated_metadata": {"alt_text": {"text": media.alt_text}}}
    return Reply(orjson.dumps({"data": data}), resources=1, priced=Priced.METADATA)


def facts(media: Media) -> dict[str, Any]:
    """Returns what X tells of a file, on v2 and on v1.1, besides its id."""
    now = time.time()
    size = {"size": media.total_bytes} if media.finalized is not None else {}
    info = media.processing_info(now) if media.finalized is not None else None
    return (
        {"media_key": media.key, "expires_after_secs": media.expires_in(now)}
        | size
        | ({"processing_info": info} if info else {})
    )


def reply_with(media: Media, *, made: bool = False) -> Reply:
    """Returns the answer about a file; one that this call `made` is billed."""
    body = orjson.dumps({"data": {"id": media.id} | facts(media)})
    return Reply(body, resources=int(made), priced=Priced.MEDIA)


def _media(asked: Asked, parameter: str) -> Media:
    require(parameter, asked.given.get(parameter, ""), ID)
    return uploading.find(asked.world, asked.account, asked.given[parameter])


def _refusal(fault: Fault, asked: Asked) -> Refusal:
    if fault is Fault.SEGMENT:
        return plain(413, "Payload Too Large")
    name = PARAMETERS.get(fault, "media_id" if "media_id" in asked.given else "id")
    return invalid(name, asked.given.get(name, ""), f"is not valid: {fault}")


UPLOAD, ONE = "/2/media/upload", "/2/media/upload/{id}"
ENDPOINTS = (
    Endpoint("media/initialize", f"{UPLOAD}/initialize", 1_875, _answering(initialize), ("POST",), writes=True),
    Endpoint("media/append", f"{ONE}/append", 1_875, _answering(append), ("POST",), writes=True),
    Endpoint("media/finalize", f"{ONE}/finalize", 1_875, _answering(finalize), ("POST",), writes=True),
    Endpoint("media/status", UPLOAD, 1_000, _answering(status)),
    Endpoint("media", UPLOAD, 500, _answering(one_shot), ("POST",), writes=True),
    Endpoint("media/metadata", "/2/media/metadata", 500, _answering(metadata), ("POST",), writes=True),
)
