"""What calls cost and what is left: GET /api/credits/pricing, GET /2/usage/credits, and POST /oauth2/token for an app.

The list of prices is that of console.x.com, the balance that of docs.x.com/x-api/usage, as they were seen in 2026.
"""

import secrets
from base64 import b64decode
from binascii import Error as NotBase64
from decimal import Decimal
from urllib.parse import unquote

import orjson
from starlette.requests import Request

from campaign.simulator.accounts import Account, Credits, random_text
from campaign.simulator.bodies import Body
from campaign.simulator.oauth import BEARER, unsupported_authentication
from campaign.simulator.problems import Refusal, plain
from campaign.simulator.routes.steps import Step, authorization
from campaign.simulator.world import World


def show_prices(world: World, _request: Request, _body: Body) -> tuple[None, bytes]:
    """Answers anyone with the list of prices that X keeps for its own pages."""
    return None, orjson.dumps(world.prices)


def show_credits(world: World, request: Request, _body: Body) -> tuple[Account, bytes]:
    """Answers with the balance of an app; an empty 404 where X does not serve it yet."""
    if not world.serves_credits:
        raise Refusal(404, None)
    header = authorization(request)
    token = header.removeprefix(BEARER)
    grant = world.sign_ins.alive(token)
    owner = world.app_tokens.get(token) or (grant.question.owner if grant and grant.is_oauth2 else None)
    if not header.startswith(BEARER):
        raise unsupported_authentication(
            "OAuth 1.0a User Context", "OAuth 2.0 Application-Only, OAuth 2.0 User Context"
        )
    if owner is None:
        raise plain(401, "Unauthorized")
    balance = owner.app.credits or Credits()
    grants = [{"amount": float(balance.free), "expires_at": "2099-01-01T00:00:00.000Z"}] if balance.free else []
    free = max(balance.free - balance.spent, Decimal(0))
    data = {
        "free_balance": float(free),
        "free_grants": grants,
        "prepaid_balance": float(balance.left - free),
        "total_balance": float(balance.left),
    }
    return owner, orjson.dumps({"data": data})


def make_app_token(world: World, request: Request, body: Body) -> tuple[Account, bytes]:
    """Answers with a bearer token for the app that names itself by its consumer key and secret."""
    try:
        named = b64decode(authorization(request).removeprefix("Basic "), validate=True).decode()
    except (NotBase64, ValueError):
        named = ""
    key, _, secret = (unquote(part) for part in named.partition(":"))
    owner = world.owner_of_app(key)
    if owner is None or not secrets.compare_digest(owner.keys.consumer_secret.encode(), secret.encode()):
        error = {"code": 99, "message": "Unable to verify your credentials", "label": "authenticity_token_error"}
        raise Refusal(403, {"errors": [error]})
    if body.fields.get("grant_type") != "client_credentials":
        raise Refusal(403, {"errors": [{"code": 170, "message": "Missing required parameter: grant_type"}]})
    known = (token for token, account in world.app_tokens.items() if account is owner)
    token = next(known, None) or f"AAAAAAAAAAAAAAAAAAAAA{random_text(90)}"
    world.app_tokens[token] = owner
    return owner, orjson.dumps({"token_type": "bearer", "access_token": token})


STEPS = (
    Step("credits/pricing", "/api/credits/pricing", show_prices, methods=("GET",)),
    Step("usage/credits", "/2/usage/credits", show_credits, methods=("GET",)),
    Step("app/token", "/oauth2/token", make_app_token),
)
