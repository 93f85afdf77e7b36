"""Who takes messages, and how full the windows of X's limits were."""

import time
from itertools import islice
from typing import Any

from campaign.simulator.control.accounts import find_account
from campaign.simulator.control.command import Command, Order, Shape, Wrong
from campaign.simulator.control.messages import named_user
from campaign.simulator.persons import Reception
from campaign.simulator.world import World

OPEN: dict[str, Any] = {"reception": Reception.OPEN, "suspended": False, "gone": False}
STATES: dict[str, dict[str, Any]] = {
    "open": OPEN,
    "closed": OPEN | {"reception": Reception.CLOSED},
    "blocked": OPEN | {"reception": Reception.BLOCKED},
    "gone": OPEN | {"gone": True},
    "suspended": OPEN | {"suspended": True},
}
USERS: Shape = {"users": list[str], "followers_of": str, "every": int, "offset": int}


def set_state(order: Order) -> dict[str, Any]:
    """Lets users take messages or not, or not be there at all."""
    body, world = order.body, order.world
    if body.get("state") not in STATES:
        raise Wrong(f"A 'state' is one of {', '.join(STATES)}, not {body.get('state')!r}.")
    users = world.change_users(_numbers(world, body), **STATES[body["state"]])
    return {"user_ids": [user.id for user in users]}


def encrypt_conversations(order: Order) -> dict[str, Any]:
    """Moves the conversations of users to X Chat, where no list of events shows what is written; or back."""
    body, world = order.body, order.world
    numbers, since = _numbers(world, body), time.time() - body.get("ago_seconds", 0)
    for number in numbers:
        world.messages.quiet_since[number] = since
        if not body.get("encrypted", True):
            del world.messages.quiet_since[number]
    return {"user_ids": [world.people.user(number).id for number in numbers]}


def show_windows(order: Order) -> dict[str, Any]:
    """Answers the most that any one window counted since limits were set, for each user or app and endpoint."""
    return {"windows": _windows(order.world)}


def _numbers(world: World, body: dict[str, Any]) -> list[int]:
    """Returns the users who are named, and every nth follower of an account, the newest first."""
    numbers = [named_user(world, called).number for called in body.get("users", [])]
    if "followers_of" not in body:
        return numbers
    every = body.get("every", 1)
    if not every:
        raise Wrong("'every' is a whole number from 1.")
    newest_first = find_account(world, body["followers_of"]).follows.newest_first()
    return [*numbers, *islice(newest_first, body.get("offset", 0), None, every)]


def _windows(world: World) -> list[dict[str, Any]]:
    names = {user.id: user.username for user in map(world.people.user, world.accounts)}
    return [
        {
            "endpoint": endpoint,
            "family": family,
            "account": names.get(holder),
            "app": None if holder in names else holder,
            "limit": limit,
            "most_done": most.done,
            "most_calls": most.used,
            "most_stopped": most.stopped,
        }
        for (holder, endpoint, family), limit, most in world.limits.fullest()
    ]


COMMANDS = (
    Command("PUT", "/recipients", set_state, USERS | {"state": str}),
    Command("PUT", "/conversations", encrypt_conversations, USERS | {"encrypted": bool, "ago_seconds": int | float}),
    Command("GET", "/windows", show_windows),
)
