"""How a message reaches a user, and why X refuses it. Both versions of X's API come through here."""

import time
from enum import StrEnum

from campaign.simulator.accounts import Account, Condition
from campaign.simulator.media import Media
from campaign.simulator.messages import Draft, Message
from campaign.simulator.persons import Reception, User
from campaign.simulator.world import World

LONGEST = 10_000
"""Characters of a text, as announced in 2015; no page of today says it."""


class Reason(StrEnum):
    """Why X does not take a message."""

    LOOKS_AUTOMATED = "looks_automated"
    SENDER_RESTRICTED = "sender_restricted"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    GONE = "gone"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    BLOCKED = "blocked"
    MEDIA = "media"


class Unwanted(Exception):
    """X does not take the message."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def send(world: World, account: Account, recipient_id: str, draft: Draft) -> Message:
    """Sends a message and returns it. Raises `Unwanted`."""
    if account.condition in {Condition.LOOKS_AUTOMATED, Condition.SENDER_RESTRICTED}:
        raise Unwanted(Reason(account.condition))
    if not draft.text and draft.media_id is None:
        raise Unwanted(Reason.EMPTY)
    if len(draft.text) > LONGEST:
        raise Unwanted(Reason.TOO_LONG)
    recipient = _recipient(world, recipient_id)
    media = _media(world, account, draft.media_id)
    return place(world, world.people.user(account.number), recipient, draft, media)


def place(
    world: World, sender: User, recipient: User, draft: Draft, media: Media | None = None, ago: float = 0
) -> Message:
    """Adds a message without a check, accepted `ago` seconds before now."""
    created = time.time() - ago
    number = int(world.ids.make_earlier(created) if ago else world.ids.make(created))
    message = Message(number, sender.number, recipient.number, sender.id, recipient.id, draft, created, media)
    world.messages.add(message)
    if media is not None:
        media.in_messages += 1
    return message


def _recipient(world: World, user_id: str) -> User:
    """Returns the user with this id, when messages reach them."""
    user = world.people.with_id(user_id)
    if user is None:
        raise Unwanted(Reason.GONE)
    if user.suspended:
        raise Unwanted(Reason.SUSPENDED)
    if user.reception is not Reception.OPEN:
        raise Unwanted(Reason(user.reception))
    return user


def _media(world: World, account: Account, media_id: str | None) -> Media | None:
    """Returns the file, when it is the account's, for messages, ready, and not used up."""
    if media_id is None:
        return None
    media = world.media.get(media_id)
    if media is None or media.owner != account.number or not media.is_for_messages or not media.is_ready(time.time()):
        raise Unwanted(Reason.MEDIA)
    if media.in_messages and not media.shared:
        raise Unwanted(Reason.MEDIA)
    return media
