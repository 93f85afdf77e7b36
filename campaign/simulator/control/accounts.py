"""Brands: made with keys, changed, and looked at."""

import re
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from campaign.simulator.accounts import USD, AccessLevel, Account, Condition, Credits, Priced, SpendCap
from campaign.simulator.control.command import Command, Order, Shape, Wrong
from campaign.simulator.persons import Subscription
from campaign.simulator.world import World

MOST_AT_ONCE = 20_000_000
USERNAME = re.compile(r"[A-Za-z0-9_]{1,15}")
CHANGEABLE: Shape = {"username": str, "name": str, "protected": bool, "verified": bool, "access_level": str}
APP: Shape = {"callbacks": list[str]}
LIST: Shape = {"followers": int, "ordinary": bool, "shares_followers_with": str, "overlap": int, "app_of": str}
CONDITION: Shape = {"condition": str, "subscription_type": str}
OF_THE_USER = ("username", "name", "protected", "verified", "subscription_type")


def create_account(order: Order) -> dict[str, str]:
    """Makes a new account with followers; answers its keys."""
    world, body = order.world, order.body
    username = check_username(body.get("username", ""))
    if world.people.is_taken(username):
        raise Wrong(f"The username {username!r} is taken.")
    level = _member(AccessLevel, body.get("access_level", AccessLevel.READ_WRITE_MESSAGES))
    shared, fresh = _shares(world, body)
    app_of = find_account(world, body["app_of"]) if "app_of" in body else None
    account = world.create_account(**{field: body[field] for field in OF_THE_USER if field in body}, app_of=app_of)
    account.access_level = level
    set_callbacks(account, body)
    world.follow(account, shared)
    world.follow_new(account, fresh, ordinary=body.get("ordinary", False))
    app = {"client_id": account.app.client_id, "client_secret": account.app.client_secret}
    return {"user_id": world.user(account.number).id, "username": username, **asdict(account.keys), **app}


def change_account(order: Order) -> dict[str, Any]:
    """Changes names, permission, or what X holds against the account."""
    account, body = account_of(order), order.body
    changes = {field: body[field] for field in OF_THE_USER if field in body}
    if "username" in changes:
        check_username(changes["username"])
    level = _member(AccessLevel, body.get("access_level", account.access_level))
    condition = _member(Condition, body.get("condition", account.condition))
    _member(Subscription, body.get("subscription_type", Subscription.NONE))
    account.access_level, account.condition = level, condition
    set_callbacks(account, body)
    order.world.change_user(account.number, **changes)
    return _truth(order.world, account)


def show_account(order: Order) -> dict[str, Any]:
    """Answers what is true of the account, whatever its client was answered."""
    return _truth(order.world, account_of(order))


def cap_spending(order: Order) -> dict[str, Any]:
    """Sets the spending limit of the account's app, as in X's console; what was spent before does not count."""
    body = order.body
    if "usd" not in body:
        raise Wrong("A spending limit needs 'usd'.")
    today = datetime.now(UTC).date()
    next_month = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    try:
        reset_date = date.fromisoformat(body.get("reset_date", str(next_month)))
    except ValueError:
        raise Wrong(f"'reset_date' is written like 2026-12-14, not {body['reset_date']!r}.") from None
    account = account_of(order)
    account.app.spend_cap = SpendCap(Decimal(str(body["usd"])), reset_date)
    return _truth(order.world, account)


def uncap_spending(order: Order) -> dict[str, Any]:
    """Takes the spending limit away."""
    account = account_of(order)
    account.app.spend_cap = None
    return _truth(order.world, account)


def set_credits(order: Order) -> dict[str, Any]:
    """Sets the credits of the account's app, which its calls use up from now on."""
    account, body = account_of(order), order.body
    account.app.credits = Credits(Decimal(str(body.get("free", 0))), Decimal(str(body.get("prepaid", 0))))
    return _truth(order.world, account)


def set_callbacks(account: Account, body: dict[str, Any]) -> None:
    """Lets the account's app send people back to these addresses only, as they are."""
    if "callbacks" in body:
        account.app.callbacks[:] = body["callbacks"]


def account_of(order: Order) -> Account:
    """Returns the account named in the path."""
    return find_account(order.world, order.given["username"])


def find_account(world: World, username: str) -> Account:
    """Returns the account with this username."""
    account = world.account(username)
    if account is None:
        raise Wrong(f"There is no account {username!r}.")
    return account


def check_username(username: str) -> str:
    """Returns the username; refuses one that X would not allow."""
    if not USERNAME.fullmatch(username):
        raise Wrong(f"A username has 1 to 15 letters, digits and underscores, not {username!r}.")
    return username


def _shares(world: World, body: dict[str, Any]) -> tuple[list[int], int]:
    """Returns the followers to take from another account, and how many new ones to make."""
    count = check_count(body.get("followers", 0))
    if "shares_followers_with" not in body:
        return [], count
    other = world.account(body["shares_followers_with"])
    if other is None:
        raise Wrong(f"There is no account {body['shares_followers_with']!r} to share followers with.")
    overlap = body.get("overlap", min(count, other.follows.count))
    if overlap > min(count, other.follows.count):
        raise Wrong(f"{overlap} followers cannot be shared by lists of {count} and {other.follows.count}.")
    return other.follows.spread(overlap), count - overlap


def check_count(count: int) -> int:
    """Returns a number of new followers; refuses one so large that it can only be a slip."""
    if count > MOST_AT_ONCE:
        raise Wrong(f"At most {MOST_AT_ONCE:,} followers come at once, not {count:,}.")
    return count


def _member(words: Any, word: str) -> Any:
    """Returns the member of an enumeration that has this value."""
    if word not in list(words):
        raise Wrong(f"{word!r} is none of {', '.join(words)}.")
    return words(word)


def _truth(world: World, account: Account) -> dict[str, Any]:
    user, bill, cap = world.user(account.number), account.bill, account.app.spend_cap
    limit = {"usd": str(cap.usd), "spent": str(cap.spent), "reset_date": str(cap.reset_date)} if cap else None
    return {
        "user_id": user.id,
        "username": user.username,
        "followers_count": user.followers_count,
        "calls": dict(account.calls),
        "users_returned": {"owned": bill[Priced.USERS_OWNED], "not_owned": bill[Priced.USERS_NOT_OWNED]},
        "posts_read": {"owned": bill[Priced.POSTS_OWNED], "not_owned": bill[Priced.POSTS_NOT_OWNED]},
        "posts_made": {"with_link": bill[Priced.POST_WITH_LINK], "without_link": bill[Priced.POST_WITHOUT_LINK]},
        "posts_deleted": bill[Priced.POST_DELETED],
        "media_made": bill[Priced.MEDIA],
        "metadata_made": bill[Priced.METADATA],
        "messages_made": bill[Priced.MESSAGE],
        "message_events_read": bill[Priced.MESSAGE_EVENTS],
        "users_expanded": bill[Priced.USERS_EXPANDED],
        "posts_expanded": bill[Priced.POSTS_EXPANDED],
        "billed_usd": str(sum((USD[priced] * count for priced, count in bill.items()), Decimal(0))),
        "spend_cap": limit,
    }


COMMANDS = (
    Command("POST", "/accounts", create_account, CHANGEABLE | LIST | APP),
    Command("PATCH", "/accounts/{username}", change_account, CHANGEABLE | CONDITION | APP),
    Command("GET", "/accounts/{username}", show_account),
    Command("PUT", "/accounts/{username}/spend_cap", cap_spending, {"usd": int | float, "reset_date": str}),
    Command("DELETE", "/accounts/{username}/spend_cap", uncap_spending),
    Command("PUT", "/accounts/{username}/credits", set_credits, {"free": int | float, "prepaid": int | float}),
)
