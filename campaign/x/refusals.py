"""The rows of X's error table about one call: try later, no for good, or nobody knows."""

from datetime import timedelta

from campaign.errors import Uncertain, Unsent
from campaign.x.rows import Row, Sign, refused

# First of all: a server that fails may say anything beside it.
FAILURES = (
    Row(
        Uncertain,
        "unavailable",
        "X is not available at present (status {status}).",
        (Sign(family=5), Sign(status=408), Sign(code=130), Sign(code=131)),
    ),
)

RECIPIENTS = (
    refused("blocked_by_us", "This account has blocked the person.", Sign(says="users you have blocked")),
    refused("blocked", "The person has blocked this account.", Sign(code=136)),
    refused(
        "dm_closed",
        "The person does not accept direct messages from this account.",
        Sign(status=403, says="do not have permission to dm"),
        Sign(code=349),
        Sign(code=150),
    ),
    # "Sender is not verified to send message requests". X lets everybody choose whether strangers need to be verified,
    # so the next person may well get the message: that stops no account. The report names what would help.
    refused(
        "verified_only",
        "The person takes messages of strangers from verified accounts only, and this account is not verified.",
        Sign(code=476),
    ),
    refused(
        "recipient_not_found",
        "X knows no such person.",
        Sign(code=108),
        Sign(code=50),
        Sign(status=400, says="participant_id"),
    ),
    refused("user_suspended", "X has suspended this person.", Sign(code=63), Sign(says="user has been suspended")),
)
RECIPIENT_REASONS = frozenset(row.reason for row in RECIPIENTS)
"""The reasons of Refused that are about the person a message was for, and about nobody else."""

READS = (
    refused(
        "page_token",
        "X no longer accepts the place where reading was to go on; start from the first page.",
        Sign(status=400, says="pagination_token"),
        Sign(status=400, says="cursor"),
        Sign(code=44, says="cursor"),
    ),
    # v1.1 answers 401 here, which otherwise means wrong keys.
    refused(
        "not_authorized",
        "X does not show this to the account, because its owner protects it.",
        Sign(kind="not-authorized-for-resource"),
        Sign(status=401, detail="not authorized."),
    ),
    # The spec renamed tweet.fields to post.fields on 2026-08-07; which of them the live API takes is not written.
    refused("field_names", "X no longer knows fields by these names{said}.", Sign(status=400, says="tweet.fields")),
    refused("nobody_found", "X found none of the people asked for.", Sign(status=404, code=17)),
    refused("user_not_found", "X knows no such user.", Sign(says="could not find user")),
)

BAD_ANSWER = Row(
    Uncertain,
    "bad_answer",
    "X's answer to {endpoint} (status {status}) cannot be understood.",
    (Sign(),),
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
    # v2's one sentence for whatever it does not tell, a text that is too long among it.
    refused(
        "not_permitted",
        "X does not permit {endpoint}: the text is too long for this account, or the account may not do this.",
        Sign(status=403, says="not permitted to perform this action"),
    ),
    refused("not_found", "X does not know what {endpoint} asks for{said}.", Sign(status=404)),
    refused("not_permitted", "X does not permit {endpoint}{said}.", Sign(status=403)),
    refused("invalid_request", "X does not understand the request {endpoint}{said}.", Sign(status=400)),
    refused("not_possible", "X refuses {endpoint} with status {status}{said}.", Sign(family=4)),
    BAD_ANSWER,
)
