"""GET /2/dm_events and /2/dm_conversations/with/:participant_id/dm_events: docs.x.com/x-api/direct-messages/lookup."""

import time
from collections.abc import Sequence
from typing import Any

import orjson

from campaign.simulator.accounts import Expanded, Priced
from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.messages import Message
from campaign.simulator.problems import invalid
from campaign.simulator.render_messages import (
    ALWAYS,
    CREATED,
    EVENT_TYPES,
    EXPANDED,
    EXPANSIONS,
    FIELDS,
    OLD_FIELDS,
    event,
)
from campaign.simulator.routes.asking import ID, chosen, known, require, split, view, whole_number
from campaign.simulator.tokens import Cursor

MOST = 100
ASKING = ("max_results", "pagination_token", "event_types", "dm_event.fields", "expansions")
SHOWING = ("media.fields", "tweet.fields", "post.fields", "user.fields")
ALL, TWO = 1 << 61, 1 << 63
"""Marks in page tokens for two lists: all messages of a user, and those of two users."""
NUMBER_BITS = 31


def events(asked: Asked) -> Reply:
    """Answers with one page of the account's messages, both ways, the newest first."""
    known(asked, *ASKING, *SHOWING)
    own = asked.account.number
    return _page(asked, asked.world.messages.of(own), own | ALL)


def events_with(asked: Asked) -> Reply:
    """Answers the same of those with one user; none when there is no such user."""
    known(asked, "participant_id", *ASKING, *SHOWING)
    require("participant_id", asked.given["participant_id"], ID)
    own, other = asked.account.number, asked.world.people.with_id(asked.given["participant_id"], ever=True)
    number = other.number if other else 0
    return _page(asked, asked.world.messages.between(own, number), own << NUMBER_BITS | number | TWO)


def _page(asked: Asked, messages: Sequence[Message], owner: int) -> Reply:
    world, types = asked.world, split(asked.given.get("event_types", ""))
    for event_type in types:
        if event_type not in EVENT_TYPES:
            raise invalid("event_types", event_type, f"is not one of [{','.join(EVENT_TYPES)}]")
    fields = ALWAYS | chosen(asked, "dm_event.fields", OLD_FIELDS if world.expansions_as_fields else FIELDS)
    expansions = chosen(asked, "expansions", EXPANSIONS)
    size, cursor = whole_number(asked, "max_results", MOST, MOST), _cursor(asked, owner)
    if types and CREATED not in types:  # a conversation of two has no other events
        messages = ()
    page, more = world.messages.page(messages, cursor.position, size, time.time())
    meta: dict[str, Any] = {"result_count": len(page)}
    if more:
        meta["next_token"] = world.tokens.seal(owner, Cursor(page[-1].number))
    body: dict[str, Any] = {"meta": meta}
    expanded: Expanded = {}
    if EXPANDED in expansions and page:
        fields |= {EXPANDED}
        shown, numbers = view(asked), dict.fromkeys(message.sender for message in page)
        body["includes"] = {"users": [shown.show(world.user(number)) for number in numbers]}
        expanded[Priced.USERS_EXPANDED] = [world.people.user(number).id for number in numbers]
    if page:
        body["data"] = [event(message, fields) for message in page]
    return Reply(orjson.dumps(body), len(page), Priced.MESSAGE_EVENTS, expanded=expanded)


def _cursor(asked: Asked, owner: int) -> Cursor:
    token = asked.given.get("pagination_token")
    cursor = Cursor(1 << 63) if token is None else asked.world.tokens.open(owner, token)
    if cursor is None:
        raise invalid("pagination_token", str(token), "is not valid")
    return cursor


ENDPOINTS = (
    Endpoint("messages/events", "/2/dm_events", 15, events, messages=True),
    Endpoint(
        "messages/events/with",
        "/2/dm_conversations/with/{participant_id}/dm_events",
        15,
        events_with,
        messages=True,
    ),
)
