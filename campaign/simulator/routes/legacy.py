"""v1.1, which X calls legacy and refuses to most: developer.x.com, followers/ids and users/lookup of that time."""

from typing import Any

import orjson

from campaign.simulator.accounts import Account
from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.follows import Stretch
from campaign.simulator.pages import Page
from campaign.simulator.persons import User
from campaign.simulator.problems import Refusal, coded
from campaign.simulator.render import legacy
from campaign.simulator.routes.asking import MANY, split
from campaign.simulator.tokens import Cursor

MOST_IDS = 5_000
FIRST_PAGE = -1
NO_PAGE = 0


def verify_credentials(asked: Asked) -> Reply:
    """Answers with the user who signed the call; with the address when it is asked for and the app may have it."""
    user = asked.world.user(asked.number)
    wanted = asked.given.get("include_email") == "true" and asked.grant is not None and asked.grant.gives_email
    email = {"email": user.profile.confirmed_email or None} if wanted else {}
    return Reply(orjson.dumps(legacy(user) | {"lang": user.profile.lang or None} | email), resources=1)


def follower_ids(asked: Asked) -> Reply:
    """Answers with up to 5,000 ids of followers, newest first."""
    account = _whose(asked)
    try:
        number, size = (int(asked.given.get(key, default)) for key, default in (("cursor", "-1"), ("count", "5000")))
    except ValueError:
        raise coded(400, 44, "cursor or count parameter is invalid.") from None
    as_text = asked.given.get("stringify_ids") in {"true", "1", "t"}
    size = max(1, min(size, MOST_IDS))
    cursor = _cursor(asked, account, number)
    page = asked.world.pages.get(
        account.number, ("ids", cursor, size, as_text), lambda: _ids(asked, account, cursor, size, as_text)
    )
    return Reply(page.body, page.resources)


def lookup(asked: Asked) -> Reply:
    """Answers with up to 100 users by id or by name, without those who are missing."""
    people = asked.world.people
    ids, names = split(asked.given.get("user_id", "")), split(asked.given.get("screen_name", ""))
    if len(ids) + len(names) > MANY:
        raise coded(403, 18, "Too many terms specified in query.")
    found = [people.with_id(user_id) for user_id in ids] + [people.named(name) for name in names]
    users = [asked.world.user(user.number) for user in found if user is not None and not user.suspended]
    if not users:
        raise coded(404, 17, "No user matches for specified terms.")
    return Reply(orjson.dumps([legacy(user) for user in users]), len(users))


def _whose(asked: Asked) -> Account:
    """Returns the account whose followers are asked for; the caller's own when none is named."""
    user = _named(asked)
    account = asked.world.accounts.get(user.number) if user else None
    if user is None or user.suspended or account is None:
        raise coded(404, 50, "User not found.")
    if user.protected and account is not asked.account:
        raise Refusal(401, {"request": "/1.1/followers/ids.json", "error": "Not authorized."})
    return account


def _named(asked: Asked) -> User | None:
    people = asked.world.people
    if "user_id" in asked.given:
        return people.with_id(asked.given["user_id"])
    if "screen_name" in asked.given:
        return people.named(asked.given["screen_name"])
    return people.user(asked.account.number)


def _cursor(asked: Asked, account: Account, number: int) -> Cursor:
    if number == FIRST_PAGE:
        return Cursor(account.follows.end)
    cursor = asked.world.tokens.place(account.index, number)
    if cursor is None:
        raise coded(400, 44, "cursor parameter is invalid.")
    return cursor


def _ids(asked: Asked, account: Account, cursor: Cursor, size: int, as_text: bool) -> Page:
    stretch = account.follows.read(cursor.position, size, upwards=cursor.upwards)
    users = [user for user in map(asked.world.people.user, stretch.numbers) if user.is_there]
    ids: list[Any] = [user.id if as_text else int(user.id) for user in users]
    return Page(orjson.dumps({"ids": ids} | _cursors(asked, account, stretch)), len(ids))


def _cursors(asked: Asked, account: Account, stretch: Stretch) -> dict[str, int | str]:
    """Returns where the pages after and before begin, as numbers and as text."""
    older, newer = account.follows.has_older(stretch.bottom), account.follows.has_newer(stretch.top)
    number = asked.world.tokens.number
    following = number(account.index, Cursor(stretch.bottom)) if older else NO_PAGE
    previous = number(account.index, Cursor(stretch.top, upwards=True)) if newer else NO_PAGE
    return {
        "next_cursor": following,
        "next_cursor_str": str(following),
        "previous_cursor": previous,
        "previous_cursor_str": str(previous),
    }


ENDPOINTS = (
    Endpoint("verify_credentials", "/1.1/account/verify_credentials.json", 75, verify_credentials, people=True),
    Endpoint("followers/ids", "/1.1/followers/ids.json", 15, follower_ids),
    Endpoint("users/lookup", "/1.1/users/lookup.json", 900, lookup, ("GET", "POST")),
)
