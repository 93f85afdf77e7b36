"""The JSON body of direct_messages/events/new, as developer.x.com described it."""

from typing import Any

from campaign.simulator.messages import Draft
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
