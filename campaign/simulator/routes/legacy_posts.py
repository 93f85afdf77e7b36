"""Posts on v1.1: developer.x.com, statuses/update, statuses/destroy and statuses/user_timeline of that time."""

import time

import orjson

from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.persons import User
from campaign.simulator.posts import Draft, Post
from campaign.simulator.problems import Refusal, coded
from campaign.simulator.publishing import Reason, Unwanted, mentions, publish
from campaign.simulator.render_legacy import status
from campaign.simulator.routes.asking import MANY, split
from campaign.simulator.routes.posts import AUTOMATED
from campaign.simulator.routes.posts import CODED as IN_BOTH
from campaign.simulator.wording import normalised

MOST, UNASKED = 200, 20
CODED = IN_BOTH | {
    Reason.EMPTY: (403, 170, "Missing required parameter: status."),
    Reason.MEDIA: (400, 324, "The validation of media ids failed."),
    Reason.TOO_LONG: (403, 186, "Tweet needs to be a bit shorter."),
    Reason.NOTHING_TO_REPLY_TO: (
        403,
        385,
        "You attempted to reply to a Tweet that is deleted or not visible to you.",
    ),
    Reason.FOREIGN_REPLY: (403, 433, "The original Tweet author restricted who can reply to this Tweet."),
    Reason.MENTION: (403, 226, AUTOMATED),  # X's words for it are not known
    Reason.DUPLICATE: (403, 187, "Status is a duplicate."),
}


def update(asked: Asked) -> Reply:
    """Publishes a post; v1.1 knows no polls and no long posts."""
    draft = Draft(
        text=normalised(asked.given.get("status", "")),
        reply_to=_reply_to(asked),
        media_ids=tuple(split(asked.given.get("media_ids", ""))),
    )
    try:
        post = publish(asked.world, asked.account, draft, long=False)
    except Unwanted as why:
        raise coded(*CODED[why.reason]) from None
    return Reply(orjson.dumps(status(asked.world, post, extended=_extended(asked))), resources=1)


def destroy(asked: Asked) -> Reply:
    """Deletes a post and answers with it once more."""
    post = asked.world.posts.get(asked.given["id"])
    if post is None:
        raise coded(404, 144, "No status found with that ID.")
    if post.author != asked.account.number:
        raise coded(403, 183, "You may not delete another user's status.")
    post.deleted = True
    return Reply(orjson.dumps(status(asked.world, post, extended=_extended(asked))), resources=1)


def user_timeline(asked: Asked) -> Reply:
    """Answers with a user's posts, the newest first: at most 200, above since_id, up to max_id."""
    try:
        count, since, up_to = (
            int(asked.given.get(name, default))
            for name, default in (("count", UNASKED), ("since_id", 0), ("max_id", 1 << 63))
        )
    except ValueError:
        raise coded(400, 44, "count, since_id or max_id parameter is invalid.") from None
    shown = asked.world.posts.timeline(_whose(asked).number, time.time())
    posts = [post for post in shown if since < int(post.id) <= up_to and not _left_out(asked, post)]
    page = posts[: max(1, min(count, MOST))]
    statuses = [status(asked.world, post, extended=_extended(asked)) for post in page]
    return Reply(orjson.dumps(statuses), len(statuses))


def lookup(asked: Asked) -> Reply:
    """Answers with up to 100 posts by their ids, without the missing ones or, with `map`, with null for them."""
    wanted, now = split(asked.given.get("id", "")), time.time()
    if not 1 <= len(wanted) <= MANY:
        raise (
            coded(403, 18, "Too many terms specified in query.")
            if wanted
            else coded(403, 25, "Query parameters are missing.")
        )
    posts = {post_id: _visible(asked, asked.world.posts.shown(post_id, now)) for post_id in wanted}
    shown = {
        post_id: status(asked.world, post, extended=_extended(asked)) if post else None
        for post_id, post in posts.items()
    }
    found = [each for each in shown.values() if each]
    return Reply(orjson.dumps({"id": shown} if asked.given.get("map") == "true" else found), len(found))


def _visible(asked: Asked, post: Post | None) -> Post | None:
    hidden = post is None or (asked.world.user(post.author).protected and post.author != asked.account.number)
    return None if hidden else post


def _reply_to(asked: Asked) -> str | None:
    """Returns the post to answer: X ignores it unless its author is named in the text or populated automatically."""
    reply_to = asked.given.get("in_reply_to_status_id")
    parent = asked.world.posts.get(reply_to or "")
    if reply_to is None or parent is None or asked.given.get("auto_populate_reply_metadata") == "true":
        return reply_to
    author = asked.world.user(parent.author).username
    return reply_to if mentions(asked.given.get("status", ""), author) else None


def _whose(asked: Asked) -> User:
    people, given = asked.world.people, asked.given
    user: User | None = people.user(asked.account.number)
    if "user_id" in given:
        user = people.with_id(given["user_id"])
    elif "screen_name" in given:
        user = people.named(given["screen_name"])
    if user is None or user.suspended:
        raise coded(404, 34, "Sorry, that page does not exist.")
    if user.protected and user.number != asked.account.number:
        raise Refusal(401, {"request": "/1.1/statuses/user_timeline.json", "error": "Not authorized."})
    return user


def _left_out(asked: Asked, post: Post) -> bool:
    return asked.given.get("exclude_replies") == "true" and post.draft.reply_to is not None


def _extended(asked: Asked) -> bool:
    return asked.given.get("tweet_mode") == "extended"


ENDPOINTS = (
    Endpoint("statuses/update", "/1.1/statuses/update.json", 300, update, ("POST",), writes=True),
    Endpoint("statuses/destroy", "/1.1/statuses/destroy/{id}.json", 300, destroy, ("POST",), writes=True),
    Endpoint("statuses/lookup", "/1.1/statuses/lookup.json", 900, lookup, ("GET", "POST")),
    Endpoint("statuses/user_timeline", "/1.1/statuses/user_timeline.json", 900, user_timeline),
)
