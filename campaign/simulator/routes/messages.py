"""POST /2/dm_conversations/with/:participant_id/messages: docs.x.com/x-api/direct-messages/manage."""

from typing import Any

import orjson

from campaign.simulator.accounts import Priced
from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.limits import Family
from campaign.simulator.messages import Draft
from campaign.simulator.messaging import Reason, Unwanted, send
from campaign.simulator.problems import Refusal, coded, invalid_body, no_such_user, plain
from campaign.simulator.routes.asking import ID, known, require
from campaign.simulator.routes.drafts import Test, check, is_text, json_object
from campaign.simulator.routes.posts import AUTOMATED
from campaign.simulator.wording import normalised

SHOWN = 50
"""Characters of a wrong text that the answer repeats."""
NO_PERMISSION = "You do not have permission to DM one or more participants."
FORBIDDEN = {
    Reason.SENDER_RESTRICTED: "This operation is not permitted.",
    Reason.CLOSED: NO_PERMISSION,
    Reason.BLOCKED: NO_PERMISSION,
    Reason.SUSPENDED: NO_PERMISSION,  # what X says of these is not documented
}


def _are_attachments(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict)


def _is_media_id(value: Any) -> bool:
    return isinstance(value, str) and ID.fullmatch(value) is not None


MESSAGE: dict[str, Test] = {"text": is_text, "attachments": _are_attachments}
ATTACHMENT: dict[str, Test] = {"media_id": _is_media_id}


def create(asked: Asked) -> Reply:
    """Sends a message to one user."""
    known(asked, "participant_id")
    recipient_id = asked.given["participant_id"]
    require("participant_id", recipient_id, ID)
    draft = _draft(json_object(asked))
    try:
        message = send(asked.world, asked.account, recipient_id, draft)
    except Unwanted as why:
        raise _refusal(why.reason, recipient_id, draft) from None
    data = {"dm_conversation_id": message.conversation_id, "dm_event_id": message.id}
    return Reply(orjson.dumps({"data": data}), resources=1, priced=Priced.MESSAGE, status=201)


def _draft(body: dict[str, Any]) -> Draft:
    check(body, MESSAGE)
    (attachment,) = body.get("attachments", [{}])
    check(attachment, ATTACHMENT, ATTACHMENT if "attachments" in body else (), "attachments.")
    return Draft(normalised(body.get("text", "")), attachment.get("media_id"))


def _refusal(reason: Reason, recipient_id: str, draft: Draft) -> Refusal:
    """Returns X's words for it in v2."""
    if reason is Reason.LOOKS_AUTOMATED:
        return coded(403, 226, AUTOMATED)
    if reason is Reason.GONE:
        return no_such_user("participant_id", recipient_id)
    if reason in FORBIDDEN:
        return plain(403, "Forbidden", FORBIDDEN[reason])
    complaints: dict[Reason, tuple[str, Any, str]] = {
        Reason.EMPTY: ("text", "", "is missing but it is required"),
        Reason.TOO_LONG: ("text", draft.text[:SHOWN], "is longer than 10000 characters"),
        Reason.MEDIA: ("attachments.media_id", draft.media_id, "Your media IDs are invalid."),
    }
    return invalid_body(*complaints[reason])


ENDPOINTS = (
    Endpoint(
        "messages",
        "/2/dm_conversations/with/{participant_id}/messages",
        15,
        create,
        ("POST",),
        messages=True,
        day_limits={Family.USER: 1_440, Family.APP: 1_440},
    ),
)
