"""GET /2/dm_events and /2/dm_conversations/with/:participant_id/dm_events: docs.x.com/x-api/direct-messages/lookup."""

import time
from collections.abc import Sequence
from typing import Any

import orjson

from campaign.simulator.accounts import Priced
from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.messages import Message
from campaign.simulator.problems import invalid
from campaign.simulator.render_messages import ALWAYS, CREATED, EVENT_TYPES, FIELDS, event
from campaign.simulator.routes.asking import ID, known, require, split, whole_number
from campaign.simulator.tokens import Cursor

MOST = 100
ASKING = ("max_results", "pagination_token", "event_types", "dm_event.fields", "expansions")
SHOWING = ("media.fields", "tweet.fields", "post.fields", "user.fields")
ALL, TWO = 1 << 61, 1 << 63
"""Told apart in page tokens from other lists: all messages of a user, and those of two."""
NUMBER_BITS = 31


def events(asked: Asked) -> Reply:
    """One page of the account's messages, both ways, the newest first."""
    known(asked, *ASKING, *SHOWING)
    own = asked.account.number
    return _page(asked, asked.world.messages.of(own), own | ALL)


def events_with(asked: Asked) -> Reply:
    """The same of those with one user; none with somebody who is not there."""
    known(asked, "participant_id", *ASKING, *SHOWING)
    require("participant_id", asked.given["participant_id"], ID)
    own, other = asked.account.number, asked.world.people.with_id(asked.given["participant_id"], ever=True)
    number = other.number if other else 0
    return _page(asked, asked.world.messages.between(own, number), own << NUMBER_BITS | number | TWO)


def _page(asked: Asked, messages: Sequence[Message], owner: int) -> Reply:
    fields, wanted = ALWAYS | _words(asked, "dm_event.fields", FIELDS), _words(asked, "event_types", EVENT_TYPES)
    size, cursor = whole_number(asked, "max_results", MOST, MOST), _cursor(asked, owner)
    if wanted and CREATED not in wanted:  # nobody joins or leaves a conversation of two
        messages = ()
    page, more = asked.world.messages.page(messages, cursor.position, size, time.time())
    meta: dict[str, Any] = {"result_count": len(page)}
    if more:
        meta["next_token"] = asked.world.tokens.seal(owner, Cursor(page[-1].number))
    data = {"data": [event(message, fields) for message in page]} if page else {}
    return Reply(orjson.dumps(data | {"meta": meta}), len(page), Priced.MESSAGE_EVENTS)


def _words(asked: Asked, parameter: str, allowed: Any) -> frozenset[str]:
    """The values of a list, when X knows them all."""
    words = frozenset(split(asked.given.get(parameter, "")))
    for word in words:
        if word not in allowed:
            raise invalid(parameter, word, f"is not one of [{','.join(sorted(allowed))}]")
    return words


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
