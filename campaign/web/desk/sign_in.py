"""Signing in at the desk: with name and password, by the one-time link of a new account, or with an OpenID provider.

Also the own account. With a provider it is OpenID Connect Core 1.0, the code flow with PKCE.
"""

import secrets
from functools import lru_cache
from threading import Lock
from typing import Any

import pendulum
import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from limits import RateLimitItemPerMinute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from campaign.db.engine import read_session, transaction
from campaign.errors import NotPossible, WrongUsage
from campaign.settings import load_settings
from campaign.users import store as users
from campaign.web.desk import access
from campaign.web.desk.access import SIGN_IN, DeskRequest, desk_route
from campaign.web.desk.wording import N_, choose_language, languages
from campaign.web.pages import (
    delete_cookie,
    form_token,
    read_cookie,
    read_form,
    save_cookie,
    visit_of,
    visitor_of,
    with_form,
)
from models import Role, User

#: Wrong passwords of one visitor, and for one name from wherever: centuries for a machine that guesses.
_OF_VISITOR = RateLimitItemPerMinute(10, 15, namespace="desk visitor")
_FOR_NAME = RateLimitItemPerMinute(20, 15, namespace="desk name")
#: Guesses at the same moment count one after the other, and need the memory of one.
_one_at_a_time = Lock()
_WELCOME = "/desk/welcome/{link}"


def routes() -> list[Route]:
    """Returns the routes that need no session, and those of the own account."""
    return [
        Route(BEGIN, begin_at_provider),
        Route(_CALLBACK, finish_at_provider),
        Route(SIGN_IN, show_sign_in, methods=["GET"]),
        Route(SIGN_IN, sign_in, methods=["POST"]),
        Route("/desk/sign-out", sign_out, methods=["POST"]),
        Route(_WELCOME, show_welcome, methods=["GET"]),
        Route(_WELCOME, choose_password, methods=["POST"]),
        desk_route("/desk/me", show_me, Role.VIEWER),
        desk_route("/desk/me", change_me, Role.VIEWER, method="POST"),
    ]


def show_sign_in(request: Request) -> Response:
    """Shows the form to sign in with."""
    return _form(request, request.query_params.get("to", ""))


async def sign_in(request: Request) -> Response:
    """Signs a person in with handle and password."""
    form = await read_form(request)
    if form is None:
        return _form(request, "", N_("The form was open for too long, or came from another page. Try again."), 403)
    return await run_in_threadpool(_check, request, form)


def _check(request: Request, form: FormData) -> Response:
    to, name, password = (str(form.get(field, "")) for field in ("to", "name", "password"))
    now, named = pendulum.now("UTC"), _counted(name)
    try:
        user = _check_password(request, name, password)
    except NotPossible as error:
        return _form(request, to, str(error), 429)
    with transaction() as session:
        # It is not known who guesses a password.
        who, action = (user.name, "signed in") if user else ("unknown", "wrong password")
        users.record_audit(session, who, f"user {named}", action, now)
        token = users.begin_session(session, user, now) if user else ""
    return access.begin(token, to) if token else _form(request, to, N_("The name or the password is wrong."), 403)


def _counted(name: str) -> str:
    return name.strip().lower()[:64]


def _check_password(request: Request, name: str, password: str) -> User | None:
    """Returns the person with this name and password, if there is one; raises NotPossible after too many guesses."""
    limiter, visitor, named = request.app.state.limiter, visitor_of(request.scope), _counted(name)
    with _one_at_a_time:
        if not (limiter.test(_OF_VISITOR, visitor) and limiter.test(_FOR_NAME, named)):
            raise NotPossible(N_("There were too many wrong passwords. Try again in a quarter of an hour."))
        with read_session() as session:
            user = users.check_password(session, name, password)
        if user is None:
            limiter.hit(_OF_VISITOR, visitor)
            limiter.hit(_FOR_NAME, named)
    return user


async def sign_out(request: Request) -> Response:
    """Ends the session of this browser."""
    return await run_in_threadpool(access.end, request)


def _form(request: Request, to: str, problem: str = "", status: int = 200) -> Response:
    return _page(
        request, "sign_in.html.jinja", status, to=access.own_page(to), problem=problem, has_provider=is_set_up()
    )


def _page(request: Request, template: str, status: int = 200, **facts: Any) -> Response:
    visit = visit_of(request)
    language = choose_language("", request.headers.get("accept-language", ""))
    return with_form(access.page(template, language, status, token=form_token(visit), **facts), visit)


def show_welcome(request: Request) -> Response:
    """Shows the form behind a one-time link."""
    with read_session() as session:
        user = users.user_of_link(session, request.path_params["link"])
    return _password_form(request, user)


def _password_form(request: Request, user: User | None, problem: str = "") -> Response:
    if user is None:
        return _page(request, "link_over.html.jinja", 410)
    facts = {"user": user, "problem": problem, "least": users.LEAST_PASSWORD}
    return _page(request, "welcome.html.jinja", 400 if problem else 200, path=request.url.path, **facts)


async def choose_password(request: Request) -> Response:
    """Saves the password of the person with the one-time link."""
    form = await read_form(request)
    return await run_in_threadpool(_set_first_password, request, form)


def _set_first_password(request: Request, form: FormData | None) -> Response:
    now = pendulum.now("UTC")
    with transaction() as session:
        user = users.user_of_link(session, request.path_params["link"])
        if user is None or form is None:
            return _password_form(request, user, "" if form else N_("The form was open for too long. Try again."))
        password = str(form.get("password", ""))
        if password != str(form.get("again", "")):
            return _password_form(request, user, N_("The two passwords differ. Type the same one twice."))
        try:
            users.set_password(session, user, password)
        except WrongUsage as error:
            return _password_form(request, user, str(error))
        users.record_audit(session, user.name, f"user {user.name}", "password chosen", now)
        token = users.begin_session(session, user, now)
    return access.begin(token, access.HOME)


def show_me(desk: DeskRequest) -> Response:
    """Shows the settings of the person who is signed in."""
    return desk.page("me.html.jinja", least=users.LEAST_PASSWORD)


def change_me(desk: DeskRequest) -> Response:
    """Changes the language, and the password where a new one was typed; a new password ends all sessions."""
    password, old = str(desk.form.get("password", "")), str(desk.form.get("old", ""))
    if password and not _check_password(desk.request, desk.actor, old):
        raise WrongUsage(N_("The present password is wrong; nothing was changed."))
    with transaction() as session:
        user = users.find_user(session, desk.actor)
        user.language = desk.text("language") if desk.text("language") in languages() else ""
        if desk.text("email") != user.email:
            users.describe(user, user.full_name, desk.text("email"))
            users.record_audit(session, desk.actor, f"user {user.name}", "email changed", desk.now)
        session.add(user)
        if password:
            users.set_password(session, user, password)
            users.record_audit(session, desk.actor, f"user {user.name}", "password changed", desk.now)
    return desk.redirect("/desk/me", N_("Saved."))


BEGIN, _CALLBACK = "/desk/sign-in/oidc", "/desk/sign-in/oidc/callback"
_COOKIE, _SECONDS, _TIMEOUT = "oidc", 600, 10
#: By the standard.
_LONGEST_SUBJECT = 255
#: What providers sign with; never `none`, never a shared secret.
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]


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


def begin_at_provider(request: Request) -> Response:
    """Sends the person to the provider that signs in."""
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


def finish_at_provider(request: Request) -> Response:
    """Signs in the person whom the provider names."""
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
