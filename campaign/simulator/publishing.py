"""How a draft becomes a post, and why X does not let it. Both versions of X's API come through here."""

import re
import time
from dataclasses import replace
from enum import StrEnum

from campaign.simulator import wording
from campaign.simulator.accounts import Account, Condition
from campaign.simulator.media import DAY, Kind, Media
from campaign.simulator.persons import Subscription
from campaign.simulator.posts import Draft, Post
from campaign.simulator.wording import Link
from campaign.simulator.world import World

ORDINARY, LONG = 280, 25_000
"""The most that a text may weigh, without a subscription and with one (docs.x.com/fundamentals/counting-characters)."""
MOST_PHOTOS = 4
MENTION = re.compile(r"(?<![A-Za-z0-9_@])@([A-Za-z0-9_]{1,15})\b")


class Reason(StrEnum):
    """Why X does not take a post."""

    OVER_DAILY_LIMIT = "over_daily_limit"
    LOOKS_AUTOMATED = "looks_automated"
    EMPTY = "empty"
    MEDIA = "media"
    MEDIA_AND_POLL = "media_and_poll"
    TOO_LONG = "too_long"
    NOTHING_TO_REPLY_TO = "nothing_to_reply_to"
    FOREIGN_REPLY = "foreign_reply"
    MENTION = "mention"
    DUPLICATE = "duplicate"


class Unwanted(Exception):
    """X does not take the post; `media_ids` are those that are wrong."""

    def __init__(self, reason: Reason, media_ids: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.media_ids = media_ids


def publish(world: World, account: Account, draft: Draft, *, long: bool = True) -> Post:
    """Publishes a post and returns it; `long` lets subscribers write more. Raises `Unwanted`."""
    if account.condition in {Condition.OVER_DAILY_LIMIT, Condition.LOOKS_AUTOMATED}:
        raise Unwanted(Reason(account.condition))
    if not draft.text and not draft.media_ids:
        raise Unwanted(Reason.EMPTY)
    if draft.poll and draft.media_ids:
        raise Unwanted(Reason.MEDIA_AND_POLL)
    media = _media(world, account, draft.media_ids)
    if wording.weight(draft.text) > most(world, account, long=long):
        raise Unwanted(Reason.TOO_LONG)
    _check_reply(world, account, draft.reply_to)
    if account.condition is Condition.MENTIONS_REFUSED and _names_a_stranger(world, account, draft.text):
        raise Unwanted(Reason.MENTION)
    if draft.text and any(_is_same(post.draft, draft) for post in _of_today(world, account)):
        raise Unwanted(Reason.DUPLICATE)
    return place(world, account, draft, media)


def place(world: World, account: Account, draft: Draft, media: tuple[Media, ...] = (), ago: float = 0) -> Post:
    """Adds a post without a check, made `ago` seconds before now."""
    created = time.time() - ago
    post_id = world.ids.make_earlier(created) if ago else world.ids.make(created)
    parent = world.posts.get(draft.reply_to or "")
    post = Post(post_id, account.number, draft, wording.read(draft.text), created, post_id, media)
    post.conversation_id = parent.conversation_id if parent else post_id
    address = f"https://x.com/{world.user(account.number).username}/status/{post_id}"
    post.media_links = _media_links(address, media)
    post.whole = _link(f"https://x.com/i/web/status/{post_id}", f"x.com/i/web/status/{post_id[:7]}…")
    post.is_long = wording.weight(draft.text) > ORDINARY
    world.posts.add(post)
    return post


def most(world: World, account: Account, *, long: bool = True) -> int:
    """Returns what a text of this account may weigh."""
    return (
        LONG
        if long and world.user(account.number).subscription_type in {Subscription.PREMIUM, Subscription.PREMIUM_PLUS}
        else ORDINARY
    )


def _media(world: World, account: Account, media_ids: tuple[str, ...]) -> tuple[Media, ...]:
    """Returns the files, when they are the account's, ready, and go together."""
    now = time.time()
    found = {media_id: world.media.get(media_id) for media_id in media_ids}
    media = tuple(file for file in found.values() if file and file.owner == account.number and file.is_ready(now))
    usable = {file.id for file in media}
    wrong = tuple(media_id for media_id in media_ids if media_id not in usable)
    only_photos = all(file.kind is Kind.PHOTO for file in media)
    if wrong or len(media_ids) > (MOST_PHOTOS if only_photos else 1):
        raise Unwanted(Reason.MEDIA, wrong or media_ids)
    return media


def _check_reply(world: World, account: Account, reply_to: str | None) -> None:
    """Refuses answers to posts of others: self-serve apps may answer only where they were named."""
    if reply_to is None:
        return
    parent = world.posts.get(reply_to)
    if parent is None:
        raise Unwanted(Reason.NOTHING_TO_REPLY_TO)
    if parent.author != account.number:
        raise Unwanted(Reason.FOREIGN_REPLY)


def _names_a_stranger(world: World, account: Account, text: str) -> bool:
    """Returns whether a text names a user who has not named the account in a post."""
    own = world.user(account.number)
    named = {user for name in MENTION.findall(text) if (user := world.people.named(name)) is not None}
    return any(
        not any(mentions(post.draft.text, own.username) for post in world.posts.of(user.number))
        for user in named
        if user.number != own.number
    )


def _of_today(world: World, account: Account) -> list[Post]:
    """Returns the posts of the last 24 hours, also those that were deleted: X remembers them too."""
    since = time.time() - DAY
    return [post for post in world.posts.of(account.number) if post.created > since]


def _is_same(one: Draft, other: Draft) -> bool:
    return (one.text, one.reply_to) == (other.text, other.reply_to)


def _media_links(address: str, media: tuple[Media, ...]) -> tuple[Link, ...]:
    """Returns one short link for all the files of a post, with an entry for each."""
    shared = _link("", "")
    shared = replace(shared, display=shared.url.replace("https://t.co", "pic.x.com"))
    return tuple(replace(shared, expanded=f"{address}/{file.kind.word}/1", media_key=file.key) for file in media)


def _link(expanded: str, display: str) -> Link:
    return Link(0, 0, wording.short_link(), expanded, display)


def mentions(text: str, username: str) -> bool:
    """Returns whether a text names this user."""
    return re.search(rf"@{re.escape(username)}\b", text, re.IGNORECASE) is not None
