"""Direct messages on v1.1: developer.x.com, direct_messages/events/new and direct_messages/events/list of that time."""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson

from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.limits import Family
from campaign.simulator.messages import Draft
from campaign.simulator.messaging import Reason, Unwanted, send
from campaign.simulator.problems import Refusal, coded
from campaign.simulator.render_legacy import event
from campaign.simulator.routes.posts import AUTOMATED
from campaign.simulator.wording import normalised

MOST_OPTIONS, MOST_BUTTONS = 20, 3


class Malformed(Exception):
    """The body is not what X expects."""


def addressed(body: dict[str, Any] | None) -> tuple[str, Draft]:
    """Returns the id of the recipient, and the message."""
    event = _object(body or {}, "event")
    if event.get("type") != "message_create":
        raise Malformed("event.type is invalid")
    created = _object(event, "message_create")
    data = _object(created, "message_data")
    recipient_id = _text(_object(created, "target"), "recipient_id")
    extras = {name: check(data[name]) for name, check in EXTRAS.items() if name in data}
    return recipient_id, Draft(normalised(_text(data, "text")), _media_id(data), extras)


def _media_id(data: dict[str, Any]) -> str | None:
    if "attachment" not in data:
        return None
    attachment = _object(data, "attachment")
    if attachment.get("type") != "media":
        raise Malformed("attachment.type is invalid")
    return _text(_object(attachment, "media"), "id")


def _quick_reply(value: Any) -> Any:
    """Answers that the recipient may choose from."""
    options = value.get("options") if isinstance(value, dict) and value.get("type") == "options" else None
    if not isinstance(options, list) or not 1 <= len(options) <= MOST_OPTIONS:
        raise Malformed("quick_reply.options is invalid")
    for option in options:
        _text(option, "label")
    return value


def _buttons(value: Any) -> Any:
    """Links as buttons under the text."""
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_BUTTONS:
        raise Malformed("ctas is invalid")
    for button in value:
        if (_text(button, "type"), bool(_text(button, "label") and _text(button, "url"))) != ("web_url", True):
            raise Malformed("ctas.type is invalid")
    return value


def _object(parent: Any, name: str) -> dict[str, Any]:
    value = parent.get(name)
    if not isinstance(value, dict):
        raise Malformed(f"{name} is missing")
    return value


def _text(parent: Any, name: str) -> str:
    value = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(value, str):
        raise Malformed(f"{name} is missing")
    return value


EXTRAS = {"quick_reply": _quick_reply, "ctas": _buttons}


MOST, UNASKED = 50, 20
CANNOT_SEND = (403, 349, "You cannot send messages to this user.")
NOT_FOLLOWING = (403, 150, "You cannot send messages to users who are not following you.")
CODED = {
    Reason.LOOKS_AUTOMATED: (403, 226, AUTOMATED),
    # 151 has been seen with reasons of many kinds; which one X gives a restricted sender is not documented.
    Reason.SENDER_RESTRICTED: (403, 151, "There was an error sending your message: This operation is not permitted."),
    Reason.EMPTY: (403, 151, "There was an error sending your message: Text is empty."),
    Reason.TOO_LONG: (403, 354, "The text of your direct message is over the max character limit."),
    Reason.GONE: (404, 50, "User not found."),
    Reason.SUSPENDED: (403, 108, "Cannot find specified user."),
    Reason.CLOSED: CANNOT_SEND,
    Reason.BLOCKED: CANNOT_SEND,
    Reason.MEDIA: (400, 324, "The validation of media ids failed."),
}


def new(asked: Asked) -> Reply:
    """Sends a message to one user."""
    try:
        recipient_id, draft = addressed(asked.body.json())
    except Malformed as why:
        raise coded(400, 214, f"event.message_create: {why}") from None
    try:
        message = send(asked.world, asked.account, recipient_id, draft)
    except Unwanted as why:
        raise _refusal(asked, why.reason, recipient_id) from None
    return Reply(orjson.dumps({"event": event(message)}), resources=1)


def listed(asked: Asked) -> Reply:
    """Answers with the account's messages of 30 days, both ways, the newest first."""
    try:
        size = max(1, min(int(asked.given.get("count", UNASKED)), MOST))
    except ValueError:
        raise coded(400, 44, "count parameter is invalid.") from None
    own = asked.account.number
    messages = asked.world.messages
    page, more = messages.page(messages.of(own), _below(asked, own), size, time.time())
    cursor = {"next_cursor": _cursor(own, page[-1].number)} if more else {}
    body: dict[str, Any] = {"events": [event(message) for message in page], "apps": {}}
    return Reply(orjson.dumps(body | cursor), len(page))


def _refusal(asked: Asked, reason: Reason, recipient_id: str) -> Refusal:
    """Returns X's code for it; a closed inbox has another one for senders whom the recipient does not follow."""
    recipient = asked.world.people.with_id(recipient_id)
    if reason is Reason.CLOSED and recipient and not asked.account.follows.has(recipient.number):
        return coded(*NOT_FOLLOWING)
    return coded(*CODED[reason])


def _cursor(owner: int, below: int) -> str:
    return urlsafe_b64encode(f"{owner}.{below}".encode()).decode().rstrip("=")


def _below(asked: Asked, owner: int) -> int:
    """Returns the id that the messages asked for are older than."""
    cursor = asked.given.get("cursor")
    if cursor is None:
        return 1 << 63
    try:
        whose, _, below = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(".")
        if int(whose) == owner:
            return int(below)
    except ValueError:
        pass
    raise coded(400, 44, "cursor parameter is invalid.")


EVENTS = "/1.1/direct_messages/events"
ENDPOINTS = (
    Endpoint(
        "direct_messages/events/new",
        f"{EVENTS}/new.json",
        1_000,
        new,
        ("POST",),
        messages=True,
        day_limits={Family.USER: 1_000, Family.APP: 15_000},
    ),
    Endpoint("direct_messages/events/list", f"{EVENTS}/list.json", 15, listed, messages=True),
)
