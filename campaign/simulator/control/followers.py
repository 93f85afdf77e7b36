"""Followers who come, go and change."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from campaign.simulator.control.accounts import account_of, check_count, check_username
from campaign.simulator.control.command import Command, Order, Shape, Wrong, check, whole
from campaign.simulator.people import is_id
from campaign.simulator.persons import SILENT, Profile, User
from campaign.simulator.render import FIELDS, View
from campaign.simulator.wording import Link, read
from campaign.simulator.world import World

TEXTS = ("description", "location", "profile_image_url", "confirmed_email", "lang")
PROFILE: Shape = {**dict.fromkeys(TEXTS, str), "url": str, "created_at": str, "public_metrics": dict[str, int]}
METRICS = ("following_count", "tweet_count", "listed_count", "like_count", "media_count")
COUNT = "followers_count"


def read_changes(described: dict[str, Any], before: Profile) -> dict[str, Any]:
    """Returns the changes of a user that this description means; what it does not name stays as it was."""
    changes = {field: value for field, value in described.items() if field not in PROFILE}
    profile: dict[str, Any] = {field: described[field] for field in TEXTS if field in described}
    if "url" in described:
        profile["site"] = _site(described["url"])
    if "created_at" in described:
        profile["created_at"] = _moment(described["created_at"])
    metrics = dict(described.get("public_metrics", {}))
    if COUNT in metrics:
        changes[COUNT] = metrics.pop(COUNT)
    if metrics:
        profile["metrics"] = tuple((dict(before.metrics) | _known(metrics)).items())
    return changes | ({"profile": replace(before, **profile)} if profile else {})


def _known(metrics: dict[str, int]) -> dict[str, int]:
    for name in metrics:
        if name not in METRICS:
            raise Wrong(f"{name!r} is none of {', '.join((COUNT, *METRICS))}.")
    return metrics


def _site(url: str) -> Link | None:
    """Returns the user's site behind a short link; an empty text takes it away."""
    links = read(url).links
    if url and (len(links) != 1 or links[0].end - links[0].start != len(url)):
        raise Wrong(f"'url' is an address such as https://example.com, not {url!r}.")
    return links[0] if url else None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Wrong(f"A moment is written like 2019-05-01T12:00:00Z, not {text!r}.") from None
    return moment.astimezone(UTC)


USER: Shape = {
    "username": str,
    "name": str,
    "followers_count": int,
    "verified": bool,
    "protected": bool,
    "withheld": bool,
    "suspended": bool,
    "omit": list[str],
    **PROFILE,
}


def list_followers(order: Order) -> dict[str, Any]:
    """Answers a part of the true list, newest first."""
    offset, limit = whole(order, "offset", 0), whole(order, "limit", 1_000)
    numbers = islice(account_of(order).follows.newest_first(), offset, offset + limit)
    return {"users": [_full(order.world, order.world.user(number)) for number in numbers]}


def add_followers(order: Order) -> dict[str, Any]:
    """Lets users follow: new ones, described ones, or ones who exist."""
    account, (way, wanted) = account_of(order), _one_of(order, "count", "users", "user_ids")
    if way == "count":
        return _ids(order.world, order.world.follow_new(account, check_count(wanted)))
    numbers = _described(order.world, wanted) if way == "users" else _numbers(order.world, wanted)
    order.world.follow(account, numbers)
    return _ids(order.world, numbers)


def remove_followers(order: Order) -> dict[str, Any]:
    """Lets followers leave."""
    account, (way, wanted) = account_of(order), _one_of(order, "count", "user_ids")
    numbers = account.follows.spread(wanted) if way == "count" else _numbers(order.world, wanted)
    return _ids(order.world, order.world.unfollow(account, numbers))


def rename_followers(order: Order) -> dict[str, Any]:
    """Gives new names to followers, spread evenly through the list."""
    account, (_, count) = account_of(order), _one_of(order, "count")
    numbers = account.follows.spread(count)
    for number in numbers:
        username = order.world.people.fresh_name()
        order.world.change_user(number, username=username, name=f"Now {username}")
    return _ids(order.world, numbers)


def change_user(order: Order) -> dict[str, Any]:
    """Changes one user."""
    (number,) = _numbers(order.world, [order.given["id"]])
    before = order.world.people.user(number).profile
    return _full(order.world, order.world.change_user(number, **_changes(order.body, before)))


def _one_of(order: Order, *ways: str) -> tuple[str, Any]:
    """Returns the one field that names the users."""
    if len(order.body) != 1:
        raise Wrong(f"The body needs exactly one of {', '.join(ways)}.")
    ((way, wanted),) = order.body.items()
    return way, wanted


def _described(world: World, users: list[Any]) -> list[int]:
    """Makes new users as described; all descriptions are checked before the first user is made."""
    changes = [_changes(check(user, USER | {"id": str}, "A user")) for user in users]
    _all_free("username", [change["username"].lower() for change in changes if "username" in change], world)
    _all_free("id", [change["id"] for change in changes if "id" in change], world)
    numbers = world.people.add(len(changes))
    for number, change in zip(numbers, changes, strict=True):
        world.change_user(number, **{"omit": frozenset(), **change})
    return list(numbers)


def _all_free(field: str, values: list[str], world: World) -> None:
    """Refuses ids and usernames that are taken, or given to two users."""
    taken = world.people.is_taken if field == "username" else world.people.with_id
    for value, times in Counter(values).items():
        if times > 1 or taken(value):
            raise Wrong(f"The {field} {value!r} is taken.")


def _changes(described: dict[str, Any], before: Profile = SILENT) -> dict[str, Any]:
    """Returns the fields of a user that a description sets."""
    changes = read_changes(described, before)
    if "username" in changes:
        check_username(changes["username"])
    if "id" in changes and not is_id(changes["id"]):
        raise Wrong(f"An id is a number from 1 to 2^63-1 in a text, not {changes['id']!r}.")
    if "omit" in changes:
        unknown = [field for field in changes["omit"] if field not in FIELDS]
        if unknown:
            raise Wrong(f"{unknown[0]!r} is no field of a user.")
        changes["omit"] = frozenset(changes["omit"])
    return changes


def _numbers(world: World, user_ids: list[str]) -> list[int]:
    """Returns the users who have these ids, each once."""
    users = {user_id: world.people.with_id(user_id) for user_id in user_ids}
    missing = [user_id for user_id, user in users.items() if user is None]
    if missing:
        raise Wrong(f"There is no user with the id {missing[0]!r}.")
    return [user.number for user in users.values() if user is not None]


def _ids(world: World, numbers: Any) -> dict[str, list[str]]:
    return {"user_ids": [world.people.user(number).id for number in numbers]}


def _full(world: World, user: User) -> dict[str, Any]:
    shown = View(frozenset(FIELDS), world.post_word).show(user)
    return shown | {state: True for state in ("suspended", "gone") if getattr(user, state)}


FOLLOWERS = "/accounts/{username}/followers"
COMMANDS = (
    Command("GET", FOLLOWERS, list_followers),
    Command("POST", FOLLOWERS, add_followers, {"count": int, "users": list, "user_ids": list[str]}),
    Command("DELETE", FOLLOWERS, remove_followers, {"count": int, "user_ids": list[str]}),
    Command("POST", "/accounts/{username}/renames", rename_followers, {"count": int}),
    Command("PATCH", "/users/{id}", change_user, USER),
)
