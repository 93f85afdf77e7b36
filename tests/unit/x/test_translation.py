"""One case per row of the error table, on the body as X was seen to send it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent, XError
from campaign.x.error_table import RECIPIENT_REASONS
from campaign.x.errors import translate

NOW = datetime(2026, 11, 19, 7, 30, tzinfo=UTC)
ENDPOINT, READ_ENDPOINT = "POST /2/tweets", "GET /2/users/:id/tweets"
SUCCESS = 200


def problem(status: int, detail: str, title: str = "Forbidden", kind: str = "about:blank") -> dict[str, Any]:
    return {"title": title, "detail": detail, "type": kind, "status": status}


def legacy(code: int, message: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message}]}


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> XError:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return translate(status, headers or {}, content, endpoint=endpoint_for(status), now=NOW)


def endpoint_for(status: int) -> str:
    """Only reads are asked about when the status says success: a write may then have been one."""
    return READ_ENDPOINT if status == SUCCESS else ENDPOINT


KINDS = "https://api.x.com/2/problems"
SPEND_CAP = {
    "title": "SpendCapReached",
    "detail": "Your enrolled account [1] has reached its billing cycle spend cap. API requests will be blocked until "
    "the next cycle begins on 2026-12-14.",
    "reset_date": "2026-12-14",
    "type": "https://api.twitter.com/2/problems/credits",
}
INVALID = "https://api.twitter.com/2/problems/invalid-request"
ENROLL = {
    "client_id": "12345678",
    "detail": "When authenticating requests to the Twitter API v2 endpoints, you must use keys and tokens from a "
    "Twitter developer App that is attached to a Project. You can create a project via the developer portal.",
    "registration_url": "https://developer.twitter.com/en/docs/projects/overview",
    "title": "Client Forbidden",
    "required_enrollment": "Appropriate Level of API Access",
    "reason": "client-not-enrolled",
    "type": "https://api.twitter.com/2/problems/client-forbidden",
}
LEGACY_ACCESS = (
    "You currently have access to a subset of X API V2 endpoints and limited v1.1 endpoints (e.g. media post, oauth) "
    "only. If you need access to this endpoint, you may need a different access level. You can learn more here: "
    "https://developer.x.com/en/portal/product"
)
REPLY = (
    "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the "
    "author of the post you are replying to."
)
QUOTE = (
    "Quoting this post is not allowed because you have not been mentioned or are not part of the conversation thread "
    "of the post you are quoting."
)
LOCKED = (
    "To protect our users from spam and other malicious activity, this account is temporarily locked. Please log in "
    "to https://twitter.com to unlock your account."
)
AUTOMATED = (
    "This request looks like it might be automated. To protect our users from spam and other malicious activity, we "
    "can't complete this action right now. Please try again later."
)
APP_ONLY = (
    "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint. Supported authentication types "
    "are [OAuth 1.0a User Context, OAuth 2.0 User Context]."
)
OAUTH1_APP = "Your client app is not configured with the appropriate oauth1 app permissions for this endpoint."
CREDITS = {
    "title": "CreditsDepleted",
    "detail": "Your enrolled account [2059529979700846592] does not have any credits to fulfill this request.",
    "type": "https://api.twitter.com/2/problems/credits",
}
USAGE_CAP = {
    "account_id": 1,
    "product_name": "standard-basic",
    "title": "UsageCapExceeded",
    "period": "Monthly",
    "scope": "Product",
    "detail": "Usage cap exceeded: Monthly product cap",
    "type": "https://api.twitter.com/2/problems/usage-capped",
}
NO_RECIPIENT = {
    "errors": [{"parameters": {"participant_id": ["x"]}, "message": "The `participant_id` [x] is not valid"}],
    **problem(400, "One or more parameters to your request was invalid.", "Invalid Request", INVALID),
}
OLD_TOKEN = {
    "errors": [{"parameters": {"pagination_token": ["x"]}, "message": "The value [x] is not valid"}],
    **problem(400, "One or more parameters to your request was invalid.", "Invalid Request", INVALID),
}
MISSING = "https://api.twitter.com/2/problems/resource-not-found"
SUSPENDED_USER = {"errors": [{"value": "1", "detail": "User has been suspended: [1].", "type": MISSING}]}
UNKNOWN_USER = {"errors": [{"value": "1", "detail": "Could not find user with ids: [1].", "type": MISSING}]}
PROTECTED = {
    "errors": [
        {
            "detail": "Sorry, you are not authorized to see the user with id: [1].",
            "type": "https://api.twitter.com/2/problems/not-authorized-for-resource",
        }
    ]
}
GONE = "You attempted to reply to a Tweet that is deleted or not visible to you."
BAD_MEDIA = {
    "errors": [{"parameters": {"media.media_ids": ["1880028106020515840"]}, "message": "Your media IDs are invalid."}],
    **problem(400, "One or more parameters to your request was invalid.", "Invalid Request", INVALID),
}
UNKNOWN_POST = {"errors": [{"value": "1", "detail": "Could not find tweet with id: [1].", "type": MISSING}]}
OLD_FIELDS = {
    "errors": [
        {
            "parameters": {"tweet.fields": ["entities"]},
            "message": "[tweet.fields] is not one of [post.fields]",
        }
    ],
    **problem(400, "One or more parameters to your request was invalid.", "Invalid Request", INVALID),
}
DM_CLOSED = "You do not have permission to DM one or more participants."

WORDS = ("errors", "error", "type", "title", "detail", "message", "code", "parameters", "parameter", "reason")

CASES: list[tuple[str, int, Any, type[XError], str]] = [
    ("rate limit v2", 429, problem(429, "Too Many Requests", "Too Many Requests"), Unsent, "rate_limited"),
    ("rate limit v1.1 shape", 429, legacy(88, "Rate limit exceeded"), Unsent, "rate_limited"),
    ("rate limit without body", 429, b"", Unsent, "rate_limited"),
    ("credits", 402, CREDITS, ServiceBlocked, "credits"),
    ("credits without body", 402, b"", ServiceBlocked, "credits"),
    ("usage cap", 429, USAGE_CAP, ServiceBlocked, "usage_cap"),
    (
        "duplicate post",
        403,
        problem(403, "You are not allowed to create a Tweet with duplicate content."),
        Refused,
        "duplicate",
    ),
    ("duplicate post v1.1", 403, legacy(187, "Status is a duplicate."), Refused, "duplicate"),
    (
        "text too long v2",
        403,
        problem(403, "You are not permitted to perform this action."),
        Refused,
        "not_permitted",
    ),
    ("text too long v1.1", 403, legacy(186, "Tweet needs to be a bit shorter."), Refused, "too_long"),
    ("direct message too long", 403, legacy(354, "The text of your direct message is over"), Refused, "too_long"),
    (
        "reply not allowed",
        403,
        problem(403, "You can only reply to or quote posts where you are mentioned or are the author."),
        Refused,
        "reply_not_allowed",
    ),
    ("reply not allowed, long form", 403, problem(403, REPLY), Refused, "reply_not_allowed"),
    (
        "reply restricted by the author",
        403,
        legacy(433, "The author restricted"),
        Refused,
        "reply_not_allowed",
    ),
    ("post to answer is gone", 403, legacy(385, GONE), Refused, "reply_gone"),
    ("post to answer is gone v2", 403, problem(403, GONE), Refused, "reply_gone"),
    ("cashtags", 403, problem(403, "Posts are limited to a maximum of one cashtag."), Refused, "too_many_cashtags"),
    ("media ids", 400, BAD_MEDIA, Refused, "media_unknown"),
    ("media ids 324", 400, legacy(324, "Invalid media id 889241623330263044"), Refused, "media_unknown"),
    ("media ids 325", 400, legacy(325, "A media id was not found."), Refused, "media_unknown"),
    ("media ids 44", 400, legacy(44, "media_ids parameter is invalid."), Refused, "media_unknown"),
    ("media type", 400, {"request": "/x", "error": "media type unrecognized."}, Refused, "media"),
    ("media size", 400, {"request": "/x", "error": "File size exceeds 5242880 bytes."}, Refused, "media"),
    ("no such post", 404, legacy(144, "No status found with that ID."), Refused, "post_not_found"),
    ("no such post v2", 404, UNKNOWN_POST, Refused, "post_not_found"),
    ("quote not allowed", 403, problem(403, QUOTE), Refused, "quote_not_allowed"),
    ("direct messages closed", 403, problem(403, DM_CLOSED), Refused, "dm_closed"),
    ("direct messages closed 349", 403, legacy(349, "You cannot send messages to this user."), Refused, "dm_closed"),
    ("not following 150", 403, legacy(150, "You cannot send messages to users who are not"), Refused, "dm_closed"),
    ("requests from verified only", 403, legacy(476, "Sender is not verified"), Refused, "verified_only"),
    (
        "sender restricted",
        403,
        problem(403, "This operation is not permitted."),
        ServiceBlocked,
        "sender_restricted",
    ),
    (
        "we blocked them",
        403,
        legacy(349, "You cannot send messages to users you have blocked."),
        Refused,
        "blocked_by_us",
    ),
    ("they blocked us", 403, legacy(136, "You have been blocked from the author"), Refused, "blocked"),
    ("recipient not found 108", 403, legacy(108, "Cannot find specified user."), Refused, "recipient_not_found"),
    ("recipient not found 50", 404, legacy(50, "User not found."), Refused, "recipient_not_found"),
    ("recipient not found v2", 400, NO_RECIPIENT, Refused, "recipient_not_found"),
    ("user suspended, status 200", 200, SUSPENDED_USER, Refused, "user_suspended"),
    ("user missing, status 200", 200, UNKNOWN_USER, Refused, "user_not_found"),
    ("spam", 403, legacy(226, AUTOMATED), ServiceBlocked, "automation_suspected"),
    ("spam v2", 403, problem(403, AUTOMATED), ServiceBlocked, "automation_suspected"),
    (
        "account suspended",
        403,
        legacy(64, "Your account is suspended and is not permitted to access this feature."),
        ServiceBlocked,
        "account_suspended",
    ),
    (
        "account suspended v2",
        403,
        problem(403, "Your account is not permitted to access this feature."),
        ServiceBlocked,
        "account_suspended",
    ),
    ("account locked", 403, legacy(326, LOCKED), ServiceBlocked, "account_locked"),
    ("account locked v2", 403, problem(403, LOCKED), ServiceBlocked, "account_locked"),
    ("daily limit of posts and messages", 403, legacy(344, "You have reached your daily limit"), Unsent, "daily_limit"),
    ("daily post limit", 403, legacy(185, "User is over daily status update limit."), Unsent, "daily_limit"),
    (
        "app permissions",
        403,
        problem(403, OAUTH1_APP, kind="https://api.x.com/2/problems/oauth1-permissions"),
        ServiceBlocked,
        "permission_missing",
    ),
    (
        "app may not write",
        403,
        legacy(261, "Application cannot perform write actions."),
        ServiceBlocked,
        "permission_missing",
    ),
    (
        "app may not read direct messages",
        403,
        legacy(93, "This application is not allowed to access or delete your direct messages"),
        ServiceBlocked,
        "permission_missing",
    ),
    (
        "app-only on user endpoint",
        403,
        problem(403, APP_ONLY, "Unsupported Authentication", "https://api.x.com/2/problems/unsupported-authentication"),
        ServiceBlocked,
        "authentication_unsupported",
    ),
    (
        "scope missing",
        403,
        problem(403, "You are not permitted to use OAuth2 on this endpoint"),
        ServiceBlocked,
        "scope_missing",
    ),
    ("scope missing, short form", 403, {"detail": "Forbidden"}, ServiceBlocked, "scope_missing"),
    ("bad token", 401, problem(401, "Unauthorized", "Unauthorized"), ServiceBlocked, "keys_wrong"),
    ("bad token 89", 401, legacy(89, "Invalid or expired token."), ServiceBlocked, "keys_wrong"),
    ("bad token 32", 401, legacy(32, "Could not authenticate you."), ServiceBlocked, "keys_wrong"),
    ("clock", 401, legacy(135, "Timestamp out of bounds."), ServiceBlocked, "clock"),
    ("app not enrolled", 403, ENROLL, ServiceBlocked, "not_enrolled"),
    ("v1.1 not offered", 403, legacy(453, LEGACY_ACCESS), ServiceBlocked, "legacy_access"),
    ("503 with html", 503, b"<html>Over capacity</html>", Uncertain, "unavailable"),
    ("503 without body", 503, b"", Uncertain, "unavailable"),
    ("over capacity 130", 503, legacy(130, "Over capacity"), Uncertain, "unavailable"),
    ("internal error 131", 500, legacy(131, "Internal error"), Uncertain, "unavailable"),
    ("5xx naming an account error", 500, legacy(64, "Your account is suspended"), Uncertain, "unavailable"),
    ("gateway timeout", 504, b"", Uncertain, "unavailable"),
    ("page token", 400, OLD_TOKEN, Refused, "page_token"),
    ("cursor", 400, legacy(44, "cursor parameter is invalid"), Refused, "page_token"),
    ("nobody found", 404, legacy(17, "No user matches for specified terms."), Refused, "nobody_found"),
    ("protected v1.1", 401, {"request": "/1.1/x.json", "error": "Not authorized."}, Refused, "not_authorized"),
    ("protected, status 200", 200, PROTECTED, Refused, "not_authorized"),
    ("redirect", 302, b"", Unsent, "redirected"),
    ("unknown 400", 400, problem(400, "Something is wrong.", "Invalid Request", INVALID), Refused, "invalid_request"),
    ("unknown 403", 403, problem(403, "Never seen before."), Refused, "not_permitted"),
    ("unknown 404", 404, problem(404, "Not Found", "Not Found Error"), Refused, "not_found"),
    ("empty 404", 404, b"", Unsent, "not_routed"),
    ("blank 404", 404, b" \n", Unsent, "not_routed"),
    ("404 without a problem", 404, b"{}", Unsent, "not_routed"),
    ("404 of a list", 404, b"[]", Unsent, "not_the_api"),
    ("wall", 403, b"<!DOCTYPE html><title>Just a moment...</title>", Unsent, "not_the_api"),
    ("wall 401", 401, b" <html>Log in to the network</html>", Unsent, "not_the_api"),
    ("wall 402", 402, b"<html>", Unsent, "not_the_api"),
    ("wall 429", 429, b"<html>error code: 1015</html>", Unsent, "not_the_api"),
    ("wall after a mark", 403, b"\xef\xbb\xbf<html>", Unsent, "not_the_api"),
    ("wall of XHTML", 401, b'<?xml version="1.0"?><!DOCTYPE html><html>', Unsent, "not_the_api"),
    ("empty 403", 403, b"", Unsent, "not_the_api"),
    ("gateway", 403, {"message": "Forbidden"}, Unsent, "not_the_api"),
    ("gateway without a route", 404, {"message": "no Route matched with those values"}, Unsent, "not_routed"),
    ("portal", 200, b"<html>Welcome to the hotel</html>", Unsent, "not_the_api"),
    ("proxy in text", 403, b"Blocked by the network's policy", Unsent, "not_the_api"),
    ("spending limit", 403, SPEND_CAP, Unsent, "x_spend_cap"),
    ("spending limit without a date", 403, {**SPEND_CAP, "reset_date": None}, Unsent, "x_spend_cap"),
    ("credits blocked", 403, {**ENROLL, "reason": "credits-blocked"}, ServiceBlocked, "credits_blocked"),
    ("user not enrolled", 403, {**ENROLL, "reason": "user-not-enrolled"}, ServiceBlocked, "user_not_enrolled"),
    ("internal error", 400, {"type": f"{KINDS}/internal-error", "title": "x"}, Uncertain, "unavailable"),
    ("hydration", 400, {"type": f"{KINDS}/field-hydration-failure", "title": "x"}, Uncertain, "unavailable"),
    ("field", 403, {"type": f"{KINDS}/field-unauthorized", "title": "x"}, Refused, "not_authorized"),
    ("unavailable", 403, {"type": f"{KINDS}/resource-unavailable", "title": "x"}, Refused, "not_available"),
    ("disallowed", 403, {"type": f"{KINDS}/disallowed-resource", "title": "x"}, Refused, "disallowed"),
    ("unknown 4xx", 418, b"", Refused, "not_possible"),
    ("success with list", 200, b"[]", Uncertain, "bad_answer"),
    ("success with null errors", 200, b'{"errors":null}', Uncertain, "bad_answer"),
]


@pytest.mark.parametrize(
    ("status", "body", "error", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_each_answer_means_one_thing(status: int, body: Any, error: type[XError], reason: str) -> None:
    failure = answer(status, body)
    assert (type(failure), failure.reason) == (error, reason)
    assert str(failure).endswith(".")
    assert "{" not in str(failure)
    assert [each.endpoint for each in failure.receipts] == [endpoint_for(status)]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (403, {"type": "https://api.x.com/2/problems/credits"}, "credits"),
        (429, {"type": "https://api.x.com/2/problems/usage-capped"}, "usage_cap"),
        (429, {"title": "UsageCapExceeded"}, "usage_cap"),
        (401, {"errors": [{"code": 135}]}, "clock"),
        (401, {"detail": "Timestamp out of bounds."}, "clock"),
        (403, {"type": "https://api.x.com/2/problems/client-forbidden"}, "not_enrolled"),
        (403, {"reason": "client-not-enrolled"}, "not_enrolled"),
        (403, {"type": "https://api.x.com/2/problems/oauth1-permissions"}, "permission_missing"),
        (403, {"detail": OAUTH1_APP}, "permission_missing"),
        (403, {"type": "https://api.x.com/2/problems/unsupported-authentication"}, "authentication_unsupported"),
        (403, {"detail": APP_ONLY}, "authentication_unsupported"),
        (403, {"errors": [{"code": 326}]}, "account_locked"),
        (403, {"errors": [{"code": 64}]}, "account_suspended"),
        (403, {"errors": [{"code": 226}]}, "automation_suspected"),
        (400, {"errors": [{"code": 32}]}, "keys_wrong"),
        (403, {"errors": [{"code": 89}]}, "keys_wrong"),
        (400, {"errors": [{"code": 215}]}, "keys_wrong"),
        (400, {"detail": "The cursor is invalid."}, "page_token"),
        (403, {"errors": [{"code": 44, "message": "cursor parameter is invalid"}]}, "page_token"),
    ],
)
def test_one_sign_is_enough(status: int, body: Any, reason: str) -> None:
    assert answer(status, body).reason == reason


SENDING = ("POST /2/dm_conversations/with/:id/messages", "POST /1.1/direct_messages/events/new")
NOT_SENT = "There was an error sending your message: "


def bad_body(field: str, message: str) -> dict[str, Any]:
    return {
        "errors": [{"parameters": {field: ["x"]}, "message": message}],
        **problem(400, "One or more parameters to your request was invalid.", "Invalid Request", INVALID),
    }


# What is about the person: everybody else may get the message.
OF_THE_PERSON: list[tuple[int, Any, str]] = [
    (403, problem(403, DM_CLOSED), "dm_closed"),
    (403, legacy(349, "You cannot send messages to this user."), "dm_closed"),
    (403, legacy(150, "You cannot send messages to users who are not following you."), "dm_closed"),
    (403, legacy(151, f"{NOT_SENT}x"), "dm_closed"),
    (403, legacy(349, "You cannot send messages to users you have blocked."), "blocked_by_us"),
    (403, legacy(136, "You have been blocked from the author"), "blocked"),
    (403, legacy(476, "Sender is not verified to send message requests"), "verified_only"),
    (403, legacy(108, "Cannot find specified user."), "recipient_not_found"),
    (404, legacy(108, "Cannot find specified user."), "recipient_not_found"),
    (404, legacy(50, "User not found."), "recipient_not_found"),
    (404, legacy(17, "No user matches for specified terms."), "recipient_not_found"),
    (404, {**UNKNOWN_USER, "title": "Not Found Error", "status": 404}, "recipient_not_found"),
    (403, UNKNOWN_USER, "recipient_not_found"),
    (404, problem(404, "Not Found", "Not Found"), "recipient_not_found"),
    (400, NO_RECIPIENT, "recipient_not_found"),
    (400, legacy(214, "event.message_create.target.recipient_id: 'x' is not a valid Long"), "recipient_not_found"),
    (403, legacy(63, "User has been suspended."), "user_suspended"),
    (403, SUSPENDED_USER, "user_suspended"),
]
# What is about the account, the app or the way to X: nobody else gets the message either.
OF_THE_ACCOUNT: list[tuple[int, Any, type[XError], str]] = [
    (403, problem(403, "This operation is not permitted."), ServiceBlocked, "sender_restricted"),
    (403, legacy(151, f"{NOT_SENT}This operation is not permitted."), ServiceBlocked, "sender_restricted"),
    (403, legacy(151, f"{NOT_SENT}{AUTOMATED}"), ServiceBlocked, "automation_suspected"),
    (403, legacy(226, AUTOMATED), ServiceBlocked, "automation_suspected"),
    (403, problem(403, LOCKED), ServiceBlocked, "account_locked"),
    (403, legacy(326, LOCKED), ServiceBlocked, "account_locked"),
    (403, legacy(64, "Your account is suspended and is not permitted"), ServiceBlocked, "account_suspended"),
    (402, CREDITS, ServiceBlocked, "credits"),
    (429, USAGE_CAP, ServiceBlocked, "usage_cap"),
    (403, legacy(93, "This application is not allowed to access or"), ServiceBlocked, "permission_missing"),
    (403, problem(403, OAUTH1_APP), ServiceBlocked, "permission_missing"),
    (403, {"detail": "Forbidden"}, ServiceBlocked, "scope_missing"),
    (403, ENROLL, ServiceBlocked, "not_enrolled"),
    (403, legacy(453, LEGACY_ACCESS), ServiceBlocked, "legacy_access"),
    (404, legacy(34, "Sorry, that page does not exist."), ServiceBlocked, "legacy_access"),
    (401, problem(401, "Unauthorized", "Unauthorized"), ServiceBlocked, "keys_wrong"),
    (401, {"error": "Not authorized."}, ServiceBlocked, "keys_wrong"),
    (401, legacy(349, "You cannot send messages to this user."), ServiceBlocked, "keys_wrong"),
    (402, problem(402, DM_CLOSED), ServiceBlocked, "credits"),
    (429, problem(429, "Too Many Requests"), Unsent, "rate_limited"),
    (429, problem(429, DM_CLOSED), Unsent, "rate_limited"),
    (403, legacy(344, "You have reached your daily limit for Tweets and messages."), Unsent, "daily_limit"),
    (404, b"<html>Not found</html>", Unsent, "not_the_api"),
    (403, b"<html>Just a moment...</html>", Unsent, "not_the_api"),
    (404, b"[]", Unsent, "not_the_api"),
    (404, {"message": "no Route matched with those values"}, Unsent, "not_routed"),
    (403, {"message": "Forbidden"}, Unsent, "not_the_api"),
    (302, b"", Unsent, "redirected"),
    (503, problem(503, DM_CLOSED), Uncertain, "unavailable"),
    (201, legacy(349, "You cannot send messages to this user."), Uncertain, "bad_answer"),
]
# What is about the message itself, or tells nothing.
OF_THE_MESSAGE: list[tuple[int, Any, type[XError], str]] = [
    (403, legacy(354, "The text of your direct message is over the max character limit."), Refused, "too_long"),
    (400, bad_body("text", "$.text: is longer than 10000 characters"), Refused, "too_long"),
    (400, bad_body("attachments.media_id", "Your media IDs are invalid."), Refused, "media_unknown"),
    (400, bad_body("attachments[0]", "is not valid"), Refused, "media_unknown"),
    (400, legacy(324, "The validation of media ids failed."), Refused, "media_unknown"),
    (403, problem(403, "You may not use this media."), Refused, "media_unknown"),
    (403, legacy(151, f"{NOT_SENT}Whoops! You already said that."), Uncertain, "already_said"),
    (403, legacy(187, "Status is a duplicate."), Uncertain, "already_said"),
    (403, {"detail": "You are not allowed to send a message with duplicate content."}, Uncertain, "already_said"),
    (403, legacy(151, f"{NOT_SENT}Text is empty."), Refused, "no_text"),
    (400, bad_body("text", "$.text: is missing but it is required"), Refused, "invalid_request"),
    (403, problem(403, "You are not permitted to perform this action."), Refused, "not_permitted"),
    (403, problem(403, "Never seen before."), Refused, "not_permitted"),
]


def sending(endpoint: str, status: int, body: Any) -> XError:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return translate(status, {}, content, endpoint=endpoint, now=NOW)


@pytest.mark.parametrize("endpoint", SENDING)
@pytest.mark.parametrize(("status", "body", "reason"), OF_THE_PERSON)
def test_what_is_about_the_recipient_is_known_as_such(endpoint: str, status: int, body: Any, reason: str) -> None:
    failure = sending(endpoint, status, body)
    assert (type(failure), failure.reason) == (Refused, reason)
    assert reason in RECIPIENT_REASONS
    assert "asks for" not in str(failure)


@pytest.mark.parametrize("endpoint", SENDING)
@pytest.mark.parametrize(("status", "body", "error", "reason"), OF_THE_ACCOUNT + OF_THE_MESSAGE)
def test_nothing_else_is_taken_for_the_recipients_fault(
    endpoint: str, status: int, body: Any, error: type[XError], reason: str
) -> None:
    failure = sending(endpoint, status, body)
    assert (type(failure), failure.reason) == (error, reason)
    assert reason not in RECIPIENT_REASONS


def test_a_message_that_comes_too_soon_says_when_to_go_on() -> None:
    reset = str(int((NOW + timedelta(hours=20)).timestamp()))
    headers = {"x-user-limit-24hour-remaining": "0", "x-user-limit-24hour-reset": reset}
    failure = translate(429, headers, b"", endpoint=SENDING[0], now=NOW)
    assert isinstance(failure, Unsent)
    assert failure.retry_at == NOW + timedelta(hours=20)


def test_the_remedy_says_who_does_what() -> None:
    failure = answer(403, legacy(261, "Application cannot perform write actions."))
    assert isinstance(failure, ServiceBlocked)
    assert "Read, Write and Direct Messages" in failure.remedy
    assert "regenerates the access token" in failure.remedy


def test_what_x_does_not_explain_names_the_likely_causes() -> None:
    assert str(answer(403, problem(403, "You are not permitted to perform this action."))) == (
        "X does not permit POST /2/tweets: the text is too long for this account, or the account may not do this."
    )


@pytest.mark.parametrize("body", [legacy(187, "Status is a duplicate."), CREDITS, UNKNOWN_USER, b"<html>", b"", b"[]"])
@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_write_that_x_calls_a_success_may_have_been_one(status: int, body: Any) -> None:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    failure = translate(status, {}, content, endpoint=ENDPOINT, now=NOW)
    assert (type(failure), failure.reason) == (Uncertain, "bad_answer")


def test_every_block_has_a_remedy() -> None:
    for _, status, body, error, _ in CASES:
        failure = answer(status, body)
        if error is ServiceBlocked:
            assert isinstance(failure, ServiceBlocked)
            assert failure.remedy.endswith(".")


def test_too_many_says_when_to_go_on() -> None:
    reset = int((NOW + timedelta(minutes=4)).timestamp())
    failure = answer(429, b"", {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(reset)})
    assert isinstance(failure, Unsent)
    assert failure.retry_at == NOW + timedelta(minutes=4)
    assert "2026-11-19 07:34:00 UTC" in str(failure)


def test_a_daily_limit_opens_in_half_an_hour_when_x_says_nothing() -> None:
    failure = answer(403, legacy(185, "User is over daily status update limit."))
    assert isinstance(failure, Unsent)
    assert failure.retry_at == NOW + timedelta(minutes=30)


def test_what_x_quotes_is_not_repeated() -> None:
    detail = "Bad [secret text]\n<b>*value*</b> 2244994945-accesstokenaccesstokenaccesstoken1234 " + "and so on " * 50
    message = str(answer(400, problem(400, detail)))
    assert message.startswith("X does not understand the request POST /2/tweets: Bad bvalue/b and so on")
    assert len(message) < 200


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(status=st.integers(200, 599), body=st.binary() | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_no_answer_is_beyond_words(status: int, body: bytes) -> None:
    assert str(answer(status, body))


def test_codes_may_be_text_and_errors_may_be_one() -> None:
    assert answer(403, {"errors": {"code": "187"}}).reason == "duplicate"
    assert answer(403, [{"code": 187}]).reason == "duplicate"
    assert answer(403, {"errors": [{"code": None, "message": 5, "type": [], "parameters": []}]}).reason == "not_the_api"


@pytest.mark.parametrize(
    ("reset_date", "again_at"),
    [
        ("2026-12-14", datetime(2026, 12, 14, tzinfo=UTC)),
        ("2026-12-14T06:00:00Z", datetime(2026, 12, 14, 6, tzinfo=UTC)),
        ("2026-11-19", NOW + timedelta(hours=1)),
        ("soon", NOW + timedelta(hours=24)),
        (7, NOW + timedelta(hours=24)),
        ("9999-12-31", NOW + timedelta(hours=24)),
    ],
)
def test_a_spending_limit_says_when_x_serves_the_account_again(reset_date: object, again_at: datetime) -> None:
    failure = answer(403, {**SPEND_CAP, "reset_date": reset_date})
    assert isinstance(failure, Unsent)
    assert failure.retry_at == again_at
    assert f"{again_at:%Y-%m-%d %H:%M}" in str(failure)
    assert "raises the limit in the developer console" in failure.sentence


@pytest.mark.parametrize("status", [429, 404, 403])
@pytest.mark.parametrize("header", ["1800", " 1800 ", "Thu, 19 Nov 2026 08:00:00 GMT"])
def test_the_time_of_a_retry_after_header_is_kept(status: int, header: str) -> None:
    failure = answer(status, b"<html>" if status == 403 else b"", {"Retry-After": header})
    assert isinstance(failure, Unsent)
    assert failure.retry_at == NOW + timedelta(minutes=30)


def test_a_retry_after_date_counts_by_the_clock_of_x() -> None:
    headers = {"retry-after": "Thu, 19 Nov 2026 09:00:00 GMT", "date": "Thu, 19 Nov 2026 08:30:00 GMT"}
    failure = answer(429, b"", headers)
    assert isinstance(failure, Unsent)
    assert failure.retry_at == NOW + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("header", "wait"),
    [("soon", timedelta(minutes=15)), ("-5", timedelta(minutes=15)), ("9" * 30, timedelta(hours=25))],
)
def test_a_retry_after_header_that_is_odd_does_no_harm(header: str, wait: timedelta) -> None:
    failure = answer(429, b"", {"Retry-After": header})
    assert isinstance(failure, Unsent)
    assert failure.retry_at == NOW + wait


def test_a_read_waits_for_a_failing_server_and_a_write_stays_unknown() -> None:
    headers = {"Retry-After": "600"}
    read = translate(503, headers, b"", endpoint=READ_ENDPOINT, now=NOW)
    assert isinstance(read, Unsent)
    assert read.retry_at == NOW + timedelta(minutes=10)
    assert isinstance(translate(503, headers, b"", endpoint=ENDPOINT, now=NOW), Uncertain)


def test_a_page_in_the_place_of_a_write_that_succeeded_leaves_it_unknown() -> None:
    assert isinstance(translate(200, {}, b"<html>", endpoint=ENDPOINT, now=NOW), Uncertain)


def test_a_mark_before_the_json_changes_nothing() -> None:
    marked = b"\xef\xbb\xbf" + orjson.dumps(SPEND_CAP)
    assert str(answer(403, marked)) == str(answer(403, SPEND_CAP))
