"""Who signed a request: OAuth 1.0a with HMAC-SHA1 (RFC 5849), verified against the URL that was really called."""

import time
from dataclasses import dataclass
from typing import Any

from oauthlib.oauth1.rfc5849.signature import collect_parameters, verify_hmac_sha1
from oauthlib.oauth1.rfc5849.utils import parse_authorization_header, unescape

from campaign.simulator.accounts import Account, Condition
from campaign.simulator.problems import Refusal, coded, plain
from campaign.simulator.world import World

PATIENCE = 300.0
"""Seconds that a timestamp may be off."""

NOT_AUTHENTICATED = (401, 32, "Could not authenticate you.")
TOKEN_UNKNOWN = (401, 89, "Invalid or expired token.")
TIMESTAMP_WRONG = (401, 135, "Timestamp out of bounds.")


UNSIGNED = {"realm", "oauth_signature"}
"""What of the header is not signed (RFC 5849, section 3.4.1.3.1)."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What of a request is signed; `form` is the body when it is a form, else empty."""

    http_method: str
    uri: str
    query: str
    form: str
    authorization: str


@dataclass(frozen=True, slots=True)
class _Claim:
    """The shape in which oauthlib wants a request."""

    http_method: str
    uri: str
    params: list[tuple[str, str]]
    signature: str


def authenticate(world: World, signed: Signed, *, legacy: bool) -> Account:
    """The account whose keys signed the request; raises X's 401 in the words of v1.1 (`legacy`) or v2."""
    try:
        return _account(world, signed)
    except Refusal as why:
        raise (why if legacy else plain(401, "Unauthorized")) from None


def _account(world: World, signed: Signed) -> Account:
    claimed = _claimed(signed.authorization)
    app = world.apps.get(claimed.get("oauth_consumer_key", ""))
    if app is None:
        raise coded(*NOT_AUTHENTICATED)
    account = app.get(claimed.get("oauth_token", ""))
    if account is None or account.condition is Condition.REVOKED:
        raise coded(*TOKEN_UNKNOWN)
    if abs(time.time() - _seconds(claimed.get("oauth_timestamp", ""))) > PATIENCE:
        raise coded(*TIMESTAMP_WRONG)
    if not _is_signed_by(account, signed, claimed):
        raise coded(*NOT_AUTHENTICATED)
    return account


def _claimed(authorization: str) -> dict[str, str]:
    """The `oauth_` parameters of the header; empty when it is no such header."""
    try:
        return {name: unescape(value) for name, value in parse_authorization_header(authorization)}
    except ValueError:
        return {}


def _seconds(timestamp: str) -> int:
    return int(timestamp) if timestamp.isascii() and timestamp.isdigit() else 0


def _is_signed_by(account: Account, signed: Signed, claimed: dict[str, str]) -> bool:
    try:
        params = collect_parameters(signed.query, signed.form)
    except ValueError:  # a query that is not percent-encoded cannot have been signed
        return False
    params += [(name, value) for name, value in claimed.items() if name not in UNSIGNED]  # not read a second time
    claim: Any = _Claim(signed.http_method, signed.uri, params, claimed.get("oauth_signature", ""))
    return verify_hmac_sha1(claim, account.keys.consumer_secret, account.keys.access_token_secret)
