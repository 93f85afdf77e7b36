"""The rows of X's error table about posts and the files in them."""

from datetime import timedelta

from campaign.errors import Unsent
from campaign.x.rows import Row, Sign, refused

GONE = frozenset({"post_not_found", "not_found"})
"""The reasons that say that there is no such post."""

POSTS = (
    refused(
        "duplicate",
        "The account has already published this text.",
        Sign(code=187),
        Sign(status=403, says="duplicate content"),
    ),
    refused(
        "post_not_found",
        "X knows no such post.",
        Sign(code=144),
        Sign(says="could not find tweet"),
        Sign(says="could not find post"),
    ),
    refused("too_long", "The text is longer than X allows.", Sign(code=186), Sign(code=354)),
    # Seen for the account's own posts of a moment ago, too: X does not know them everywhere at once.
    refused(
        "reply_gone",
        "The post to be answered is deleted, or X does not know it yet.",
        Sign(code=385),
        Sign(status=403, says="is deleted or not visible"),
    ),
    refused(
        "reply_not_allowed",
        "X lets this account reply only to its own posts and to people who mentioned it.",
        Sign(code=433),
        Sign(status=403, says="you can only reply to or quote posts"),
        Sign(status=403, says="reply to this conversation is not allowed"),
    ),
    refused(
        "quote_not_allowed",
        "X lets this account quote only posts that mention it.",
        Sign(status=403, says="quoting this post is not allowed"),
    ),
    refused(
        "too_many_cashtags",
        "X allows one cashtag in a post: leave the others out.",
        Sign(family=4, says="maximum of one cashtag"),
    ),
    refused(
        "media_unknown",
        "X does not take the uploaded file: it has expired or breaks X's rules for files; upload it again.",
        Sign(status=400, says="media ids are invalid"),
        Sign(code=324),
        Sign(code=325),
        Sign(code=44, says="media_ids"),
    ),
    refused(
        "media",
        "X cannot use the file{said}.",
        Sign(status=400, says="media type unrecognized"),
        Sign(status=400, says="file size exceeds"),
        Sign(status=400, says="invalid media"),
    ),
    # X divides its daily limit into half hours (help.x.com/rules-and-policies/x-limits).
    Row(
        Unsent,
        "daily_limit",
        "The account has published as many posts and messages as X allows for now; try again at {retry_at}.",
        (Sign(code=185), Sign(code=344), Sign(status=403, says="daily status update limit")),
        wait=timedelta(minutes=30),
    ),
)
