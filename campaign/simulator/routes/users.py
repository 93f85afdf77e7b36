"""GET /2/users/me, /2/users and /2/users/by: docs.x.com/x-api/users/lookup."""

from collections.abc import Callable
from typing import Any

import orjson

from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.persons import User
from campaign.simulator.problems import not_found, suspended
from campaign.simulator.routes.asking import ID, USERNAME, known, several, view


def me(asked: Asked) -> Reply:
    """Answers with the user who signed the call, or signed in with the app that calls."""
    known(asked, "user.fields", "expansions", "tweet.fields", "post.fields")
    user = asked.world.user(asked.number)
    return Reply(orjson.dumps({"data": view(asked).show(user)}), resources=1)


def by_ids(asked: Asked) -> Reply:
    """Answers with up to 100 users by their ids."""
    known(asked, "ids", "user.fields", "expansions", "tweet.fields", "post.fields")
    return _found(asked, "ids", several(asked, "ids", ID), asked.world.people.with_id)


def by_usernames(asked: Asked) -> Reply:
    """Answers with up to 100 users by their names."""
    known(asked, "usernames", "user.fields", "expansions", "tweet.fields", "post.fields")
    return _found(asked, "usernames", several(asked, "usernames", USERNAME), asked.world.people.named)


def _found(asked: Asked, parameter: str, values: list[str], find: Callable[[str], User | None]) -> Reply:
    """Answers with the users who were found as `data`, the others as `errors`; an empty part is left out."""
    shown: list[dict[str, Any]] = []
    errors: list[dict[str, str]] = []
    as_asked = view(asked)
    for value in values:
        user = find(value)
        if user is None:
            errors.append(not_found(parameter, value))
        elif user.suspended:
            errors.append(suspended(parameter, value))
        else:
            shown.append(as_asked.show(asked.world.user(user.number)))
    parts = {"data": shown, "errors": errors}
    return Reply(orjson.dumps({part: entries for part, entries in parts.items() if entries}), len(shown))


ENDPOINTS = (
    Endpoint("users/me", "/2/users/me", 75, me, people=True),
    Endpoint("users/by", "/2/users/by", 900, by_usernames),
    Endpoint("users", "/2/users", 900, by_ids),
)
