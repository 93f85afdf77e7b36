"""Posts: the truth of them, those that are made by hand, and how X treats new ones."""

from typing import Any

from campaign.simulator.accounts import Account
from campaign.simulator.control.accounts import account_of
from campaign.simulator.control.command import Command, Order, Shape, Wrong
from campaign.simulator.media import Care, Media
from campaign.simulator.posts import COUNTED, Draft, Post
from campaign.simulator.publishing import most, place
from campaign.simulator.wording import normalised, weight
from campaign.simulator.world import World

BY_HAND: Shape = {"text": str, "reply_to": str, "ago_seconds": int | float}
TREATMENT: Shape = {
    "show_after_seconds": int | float,
    "media_expires_after_seconds": int | float,
    "processing_seconds": int | float,
    "processing_fails": bool,
}
TEN_YEARS = 315_360_000


def list_posts(order: Order) -> dict[str, Any]:
    """Answers every post, the oldest first, also those that were deleted or are not shown yet."""
    return {"posts": [_truth(post) for post in order.world.posts.of(account_of(order).number)]}


def write_post(order: Order) -> dict[str, Any]:
    """Publishes a post by hand; X refuses only what cannot be a post."""
    account, body = account_of(order), order.body
    draft = Draft(normalised(body.get("text", "")), body.get("reply_to"))
    if not 0 < weight(draft.text) <= most(order.world, account):
        raise Wrong(f"A post needs a 'text' of at most {most(order.world, account)} characters as X counts.")
    _check_parent(order.world, account, draft.reply_to)
    check_seconds(body)
    return _truth(place(order.world, account, draft, ago=body.get("ago_seconds", 0)))


def set_counts(order: Order) -> dict[str, Any]:
    """Sets what people did with a post; what is not named stays as it was. A deleted post counts no more."""
    post = order.world.posts.get(order.given["id"])
    if post is None:
        raise Wrong(f"There is no post {order.given['id']!r}.")
    post.counts |= order.body
    return _truth(post)


def set_treatment(order: Order) -> dict[str, Any]:
    """Sets how X treats posts and files from now on; what is not named is as it was at first."""
    body, first = order.body, Care()
    check_seconds(body)
    order.world.posts.show_after = body.get("show_after_seconds", 0)
    order.world.care = Care(
        body.get("media_expires_after_seconds", first.expires_after),
        body.get("processing_seconds", first.processing),
        body.get("processing_fails", first.fails),
    )
    care, show_after = order.world.care, order.world.posts.show_after
    return dict(zip(TREATMENT, (show_after, care.expires_after, care.processing, care.fails), strict=True))


def check_seconds(body: dict[str, Any]) -> None:
    """Refuses times that could only be a slip."""
    for field, value in body.items():
        if field.endswith("_seconds") and value > TEN_YEARS:
            raise Wrong(f"{field!r} is at most {TEN_YEARS}, not {value}.")


def _check_parent(world: World, account: Account, reply_to: str | None) -> None:
    parent = world.posts.get(reply_to or "")
    if reply_to is not None and (parent is None or parent.author != account.number):
        raise Wrong(f"The account has no post {reply_to!r} to reply to.")


def _truth(post: Post) -> dict[str, Any]:
    draft = post.draft
    poll = (
        {"options": list(draft.poll.options), "duration_minutes": draft.poll.duration_minutes} if draft.poll else None
    )
    return {
        "id": post.id,
        "text": draft.text,
        "reply_to": draft.reply_to,
        "media": [file(media) for media in post.media],
        "poll": poll,
        "reply_settings": draft.reply_settings,
        "paid_partnership": draft.paid_partnership,
        "made_with_ai": draft.made_with_ai,
        "created_at": post.created_at.isoformat(),
        "deleted": post.deleted,
        "counts": post.counts,
    }


def file(media: Media) -> dict[str, Any]:
    """Returns what is true of a file."""
    return {"sha256": media.sha256, "media_type": media.media_type, "alt_text": media.alt_text}


POSTS = "/accounts/{username}/posts"
COMMANDS = (
    Command("GET", POSTS, list_posts),
    Command("POST", POSTS, write_post, BY_HAND),
    Command("PUT", "/posts", set_treatment, TREATMENT),
    Command("PUT", "/posts/{id}/counts", set_counts, dict.fromkeys(COUNTED, int)),
)
