"""Who calls: the signer of OAuth 1.0a with HMAC-SHA1 (RFC 5849), verified against the URL that was really called.

People who signed in with an app call with tokens of their own: of OAuth 1.0a, or Bearer tokens of OAuth 2.0.
"""

import time
from dataclasses import dataclass
from typing import Any

from oauthlib.oauth1.rfc5849.signature import collect_parameters, verify_hmac_sha1
from oauthlib.oauth1.rfc5849.utils import parse_authorization_header, unescape

from campaign.simulator.accounts import Account, Condition
from campaign.simulator.problems import TYPES, Refusal, coded, plain
from campaign.simulator.sign_ins import Grant
from campaign.simulator.world import World

PATIENCE = 300.0
"""Seconds that a timestamp may be off."""

NOT_AUTHENTICATED = (401, 32, "Could not authenticate you.")
TOKEN_UNKNOWN = (401, 89, "Invalid or expired token.")
TIMESTAMP_WRONG = (401, 135, "Timestamp out of bounds.")
BEARER = "Bearer "
FORBIDDEN = 403


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
class Caller:
    """A brand with its own keys, or with `grant` a user who signed in with the app that the brand owns."""

    account: Account
    grant: Grant | None = None

    @property
    def number(self) -> int:
        """Returns the user in whose name the call is made."""
        return self.grant.number if self.grant else self.account.number


@dataclass(frozen=True, slots=True)
class _Claim:
    """The shape in which oauthlib wants a request."""

    http_method: str
    uri: str
    params: list[tuple[str, str]]
    signature: str


def authenticate(world: World, signed: Signed, *, legacy: bool) -> Caller:
    """Returns the caller of a request; raises X's 401 in the words of v1.1 (`legacy`) or v2."""
    try:
        if signed.authorization.startswith(BEARER):
            return _bearer(world, signed.authorization.removeprefix(BEARER))
        return _signer(world, signed)
    except Refusal as why:
        raise (why if legacy or why.status == FORBIDDEN else plain(401, "Unauthorized")) from None


def app_that_signed(world: World, signed: Signed, claimed: dict[str, str], secret: str = "") -> Account:
    """Returns the owner of the app that signed a step of OAuth 1.0a, with the secret of a request token or none."""
    owner = world.owner_of_app(claimed.get("oauth_consumer_key", ""))
    if owner is None:
        raise coded(*NOT_AUTHENTICATED)
    _check(signed, claimed, owner.keys.consumer_secret, secret)
    return owner


def claimed_by(authorization: str) -> dict[str, str]:
    """Returns the `oauth_` parameters of the header; empty when it is no such header."""
    try:
        return {name: unescape(value) for name, value in parse_authorization_header(authorization)}
    except ValueError:
        return {}


def unsupported_authentication(used: str, supported: str) -> Refusal:
    """Returns the v2 answer to keys of a kind that the endpoint does not take."""
    detail = (
        f"Authenticating with {used} is forbidden for this endpoint.  Supported authentication types are [{supported}]."
    )
    body = {"title": "Unsupported Authentication", "detail": detail, "status": 403}
    return Refusal(403, body | {"type": f"{TYPES}unsupported-authentication"})


def _bearer(world: World, token: str) -> Caller:
    if token in world.app_tokens:
        raise unsupported_authentication(
            "OAuth 2.0 Application-Only", "OAuth 1.0a User Context, OAuth 2.0 User Context"
        )
    grant = world.sign_ins.alive(token)
    if grant is None or not grant.is_oauth2:
        raise coded(*TOKEN_UNKNOWN)
    return Caller(grant.question.owner, grant)


def _signer(world: World, signed: Signed) -> Caller:
    claimed = claimed_by(signed.authorization)
    app = world.apps.get(claimed.get("oauth_consumer_key", ""))
    if app is None:
        raise coded(*NOT_AUTHENTICATED)
    token = claimed.get("oauth_token", "")
    account, grant = app.get(token), world.sign_ins.alive(token)
    if account is not None and account.condition is not Condition.REVOKED:
        _check(signed, claimed, account.keys.consumer_secret, account.keys.access_token_secret)
        return Caller(account)
    if grant is None or grant.question.owner.keys.consumer_key != claimed["oauth_consumer_key"]:
        raise coded(*TOKEN_UNKNOWN)
    _check(signed, claimed, grant.question.owner.keys.consumer_secret, grant.secret)
    return Caller(grant.question.owner, grant)


def _check(signed: Signed, claimed: dict[str, str], consumer_secret: str, token_secret: str) -> None:
    if abs(time.time() - _seconds(claimed.get("oauth_timestamp", ""))) > PATIENCE:
        raise coded(*TIMESTAMP_WRONG)
    if not _is_signed_with(consumer_secret, token_secret, signed, claimed):
        raise coded(*NOT_AUTHENTICATED)


def _seconds(timestamp: str) -> int:
    return int(timestamp) if timestamp.isascii() and timestamp.isdigit() else 0


def _is_signed_with(consumer_secret: str, token_secret: str, signed: Signed, claimed: dict[str, str]) -> bool:
    try:
        params = collect_parameters(signed.query, signed.form)
    except ValueError:  # a query that is not percent-encoded cannot have been signed
        return False
    params += [(name, value) for name, value in claimed.items() if name not in UNSIGNED]  # not read a second time
    claim: Any = _Claim(signed.http_method, signed.uri, params, claimed.get("oauth_signature", ""))
    return verify_hmac_sha1(claim, consumer_secret, token_secret)
