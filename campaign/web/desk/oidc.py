"""Signing in at the desk with an OpenID provider (OpenID Connect Core 1.0, code flow with PKCE)."""

import secrets
from functools import lru_cache
from typing import Any

import pendulum
import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from campaign.db.engine import transaction
from campaign.settings import load_settings
from campaign.users import store as users
from campaign.web.desk import access
from campaign.web.desk.wording import N_, choose_language
from campaign.web.pages import delete_cookie, read_cookie, save_cookie

BEGIN, _CALLBACK = "/desk/sign-in/oidc", "/desk/sign-in/oidc/callback"
_COOKIE, _SECONDS, _TIMEOUT = "oidc", 600, 10
#: By the standard.
_LONGEST_SUBJECT = 255
#: What providers sign with; never `none`, never a shared secret.
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]


def routes() -> list[Route]:
    """Returns the routes; without CAMPAIGN_OIDC_ISSUER they say that there is no provider."""
    return [Route(BEGIN, _begin), Route(_CALLBACK, _finish)]


def is_set_up() -> bool:
    """Tests whether people can sign in elsewhere."""
    return bool(load_settings().oidc_issuer)


@lru_cache
def _provider(issuer: str) -> dict[str, Any]:
    """Reads what the provider says of itself, once in a process."""
    answer = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=_TIMEOUT)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    if found["issuer"].rstrip("/") != issuer:
        raise ValueError("another issuer")
    return found


def _client(request: Request) -> OAuth2Session:
    settings = load_settings()
    return OAuth2Session(
        settings.oidc_client_id,
        settings.oidc_client_secret.get_secret_value(),
        scope="openid email profile",
        redirect_uri=access.own_address(request, _CALLBACK),
        code_challenge_method="S256",
    )


def _begin(request: Request) -> Response:
    if not is_set_up():
        return _failed(request, N_("This desk has no provider to sign in with."))
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    try:
        endpoint = _provider(load_settings().oidc_issuer)["authorization_endpoint"]
    except (requests.RequestException, ValueError, KeyError):
        return _failed(request, N_("The provider cannot be reached. Try again, or sign in with a password."))
    url, state = _client(request).create_authorization_url(endpoint, code_verifier=verifier, nonce=nonce)
    response = RedirectResponse(url, 303)
    kept = {"state": state, "verifier": verifier, "nonce": nonce, "to": request.query_params.get("to", "")}
    save_cookie(response, _COOKIE, kept, _SECONDS)
    return response


def _finish(request: Request) -> Response:
    kept, given = read_cookie(request, _COOKIE, _SECONDS), request.query_params
    state = given.get("state", "").encode()  # as bytes: only ASCII texts can be compared
    if not kept or not secrets.compare_digest(str(kept["state"]).encode(), state) or not given.get("code"):
        return _failed(request, N_("This sign-in was not begun here, or took too long. Begin again."))
    try:
        claims = _claims(request, given["code"], kept)
    except (requests.RequestException, AuthlibBaseError, JoseError, ValueError, KeyError):
        return _failed(request, N_("The provider did not confirm the sign-in. Begin again."))
    now = pendulum.now("UTC")
    with transaction() as session:
        is_verified = claims.get("email_verified") is True
        user = users.find_by_subject(session, claims["sub"], str(claims.get("email", "")) if is_verified else "")
        token = users.begin_session(session, user, now) if user else ""
        name = user.name if user else "unknown"
        users.record_audit(
            session, name, f"user {name}", "signed in" if user else "no account", now, "With the provider."
        )
    if not token:
        return _failed(request, N_("You have no account at this desk. An operator can give you one, with your email."))
    response = access.begin(token, str(kept["to"]))
    delete_cookie(response, _COOKIE)
    return response


def _claims(request: Request, code: str, kept: dict[str, str]) -> dict[str, Any]:
    """Returns the claims of the id token; raises the errors of requests, Authlib and joserfc."""
    settings = load_settings()
    provider = _provider(settings.oidc_issuer)
    token = _client(request).fetch_token(
        provider["token_endpoint"], code=code, code_verifier=kept["verifier"], timeout=_TIMEOUT
    )
    keys = KeySet.import_key_set(requests.get(provider["jwks_uri"], timeout=_TIMEOUT).json())
    claims = jwt.decode(token["id_token"], keys, algorithms=_ALGORITHMS).claims
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": provider["issuer"]},
        aud={"essential": True, "value": settings.oidc_client_id},
        exp={"essential": True},
        sub={"essential": True},
        nonce={"essential": True, "value": kept["nonce"]},
    ).validate(claims)
    if not isinstance(claims["sub"], str) or len(claims["sub"]) > _LONGEST_SUBJECT:
        raise ValueError("no subject")
    return dict(claims)


def _failed(request: Request, sentence: str) -> Response:
    language = choose_language("", request.headers.get("accept-language", ""))
    return access.page("sign_in_failed.html.jinja", language, 403, sentence=sentence)
