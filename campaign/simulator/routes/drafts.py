"""The JSON body of POST /2/tweets, as strict as OpenAPI 2.167 describes it (CreatePostsRequest)."""

from collections.abc import Callable, Collection
from typing import Any

from campaign.simulator.endpoint import Asked
from campaign.simulator.people import is_id
from campaign.simulator.posts import Draft, Poll
from campaign.simulator.problems import invalid_body
from campaign.simulator.wording import normalised

REPLY_SETTINGS = ("following", "mentionedUsers", "subscribers", "verified")
UNKNOWN = "is not defined in the schema and the schema does not allow additional properties"
Test = Callable[[Any], bool]


def is_text(value: Any) -> bool:
    """Returns whether it is a text."""
    return isinstance(value, str)


def is_truth(value: Any) -> bool:
    """Returns whether it is true or false."""
    return isinstance(value, bool)


def is_object(value: Any) -> bool:
    """Returns whether it is an object."""
    return isinstance(value, dict)


def is_number(least: int, most: int) -> Test:
    """Returns whether it is a whole number within bounds."""
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_post_id(value: Any) -> bool:
    return isinstance(value, str) and is_id(value)


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and is_id(one) for one in value)


def _are_options(value: Any) -> bool:
    fits = isinstance(value, list) and 2 <= len(value) <= 4  # noqa: PLR2004 - OpenAPI: minItems, maxItems
    return fits and all(isinstance(one, str) and 1 <= len(one) <= 25 for one in value)  # noqa: PLR2004


POST: dict[str, Test] = {
    "text": is_text,
    "reply": is_object,
    "media": is_object,
    "poll": is_object,
    "quote_tweet_id": _is_post_id,
    "reply_settings": lambda value: value in REPLY_SETTINGS,
    "paid_partnership": is_truth,
    "made_with_ai": is_truth,
}
REPLY: dict[str, Test] = {"in_reply_to_tweet_id": _is_post_id}
MEDIA: dict[str, Test] = {"media_ids": _are_ids}
POLL: dict[str, Test] = {"options": _are_options, "duration_minutes": is_number(5, 10_080)}


def json_object(asked: Asked) -> dict[str, Any]:
    """Returns the body, when it is an object in JSON."""
    body = asked.body.json()
    if body is None:
        raise invalid_body("", asked.body.raw[:50].decode(errors="replace"), "object expected")
    return body


def check(value: dict[str, Any], shape: dict[str, Test], needed: Collection[str] = (), path: str = "") -> None:
    """Refuses fields that are unknown or wrong, and the absence of those that are needed."""
    for field, part in value.items():
        if field not in shape:
            raise invalid_body(path + field, part, UNKNOWN)
        if not shape[field](part):
            raise invalid_body(path + field, part, "does not have a value that the schema allows")
    for field in needed:
        if field not in value:
            raise invalid_body(path + field, "", "is missing but it is required")


def draft(body: dict[str, Any]) -> Draft:
    """Returns what is to be posted."""
    check(body, POST)
    reply, media, poll = (body.get(part, {}) for part in ("reply", "media", "poll"))
    check(reply, REPLY, REPLY if "reply" in body else (), "reply.")
    check(media, MEDIA, MEDIA if "media" in body else (), "media.")
    check(poll, POLL, POLL if "poll" in body else (), "poll.")
    return Draft(
        text=normalised(body.get("text", "")),
        reply_to=reply.get("in_reply_to_tweet_id"),
        media_ids=tuple(media.get("media_ids", ())),
        poll=Poll(tuple(poll["options"]), poll["duration_minutes"]) if poll else None,
        reply_settings=body.get("reply_settings"),
        paid_partnership=body.get("paid_partnership", False),
        made_with_ai=body.get("made_with_ai", False),
    )
