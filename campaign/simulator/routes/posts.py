"""POST, DELETE and GET /2/tweets: docs.x.com/x-api/posts."""

from typing import Any

import orjson

from campaign.simulator.accounts import Priced
from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.problems import Refusal, coded, invalid_body, plain
from campaign.simulator.publishing import Reason, Unwanted, publish
from campaign.simulator.render_posts import ALWAYS, PostView
from campaign.simulator.routes.asking import ID, known, require
from campaign.simulator.routes.drafts import draft, json_object

NOT_PERMITTED = "You are not permitted to perform this action."
FORBIDDEN = {
    Reason.TOO_LONG: NOT_PERMITTED,
    Reason.MENTION: NOT_PERMITTED,  # X's words for it are not known
    Reason.NOTHING_TO_REPLY_TO: "You can only reply to or quote posts where you are mentioned or are the author.",
    Reason.FOREIGN_REPLY: (
        "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the "
        "author of the post you are replying to."
    ),
    Reason.DUPLICATE: "You are not allowed to create a Tweet with duplicate content.",
}
AUTOMATED = (
    "This request looks like it might be automated. To protect our users from spam and other malicious activity, we "
    "can't complete this action right now."
)
CODED = {
    Reason.OVER_DAILY_LIMIT: (403, 185, "User is over daily status update limit."),
    Reason.LOOKS_AUTOMATED: (403, 226, AUTOMATED),
}
"""v2 is not known to have bodies of its own for these."""
QUOTE = (
    "Quoting this post is not allowed because you have not been mentioned or are not part of the conversation thread "
    "of the post you are quoting."
)


def create(asked: Asked) -> Reply:
    """Publishes a post; the text of the answer has its short links."""
    known(asked)
    body = json_object(asked)
    wanted = draft(body)
    if "quote_tweet_id" in body:
        raise plain(403, "Forbidden", QUOTE)
    try:
        post = publish(asked.world, asked.account, wanted)
    except Unwanted as why:
        raise _refusal(why) from None
    priced = Priced.POST_WITH_LINK if post.has_link else Priced.POST_WITHOUT_LINK
    shown = PostView(asked.world, ALWAYS).show(post)
    return Reply(orjson.dumps({"data": shown}), resources=1, priced=priced, status=201)


def delete(asked: Asked) -> Reply:
    """Deletes a post; one that is not there any more, or never was, is answered alike."""
    require("id", asked.given["id"], ID)
    post = asked.world.posts.get(asked.given["id"])
    if post is not None and post.author != asked.account.number:
        raise plain(403, "Forbidden", "You are not authorized to delete this Tweet.")
    if post is not None:
        post.deleted = True
    return Reply(orjson.dumps({"data": {"deleted": True}}), resources=int(post is not None), priced=Priced.POST_DELETED)


def _refusal(why: Unwanted) -> Refusal:
    """Returns X's words for it in v2."""
    if why.reason in CODED:
        return coded(*CODED[why.reason])
    if why.reason in FORBIDDEN:
        return plain(403, "Forbidden", FORBIDDEN[why.reason])
    complaints: dict[Reason, tuple[str, Any, str]] = {
        Reason.EMPTY: ("text", "", "is missing but it is required"),
        Reason.MEDIA: ("media.media_ids", ",".join(why.media_ids), "Your media IDs are invalid."),
        Reason.MEDIA_AND_POLL: ("poll", "", "cannot be used together with media"),
    }
    return invalid_body(*complaints[why.reason])


ENDPOINTS = (
    Endpoint("posts", "/2/tweets", 100, create, ("POST",), writes=True),
    Endpoint("posts/delete", "/2/tweets/{id}", 50, delete, ("DELETE",), writes=True),
)
