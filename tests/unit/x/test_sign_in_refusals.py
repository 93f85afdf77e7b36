"""One case per row of the error table about signing in, on the body as X was seen to send it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from campaign.errors import Refused, ServiceBlocked, Uncertain, Unsent, XError
from campaign.x.errors import translate

NOW = datetime(2026, 11, 25, 7, 30, tzinfo=UTC)
TOKEN, REVOKE, REQUEST = "POST /2/oauth2/token", "POST /2/oauth2/revoke", "POST /oauth/request_token"
ACCESS, INVALIDATE = "POST /oauth/access_token", "POST /1.1/oauth/invalidate_token"
CODE = {"error": "invalid_request", "error_description": "Value passed for the authorization code was invalid."}
CLIENT = {"error": "unauthorized_client", "error_description": "Missing valid authorization header"}


def coded(code: int, message: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message}]}


@pytest.mark.parametrize(
    ("endpoint", "status", "body", "error", "reason"),
    [
        (TOKEN, 400, CODE, Refused, "sign_in_over"),
        (TOKEN, 400, {"error": "invalid_grant"}, Refused, "sign_in_over"),
        (TOKEN, 401, CLIENT, ServiceBlocked, "client_wrong"),
        (REVOKE, 401, CLIENT, ServiceBlocked, "client_wrong"),
        (TOKEN, 400, {"error": "invalid_client"}, ServiceBlocked, "client_wrong"),
        (TOKEN, 429, {"title": "Too Many Requests"}, Unsent, "rate_limited"),
        (TOKEN, 503, {}, Uncertain, "unavailable"),
        (REQUEST, 403, coded(415, "Callback URL not approved for this client application."), ServiceBlocked, None),
        (REQUEST, 401, coded(32, "Could not authenticate you."), ServiceBlocked, "keys_wrong"),
        (ACCESS, 401, coded(89, "Invalid or expired token."), Refused, "sign_in_over"),
        (ACCESS, 401, "Error processing your OAuth request: Invalid oauth_verifier", Refused, "sign_in_over"),
        (INVALIDATE, 401, coded(89, "Invalid or expired token."), Refused, "sign_in_over"),
        (INVALIDATE, 401, coded(32, "Could not authenticate you."), ServiceBlocked, "keys_wrong"),
    ],
)
def test_each_answer_says_what_to_do_next(
    endpoint: str, status: int, body: Any, error: type[XError], reason: str | None
) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    found = translate(status, {}, content.encode(), endpoint=endpoint, now=NOW)
    assert (type(found), found.reason) == (error, reason or "callback_unknown")


def test_a_wrong_client_is_no_matter_of_the_accounts_own_keys() -> None:
    """Elsewhere, the same status means that the keys of the account are wrong."""
    found = translate(401, {}, json.dumps(CLIENT).encode(), endpoint=TOKEN, now=NOW)
    assert "client id" in str(found)
