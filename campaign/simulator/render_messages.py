"""Messages as X writes them: events in v2 (OpenAPI 2.167, DmEvent), and those of v1.1."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from campaign.simulator.messages import Message
from campaign.simulator.render_posts import entities

ALWAYS = frozenset({"id", "event_type", "text"})
"""What is returned unasked (docs.x.com/x-api/direct-messages/lookup)."""
CREATED = "MessageCreate"
EVENT_TYPES = (CREATED, "ParticipantsJoin", "ParticipantsLeave")
WRITTEN: dict[str, Callable[[Message], Any]] = {
    "id": lambda message: message.id,
    "event_type": lambda _: CREATED,
    "text": lambda message: message.shown.text,
    "sender_id": lambda message: message.sender_id,
    "dm_conversation_id": lambda message: message.conversation_id,
    "created_at": lambda message: f"{message.created_at:%Y-%m-%dT%H:%M:%S}.000Z",
    "attachments": lambda message: {"media_keys": [message.media.key]} if message.media else None,
    "entities": lambda message: entities(message.shown.links),
}
EXPANDED = "sender_id"
"""Since OpenAPI 2.167 an expansion; a field before, and where the simulated X is switched to the old way."""
FIELDS = WRITTEN.keys() - {EXPANDED}
"""What may be asked for with dm_event.fields."""
OLD_FIELDS = {*WRITTEN, "participant_ids", "referenced_tweets"}
EXPANSIONS = {EXPANDED, "participant_ids", "attachments.media_keys", "referenced_posts", "referenced_tweets.id"}


def event(message: Message, fields: AbstractSet[str]) -> dict[str, Any]:
    """Returns the message as an event of v2; empty fields are left out, not null."""
    known = {field: write(message) for field, write in WRITTEN.items() if field in fields}
    return {field: value for field, value in known.items() if value is not None}
