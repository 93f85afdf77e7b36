"""The three legs of OAuth 1.0a without the screen, and the way back: docs.x.com/fundamentals/authentication."""

from urllib.parse import urlencode

import orjson
from starlette.requests import Request

from campaign.simulator.accounts import Account, Condition, random_text
from campaign.simulator.bodies import Body
from campaign.simulator.endpoint import Asked, Endpoint, Reply, signed
from campaign.simulator.oauth import TOKEN_UNKNOWN, app_that_signed, claimed_by
from campaign.simulator.problems import coded
from campaign.simulator.routes.steps import Step, authorization
from campaign.simulator.sign_ins import Question
from campaign.simulator.world import World

FORM = "text/html;charset=utf-8"
"""So X calls the forms that it answers with."""
UNKNOWN_CALLBACK = (
    "Callback URL not approved for this client application. Approved callback URLs can be adjusted in your "
    "application settings"
)


def request_token(world: World, request: Request, body: Body) -> tuple[Account, bytes]:
    """Answers with a request token for an address that the app names."""
    claimed = _claimed(request, body)
    owner = app_that_signed(world, signed(request, body.form), claimed_by(authorization(request)))
    if claimed.get("oauth_callback") not in owner.app.callbacks:
        raise coded(403, 415, UNKNOWN_CALLBACK)
    is_read_only = claimed.get("x_auth_access_type") == "read"
    token, secret = random_text(27), random_text(32)
    question = Question(owner, claimed["oauth_callback"], token=token, secret=secret, is_read_only=is_read_only)
    world.sign_ins.ask(question)
    answer = {"oauth_token": question.token, "oauth_token_secret": question.secret, "oauth_callback_confirmed": "true"}
    return owner, urlencode(answer).encode()


def access_token(world: World, request: Request, body: Body) -> tuple[Account, bytes]:
    """Answers with a token for a request token that a user agreed to, once."""
    claimed = _claimed(request, body)
    question = world.sign_ins.asked(claimed.get("oauth_token", ""))
    if question is None:
        raise coded(*TOKEN_UNKNOWN)
    owner = app_that_signed(world, signed(request, body.form), claimed_by(authorization(request)), question.secret)
    grant = world.sign_ins.coming(claimed.get("oauth_verifier", ""))
    if grant is None or grant.question is not question or question.owner is not owner:
        raise coded(*TOKEN_UNKNOWN)
    user = world.people.user(grant.number)
    world.sign_ins.exchange(grant, user.id)
    answer = {"oauth_token": grant.token, "oauth_token_secret": grant.secret}
    brand = next((one for one in world.apps[owner.keys.consumer_key].values() if one.number == grant.number), None)
    if brand and not question.is_read_only:
        # A brand that signs in with its app gets the token that the developer console shows.
        answer = {"oauth_token": brand.keys.access_token, "oauth_token_secret": brand.keys.access_token_secret}
    return owner, urlencode(answer | {"user_id": user.id, "screen_name": user.username}).encode()


def invalidate(asked: Asked) -> Reply:
    """Revokes the token that signed the call."""
    if asked.grant:
        asked.grant.revoked = True
    else:
        asked.account.condition = Condition.REVOKED
    used = asked.grant.token if asked.grant else asked.account.keys.access_token
    return Reply(orjson.dumps({"access_token": used}))


def _claimed(request: Request, body: Body) -> dict[str, str]:
    """Returns the parameters of OAuth 1.0a, wherever they are: in the header, the query or the form."""
    return body.fields | dict(request.query_params) | claimed_by(authorization(request))


STEPS = (
    Step("oauth/request_token", "/oauth/request_token", request_token, FORM),
    Step("oauth/access_token", "/oauth/access_token", access_token, FORM),
)
ENDPOINTS = (
    Endpoint(
        "oauth/invalidate_token",
        "/1.1/oauth/invalidate_token",
        75,
        invalidate,
        ("POST",),
        people=True,
        for_everybody=True,
    ),
)
