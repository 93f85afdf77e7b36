"""Messages as v1.1 writes them: developer.x.com, the message_create object of that time."""

from typing import Any

from campaign.simulator.media import Media
from campaign.simulator.messages import Message
from campaign.simulator.render_statuses import TYPES, entity
from campaign.simulator.wording import Link


def event(message: Message) -> dict[str, Any]:
    """Returns the message; ids are texts here."""
    created = {
        "target": {"recipient_id": message.recipient_id},
        "sender_id": message.sender_id,
        "message_data": _data(message),
    }
    moment = str(int(message.created * 1000))
    return {"type": "message_create", "id": message.id, "created_timestamp": moment, "message_create": created}


def _data(message: Message) -> dict[str, Any]:
    shown = message.shown
    urls = [entity(link) for link in shown.links]
    found = {"hashtags": [], "symbols": [], "user_mentions": [], "urls": urls}
    attached = {"attachment": _attachment(message.media, shown.links[-1])} if message.media else {}
    return {"text": shown.text, "entities": found, **attached, **message.draft.extras}


def _attachment(media: Media, link: Link) -> dict[str, Any]:
    names = {"id": int(media.id), "id_str": media.id, "type": TYPES[media.kind]}
    return {"type": "media", "media": names | entity(link)}
