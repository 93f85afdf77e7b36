"""The meaning of X's responses: each refusal by code, title and text, with its reason and its remedy."""

import re
from codecs import BOM_UTF8
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent, XError
from campaign.x.http import KEYS_WRONG, parse

_LONGEST_DETAIL = 120
# X repeats values in brackets; a word as long as a key is nothing to read.
_VALUES_AND_MARKUP = re.compile(r"\[[^\]]*(\]|$)|\S{24,}|[^\w .,:;'()/-]")


class Body(Enum):
    """The content of a response that names no problem of X's; X's API writes none of the first three."""

    EMPTY = "empty"
    HTML = "html"
    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Facts:
    """The properties by which a refusal is recognised.

    `kinds` are the last segments of the problem types (their host varies), `codes` the numbers of v1.1,
    `text` all sentences and the names of the parameters complained about, in lower case. `body` is None for a response
    that names a problem. `reset_at` is the end of a spending limit.
    """

    status: int
    kinds: frozenset[str]
    codes: frozenset[int]
    details: frozenset[str]
    text: str
    body: Body | None
    reset_at: datetime | None


def facts_of(status: int, body: bytes) -> Facts:
    """Returns the facts of a response."""
    problems = _problems(body)
    kinds, codes, details, names = set[str](), set[int](), set[str](), list[str]()
    reset_at: datetime | None = None
    for problem in problems:
        kinds |= {str(problem.get("type") or "").rpartition("/")[2], *_texts(problem, "reason")}
        details |= {text.lower() for text in _texts(problem, "detail", "message")}
        parameters = problem.get("parameters")
        names += [*(parameters if isinstance(parameters, dict) else ()), *_texts(problem, "title", "parameter")]
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            codes.add(int(problem["code"]))
        with suppress(KeyError, TypeError, ValueError):
            reset_at = datetime.fromisoformat(problem["reset_date"])
            reset_at = reset_at if reset_at.tzinfo else reset_at.replace(tzinfo=UTC)
    # Gateways in front of an API write no more than a message; X's API names the problem.
    bare = {text.lower() for text in _texts(problems[0], "message", "error")} if problems else set[str]()
    content, kind = body.strip(), Body.JSON
    if not content:
        kind = Body.EMPTY
    elif not problems:
        content = content.removeprefix(BOM_UTF8).lstrip()
        is_page = content.startswith(b"<") and (not content.startswith(b"<?xml") or b"<html" in content[:999].lower())
        kind = Body.HTML if is_page else Body.TEXT
    return Facts(
        status=status,
        kinds=frozenset(kinds),
        codes=frozenset(codes),
        details=frozenset(details),
        text=" ".join([*sorted(details), *(name.lower() for name in names)]),
        body=None if codes or details - bare or names or kinds - {""} else kind,
        reset_at=reset_at,
    )


def short_detail(body: bytes) -> str:
    """Returns X's own text about the problem: short, harmless to print, without the values it repeats in brackets."""
    for problem in _problems(body):
        detail = problem.get("detail") or problem.get("title")
        if isinstance(detail, str):
            return harmless(detail)
    return ""


def harmless(text: str) -> str:
    """Returns a text of X's without values and markup, short and without a full stop."""
    return " ".join(_VALUES_AND_MARKUP.sub("", text).split())[:_LONGEST_DETAIL].rstrip(". ")


def _problems(body: bytes) -> list[dict[str, Any]]:
    try:
        document = parse(body)
    except ValueError:
        return []
    problems = list[Any](document if isinstance(document, list) else [document])
    for whole in [each for each in problems if isinstance(each, dict)]:
        errors = whole.get("errors")
        parts = [*(errors if isinstance(errors, list) else [errors]), whole.get("error")]
        problems += [{"message": part} if isinstance(part, str) else part for part in parts]
    return [each for each in problems if isinstance(each, dict)]


def _texts(problem: dict[str, Any], *names: str) -> list[str]:
    return [problem[name] for name in names if isinstance(problem.get(name), str)]


@dataclass(frozen=True, slots=True)
class Sign:
    """The sign of a meaning in a response: it fits when all of its fields that are set fit.

    `family` is the first digit of the status, `says` a part of the text, `detail` a whole sentence, `body` the content
    of a response without a problem.
    """

    status: int | None = None
    family: int | None = None
    kind: str | None = None
    code: int | None = None
    says: str | None = None
    detail: str | None = None
    body: Body | None = None

    def fits(self, facts: Facts) -> bool:
        """Returns whether the response fits all fields that are set."""
        return (
            self.status in (None, facts.status)
            and self.family in (None, facts.status // 100)
            and (self.kind is None or self.kind in facts.kinds)
            and (self.code is None or self.code in facts.codes)
            and (self.says is None or self.says in facts.text)
            and (self.detail is None or self.detail in facts.details)
            and self.body in (None, facts.body)
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One meaning and the signs of it, any of which is enough.

    `message` may name `{endpoint}`, `{status}`, `{retry_at}` and `{detail}`, X's own short detail after a colon.
    `remedy` belongs to ServiceBlocked; `wait` to Unsent: how long to wait when X names no time.
    """

    error: type[XError]
    reason: str
    message: str
    signs: tuple[Sign, ...]
    remedy: str = ""
    wait: timedelta = timedelta(0)

    def fits(self, facts: Facts) -> bool:
        """Returns whether any of the signs fits."""
        return any(sign.fits(facts) for sign in self.signs)


def refused(reason: str, message: str, *signs: Sign) -> Row:
    """Returns a row for a refusal that is final."""
    return Row(Refused, reason, message, signs)


_LATER = timedelta(minutes=15)

# First of all: a server that fails may say anything beside it, and other servers say nothing about X.
FAILURES = (
    Row(
        Uncertain,
        "unavailable",
        "X is not available at present (status {status}).",
        (
            Sign(family=5),
            Sign(status=408),
            Sign(code=130),
            Sign(code=131),
            Sign(kind="internal-error"),
            Sign(kind="field-hydration-failure"),
        ),
    ),
    # A wall in front of the API lets nothing through. Successful writes never come here.
    Row(
        Unsent,
        "not_the_api",
        "The response (status {status}) does not come from X's API; the request is repeated at {retry_at}. Check the"
        " network and CAMPAIGN_X_API_URL if this goes on.",
        (
            Sign(family=2, body=Body.HTML),
            Sign(family=4, body=Body.HTML),
            *(Sign(status=status, body=Body.TEXT) for status in (400, 403, 404, 405, 407, 410, 451)),
            Sign(status=403, body=Body.EMPTY),
            Sign(status=403, body=Body.JSON),
        ),
        wait=_LATER,
    ),
    # X answers paths like that which it does not route now; a person, post or file that is gone is named by a problem.
    Row(
        Unsent,
        "not_routed",
        "X does not serve {endpoint} at present (status 404); the request is repeated at {retry_at}.",
        (Sign(status=404, body=Body.EMPTY), Sign(status=404, body=Body.JSON)),
        wait=_LATER,
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
    # "Sender is not verified to send message requests". Each person may choose whether strangers need to be verified,
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
"""The reasons of Refused that are about the recipient of a message alone."""

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
        Sign(kind="not-authorized-for-field"),
        Sign(kind="field-unauthorized"),
        Sign(status=401, detail="not authorized."),
    ),
    refused("nobody_found", "X found none of the people asked for.", Sign(status=404, code=17)),
    refused("user_not_found", "X knows no such user.", Sign(says="could not find user")),
)

RESOURCES = (
    refused("not_available", "X does not make this available to the account.", Sign(kind="resource-unavailable")),
    refused("disallowed", "X's rules do not allow this{detail}.", Sign(kind="disallowed-resource")),
)

BAD_ANSWER = Row(
    Uncertain,
    "bad_answer",
    "X's answer to {endpoint} (status {status}) cannot be understood.",
    (Sign(),),
)

# Last of all: rows by the status alone.
REST = (
    Row(
        Unsent,
        "rate_limited",
        "X allows no more of {endpoint} before {retry_at}.",
        (Sign(status=429), Sign(status=420), Sign(code=88)),
        wait=_LATER,
    ),
    Row(
        Unsent,
        "redirected",
        "The server at the address of X's API redirects (status {status}): check CAMPAIGN_X_API_URL.",
        (Sign(family=3),),
    ),
    # v2's one sentence for everything that it does not explain, a text that is too long among it.
    refused(
        "not_permitted",
        "X does not permit {endpoint}: the text is too long for this account, or the account may not do this.",
        Sign(status=403, says="not permitted to perform this action"),
    ),
    refused("not_found", "X does not know what {endpoint} asks for{detail}.", Sign(status=404)),
    refused("not_permitted", "X does not permit {endpoint}{detail}.", Sign(status=403)),
    refused("invalid_request", "X does not understand the request {endpoint}{detail}.", Sign(status=400)),
    refused("not_possible", "X refuses {endpoint} with status {status}{detail}.", Sign(family=4)),
    BAD_ANSWER,
)


_NEW_KEYS = "The operator makes new keys in the developer console and saves all four in the service."
_PERMISSION = (
    "The operator sets the app's permission to Read, Write and Direct Messages in the developer console, "
    "regenerates the access token (the old one keeps the old permission) and saves it in the service."
)
_LOG_IN = "The owner of the account logs in at x.com and follows what X asks there."


def _blocked(reason: str, message: str, remedy: str, *signs: Sign) -> Row:
    return Row(ServiceBlocked, reason, message, signs, remedy)


SPEND_CAP = "x_spend_cap"
"""The reason of Unsent while the spending limit of the developer console is reached."""

BLOCKS = (
    # Not a block: X serves the account again by itself when the next billing cycle begins.
    Row(
        Unsent,
        SPEND_CAP,
        "The X account's spending limit for this billing cycle is reached; X serves it again from {retry_at}.",
        (Sign(says="spendcapreached"), Sign(kind="credits", says="spend cap")),
        "The operator raises the limit in the developer console and starts the run again, or waits; topping up the"
        " credits does not help.",
        wait=timedelta(hours=24),
    ),
    _blocked(
        "credits_blocked",
        "X has blocked the X account's API credits.",
        "The operator settles the billing in the developer console, or asks X's support.",
        Sign(kind="credits-blocked"),
    ),
    _blocked(
        "credits",
        "The X account's API credits are used up.",
        "The operator tops up the credits in the developer console.",
        Sign(status=402),
        Sign(kind="credits"),
    ),
    _blocked(
        "usage_cap",
        "The X account's usage cap for this billing period is reached.",
        "The operator raises the cap in the developer console or waits for the next billing period.",
        Sign(kind="usage-capped"),
        Sign(says="usagecapexceeded"),
    ),
    _blocked(
        "clock",
        "X rejects the time at which the request was signed: this computer's clock is wrong.",
        "The operator sets the clock of the machine that runs the worker.",
        Sign(code=135),
        Sign(status=401, says="timestamp out of bounds"),
    ),
    _blocked(
        "user_not_enrolled",
        "The X account is not enrolled in X's API.",
        "The operator enrols the account in the developer console.",
        Sign(kind="user-not-enrolled"),
    ),
    _blocked(
        "not_enrolled",
        "The developer app is not attached to a project that may use X's API v2.",
        "The operator attaches the app to a project in the developer console.",
        Sign(kind="client-forbidden"),
        Sign(kind="client-not-enrolled"),
    ),
    _blocked(
        "legacy_access",
        "X does not offer this v1.1 endpoint to the developer app.",
        "The operator sets the service's API version to 2.",
        Sign(code=453),
    ),
    _blocked(
        "permission_missing",
        "The developer app or its access token lacks the permission for this request.",
        _PERMISSION,
        Sign(kind="oauth1-permissions"),
        Sign(code=261),
        Sign(code=93),
        Sign(status=403, says="oauth1 app permissions"),
    ),
    _blocked(
        "authentication_unsupported",
        "X wants this request signed with the keys of an account, not of an app alone.",
        "The operator saves the access token and its secret of the account in the service.",
        Sign(kind="unsupported-authentication"),
        Sign(status=403, says="oauth 2.0 application-only is forbidden"),
    ),
    _blocked(
        "scope_missing",
        "The account has not granted what this request needs.",
        _PERMISSION,
        Sign(status=403, says="not permitted to use oauth2"),
        Sign(status=403, detail="forbidden"),
    ),
    _blocked(
        "account_locked",
        "X has locked the account for now.",
        _LOG_IN,
        Sign(code=326),
        Sign(status=403, says="account is temporarily locked"),
    ),
    _blocked(
        "account_suspended",
        "X has suspended the account.",
        "The owner of the account appeals at x.com; nothing works before X lifts the suspension.",
        Sign(code=64),
        Sign(status=403, says="not permitted to access this feature"),
    ),
    _blocked(
        "automation_suspected",
        "X holds the account's requests back because they look automated.",
        f"Nothing is sent for some hours. {_LOG_IN}",
        Sign(code=226),
        Sign(status=403, says="might be automated"),
    ),
    _blocked(
        "sender_restricted",
        "X does not let this account send at present.",
        f"Nothing is sent for some hours. {_LOG_IN}",
        Sign(status=403, says="this operation is not permitted"),
    ),
    _blocked(
        KEYS_WRONG,
        "X does not accept the keys of the account.",
        _NEW_KEYS,
        Sign(status=401),
        Sign(code=32),
        Sign(code=89),
        Sign(code=99),
        Sign(code=215),
    ),
)


_FILE_UNKNOWN = "X rejects the uploaded file: it has expired or breaks X's rules for files. Upload it again."

GONE = frozenset({"post_not_found", "not_found"})
"""The reasons of Refused when there is no such post."""

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
        _FILE_UNKNOWN,
        Sign(status=400, says="media ids are invalid"),
        Sign(code=324),
        Sign(code=325),
        Sign(code=44, says="media_ids"),
    ),
    refused(
        "media",
        "X cannot use the file{detail}.",
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


SENDING_V2 = "POST /2/dm_conversations/with/:id/messages"
SENDING_V1 = "POST /1.1/direct_messages/events/new"

# Before those of posts: seen for messages that did arrive, so that no attempt of ours is proved to be refused.
REPEATED_MESSAGES = (
    Row(
        Uncertain,
        "already_said",
        "X reports that the person was sent this text before.",
        (
            Sign(code=151, says="already said that"),
            Sign(code=187),
            Sign(status=403, says="duplicate content"),
            Sign(status=403, says="already sent"),
        ),
    ),
)

# After those that stop the account: their sentences may be part of these.
MESSAGES = (
    refused("no_text", "X sends no message without a text.", Sign(code=151, says="text is empty")),
    refused("dm_closed", "X does not deliver messages of this account to the person.", Sign(code=151)),
    refused(
        "too_long",
        "The text is longer than X allows.",
        Sign(family=4, says="is longer than"),
        Sign(family=4, says="too long"),
        Sign(family=4, says="character limit"),
    ),
    refused(
        "media_unknown",
        _FILE_UNKNOWN,
        Sign(status=400, says="media"),
        Sign(status=403, says="media"),
        Sign(status=400, says="attachment"),
    ),
    Row(
        ServiceBlocked,
        "legacy_access",
        "X does not offer this v1.1 endpoint any more.",
        (Sign(code=34),),
        remedy="The operator sets the service's API version to 2.",
    ),
    # A message names nothing but the person; v2's answer for it is not documented.
    refused(
        "recipient_not_found",
        "X knows no such person.",
        Sign(status=404),
        Sign(says="could not find user"),
        Sign(status=400, says="recipient_id"),
    ),
)


SIGNING_IN = frozenset(
    {
        "POST /2/oauth2/token",
        "POST /2/oauth2/revoke",
        "POST /oauth/request_token",
        "POST /oauth/access_token",
        "POST /1.1/oauth/invalidate_token",
    }
)
SIGN_IN_OVER = "sign_in_over"
OVER = "X no longer accepts this sign-in: it came too late, was used already, or the person took it back."

SIGN_IN = (
    Row(
        ServiceBlocked,
        "callback_unknown",
        "X does not send people back to this address: the app does not name it.",
        (Sign(code=415), Sign(says="callback url not approved")),
        "The operator adds the address of `campaign web` to the app's callback URLs in the developer console.",
    ),
    Row(
        ServiceBlocked,
        "client_wrong",
        "X does not accept the client id and the client secret of the app.",
        (Sign(says="unauthorized_client"), Sign(says="invalid_client")),
        "The operator copies both from the developer console, or makes new ones there, and saves them in the service.",
    ),
    refused(
        SIGN_IN_OVER,
        OVER,
        Sign(status=400, says="invalid_request"),
        Sign(status=400, says="invalid_grant"),
        Sign(code=89),
        # OAuth 1.0a says so in plain text, without JSON.
        Sign(status=401, body=Body.TEXT),
    ),
)
