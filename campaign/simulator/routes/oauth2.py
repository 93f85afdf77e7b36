"""POST /2/oauth2/token and /2/oauth2/revoke: docs.x.com/fundamentals/authentication/oauth-2-0."""

import secrets
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from hashlib import sha256

import orjson
from starlette.requests import Request

from campaign.simulator.accounts import Account
from campaign.simulator.bodies import Body
from campaign.simulator.problems import Refusal
from campaign.simulator.routes.steps import Step, authorization
from campaign.simulator.world import World


def token(world: World, request: Request, body: Body) -> tuple[Account, bytes]:
    """Answers with a token for a code, once, within 30 seconds, to the app that asked and knows the verifier."""
    owner = _client(world, request)
    grant = world.sign_ins.coming(body.fields.get("code", ""))
    if body.fields.get("grant_type") != "authorization_code":
        raise _wrong("Missing required parameter [grant_type].")
    if grant is None or not grant.is_oauth2 or grant.question.owner is not owner:
        raise _wrong("Value passed for the authorization code was invalid.")
    if body.fields.get("redirect_uri") != grant.question.callback:
        raise _wrong("Value passed for the redirect uri did not match the uri of the authorization code.")
    if not secrets.compare_digest(_challenge(body.fields.get("code_verifier", "")), grant.question.challenge):
        raise _wrong("Value passed for the code verifier did not match the code challenge.")
    world.sign_ins.exchange(grant, world.people.user(grant.number).id)
    answer = {"token_type": "bearer", "expires_in": int(world.sign_ins.token_seconds), "access_token": grant.token}
    return owner, orjson.dumps(answer | {"scope": " ".join(grant.question.scopes)})


def revoke(world: World, request: Request, body: Body) -> tuple[Account, bytes]:
    """Revokes a token; an unknown one is no mistake (RFC 7009)."""
    owner = _client(world, request)
    grant = world.sign_ins.alive(body.fields.get("token", ""))
    if grant is not None and grant.question.owner is owner:
        grant.revoked = True
    return owner, orjson.dumps({"revoked": True})


def _client(world: World, request: Request) -> Account:
    """Returns the owner of the app that names itself with its client id and secret."""
    try:
        named = b64decode(authorization(request).removeprefix("Basic "), validate=True).decode().partition(":")
    except (NotBase64, ValueError):
        named = ("", "", "")
    owner = world.owner_of_client(named[0])
    if owner is None or not secrets.compare_digest(owner.app.client_secret.encode(), named[2].encode()):
        raise _wrong("Missing valid authorization header", "unauthorized_client", 401)
    return owner


def _wrong(description: str, error: str = "invalid_request", status: int = 400) -> Refusal:
    return Refusal(status, {"error": error, "error_description": description})


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


STEPS = (Step("oauth2/token", "/2/oauth2/token", token), Step("oauth2/revoke", "/2/oauth2/revoke", revoke))
