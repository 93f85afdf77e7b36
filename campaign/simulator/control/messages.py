"""Messages: the truth of them, those that users write by hand, and how X treats new ones."""

from collections import Counter
from itertools import islice
from typing import Any

from campaign.simulator.control.accounts import account_of
from campaign.simulator.control.command import Command, Order, Shape, Wrong, whole
from campaign.simulator.control.posts import check_seconds, file
from campaign.simulator.messages import Draft, Message
from campaign.simulator.messaging import LONGEST, place
from campaign.simulator.people import is_id
from campaign.simulator.persons import User
from campaign.simulator.wording import normalised
from campaign.simulator.world import World

BY_HAND: Shape = {"from": str, "text": str, "ago_seconds": int | float}
TREATMENT: Shape = {"show_after_seconds": int | float}
ALL = 1_000_000


def list_messages(order: Order) -> dict[str, Any]:
    """Answers every message that the account sent or got, the oldest first, also those that are not shown yet."""
    offset, limit = whole(order, "offset", 0), whole(order, "limit", ALL)
    messages = order.world.messages.of(account_of(order).number)
    return {"messages": [_truth(message) for message in islice(messages, offset, offset + limit)]}


def count_messages(order: Order) -> dict[str, Any]:
    """Answers how many messages the account sent to each user, and got from each."""
    own = account_of(order).number
    messages = order.world.messages.of(own)
    return {
        "sent": dict(Counter(message.recipient_id for message in messages if message.sender == own)),
        "received": dict(Counter(message.sender_id for message in messages if message.recipient == own)),
    }


def write_message(order: Order) -> dict[str, Any]:
    """Lets a user write to the account by hand; X refuses only what cannot be a message."""
    world, body, account = order.world, order.body, account_of(order)
    check_seconds(body)
    draft = Draft(normalised(body.get("text", "")))
    if not 0 < len(draft.text) <= LONGEST:
        raise Wrong(f"A message needs a 'text' of 1 to {LONGEST:,} characters.")
    sender = named_user(world, body.get("from", ""))
    recipient = world.people.user(account.number)
    return _truth(place(world, sender, recipient, draft, ago=body.get("ago_seconds", 0)))


def set_treatment(order: Order) -> dict[str, Any]:
    """Sets how X shows messages from now on; what is not named is as it was at first."""
    check_seconds(order.body)
    order.world.messages.show_after = order.body.get("show_after_seconds", 0)
    return {"show_after_seconds": order.world.messages.show_after}


def named_user(world: World, called: str) -> User:
    """Returns the user with this id or username, also one who is gone."""
    people = world.people
    user = (people.with_id(called, ever=True) if is_id(called) else None) or people.named(called, ever=True)
    if user is None:
        raise Wrong(f"There is no user with the id or username {called!r}.")
    return user


def _truth(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "sender": message.sender_id,
        "recipient": message.recipient_id,
        "text": message.draft.text,
        "at": message.created_at.isoformat(),
        "media": [file(message.media)] if message.media else [],
        **message.draft.extras,
    }


MESSAGES = "/accounts/{username}/messages"
COMMANDS = (
    Command("GET", MESSAGES, list_messages),
    Command("POST", MESSAGES, write_message, BY_HAND),
    Command("GET", f"{MESSAGES}/counts", count_messages),
    Command("PUT", "/messages", set_treatment, TREATMENT),
)
