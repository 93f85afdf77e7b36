"""The rows of X's error table about one call: try later, no for good, or nobody knows."""

from datetime import timedelta

from campaign.errors import Refused, Uncertain, Unsent
from campaign.x.rows import Row, Sign


def _refused(reason: str, message: str, *signs: Sign) -> Row:
    return Row(Refused, reason, message, signs)


# First of all: a server that fails may say anything beside it.
FAILURES = (
    Row(
        Uncertain,
        "unavailable",
        "X is not available at present (status {status}).",
        (Sign(family=5), Sign(status=408), Sign(code=130), Sign(code=131)),
    ),
)

POSTS = (
    _refused(
        "duplicate",
        "The account has already published this text.",
        Sign(code=187),
        Sign(status=403, says="duplicate content"),
    ),
    _refused("too_long", "The text is longer than X allows.", Sign(code=186), Sign(code=354)),
    _refused(
        "reply_not_allowed",
        "X lets this account reply only to its own posts and to people who mentioned it.",
        Sign(status=403, says="you can only reply to or quote posts"),
        Sign(status=403, says="reply to this conversation is not allowed"),
    ),
    _refused(
        "quote_not_allowed",
        "X lets this account quote only posts that mention it.",
        Sign(status=403, says="quoting this post is not allowed"),
    ),
    # X divides its daily limit into half hours (help.x.com/rules-and-policies/x-limits).
    Row(
        Unsent,
        "daily_limit",
        "The account has published as many posts as X allows for now; try again at {retry_at}.",
        (Sign(code=185),),
        wait=timedelta(minutes=30),
    ),
)

RECIPIENTS = (
    _refused("blocked_by_us", "This account has blocked the person.", Sign(says="users you have blocked")),
    _refused("blocked", "The person has blocked this account.", Sign(code=136)),
    _refused(
        "dm_closed",
        "The person does not accept direct messages from this account.",
        Sign(status=403, says="do not have permission to dm"),
        Sign(code=349),
        Sign(code=150),
        Sign(code=151),
        Sign(code=476),
    ),
    _refused(
        "recipient_not_found",
        "X knows no such person.",
        Sign(code=108),
        Sign(code=50),
        Sign(status=400, says="participant_id"),
    ),
    _refused("user_suspended", "X has suspended this person.", Sign(code=63), Sign(says="user has been suspended")),
)

READS = (
    _refused(
        "page_token",
        "X no longer accepts the place where reading was to go on; start from the first page.",
        Sign(status=400, says="pagination_token"),
        Sign(status=400, says="cursor"),
        Sign(code=44, says="cursor"),
    ),
    # v1.1 answers 401 here, which otherwise means wrong keys.
    _refused(
        "not_authorized",
        "X does not show this to the account, because its owner protects it.",
        Sign(kind="not-authorized-for-resource"),
        Sign(status=401, detail="not authorized."),
    ),
    _refused("nobody_found", "X found none of the people asked for.", Sign(status=404, code=17)),
    _refused("user_not_found", "X knows no such user.", Sign(says="could not find user")),
)

# Last of all: what only the status tells.
REST = (
    Row(
        Unsent,
        "rate_limited",
        "X allows no more of {endpoint} before {retry_at}.",
        (Sign(status=429), Sign(status=420), Sign(code=88)),
        wait=timedelta(minutes=15),
    ),
    Row(
        Unsent,
        "redirected",
        "What answers at the address of X's API is not the API (status {status}): check CAMPAIGN_X_API_URL.",
        (Sign(family=3),),
    ),
    _refused("not_found", "X does not know what {endpoint} asks for{said}.", Sign(status=404)),
    _refused("not_permitted", "X does not permit {endpoint}{said}.", Sign(status=403)),
    _refused("invalid_request", "X does not understand the request {endpoint}{said}.", Sign(status=400)),
    _refused("not_possible", "X refuses {endpoint} with status {status}{said}.", Sign(family=4)),
    Row(
        Uncertain,
        "bad_answer",
        "X's answer to {endpoint} (status {status}) cannot be understood.",
        (Sign(),),
    ),
)
