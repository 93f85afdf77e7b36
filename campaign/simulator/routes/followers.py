"""GET /2/users/:id/followers: docs.x.com/x-api/users/get-followers."""

from typing import Any

import orjson

from campaign.simulator.accounts import Account, Priced
from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.follows import Stretch
from campaign.simulator.pages import Page
from campaign.simulator.problems import invalid, not_found, suspended, unauthorized
from campaign.simulator.render import View
from campaign.simulator.routes.asking import ID, known, require, view, whole_number
from campaign.simulator.tokens import Cursor
from campaign.simulator.world import World

MOST = 1_000
UNASKED = 100
"""Followers on a page when max_results is not given."""


def followers(asked: Asked) -> Reply:
    """Answers with one page of the followers of any account, newest first."""
    known(asked, "id", "max_results", "pagination_token", "user.fields", "expansions", "tweet.fields", "post.fields")
    require("id", asked.given["id"], ID)
    problem = hidden(asked)
    if problem is not None:
        return Reply(orjson.dumps({"errors": [problem]}))
    user = asked.world.people.with_id(asked.given["id"])
    account = asked.world.accounts.get(user.number) if user else None
    size = whole_number(asked, "max_results", UNASKED, MOST)
    if account is None:  # a user without a list of followers
        return Reply(orjson.dumps({"meta": {"result_count": 0}}))
    own = account is asked.account
    owned = own and account.owns_app
    page = _page(asked, account, view(asked, following=own), size)
    return Reply(page.body, page.resources, Priced.USERS_OWNED if owned else Priced.USERS_NOT_OWNED)


def hidden(asked: Asked) -> dict[str, str] | None:
    """Returns why this account may not see a user's lists, as an entry of `errors` in an answer with status 200."""
    user_id = asked.given["id"]
    user = asked.world.people.with_id(user_id)
    if user is None:
        return not_found("id", user_id)
    if user.suspended:
        return suspended("id", user_id)
    if user.protected and user.number != asked.account.number:
        return unauthorized("id", user_id)
    return None


def _page(asked: Asked, account: Account, shown: View, size: int) -> Page:
    cursor = _cursor(asked, account)
    world = asked.world
    return world.pages.get(account.number, (cursor, size, shown), lambda: _render(world, account, cursor, size, shown))


def _cursor(asked: Asked, account: Account) -> Cursor:
    """Returns where to read: at the top without a token."""
    token = asked.given.get("pagination_token")
    if token is None:
        return Cursor(account.follows.end)
    cursor = asked.world.tokens.open(account.number, token)
    if cursor is None:
        raise invalid("pagination_token", token, "is not valid")
    return cursor


def _render(world: World, account: Account, cursor: Cursor, size: int, shown: View) -> Page:
    stretch = account.follows.read(cursor.position, size, upwards=cursor.upwards)
    users = [user for user in map(world.user, stretch.numbers) if user.is_there]
    meta = {"result_count": len(users)} | _tokens(world, account, stretch)
    body: dict[str, Any] = {"data": [shown.show(user) for user in users]} if users else {}
    return Page(orjson.dumps(body | {"meta": meta}), len(users))


def _tokens(world: World, account: Account, stretch: Stretch) -> dict[str, str]:
    """Returns the tokens of the pages before and after; the last page has no next_token, however short others are."""
    tokens = {}
    if account.follows.has_older(stretch.bottom):
        tokens["next_token"] = world.tokens.seal(account.number, Cursor(stretch.bottom))
    if account.follows.has_newer(stretch.top):
        tokens["previous_token"] = world.tokens.seal(account.number, Cursor(stretch.top, upwards=True))
    return tokens


ENDPOINTS = (Endpoint("followers", "/2/users/{id}/followers", 300, followers),)
