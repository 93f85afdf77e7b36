"""Direct messages on v1.1: developer.x.com, direct_messages/events/new and direct_messages/events/list of that time."""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson

from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.limits import Family
from campaign.simulator.messaging import Reason, Unwanted, send
from campaign.simulator.problems import Refusal, coded
from campaign.simulator.render_legacy_messages import event
from campaign.simulator.routes.legacy_drafts import Malformed, addressed
from campaign.simulator.routes.posts import AUTOMATED

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
