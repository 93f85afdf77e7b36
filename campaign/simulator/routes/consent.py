"""The two consent screens: GET and POST /i/oauth2/authorize and /oauth/authorize.

docs.x.com/fundamentals/authentication. The username is written into a field: every user of this X may sign in.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from campaign.simulator import bodies, consent_page
from campaign.simulator.consent_page import OF_OLD, SCOPES
from campaign.simulator.persons import User
from campaign.simulator.sign_ins import Grant, Question
from campaign.simulator.world import World

SIGNED_IN = "signed_in_as"
"""The cookie with the username of the last yes in this browser."""
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class NotAsked(Exception):
    """X shows no consent screen for this request; the message says why."""


@dataclass(frozen=True, slots=True)
class Screen:
    """One of the two ways: how its question is read, and what it tells the app afterwards."""

    path: str
    read: Callable[[World, Request], Question]
    yes: Callable[[Grant], dict[str, str]]
    no: Callable[[Question], dict[str, str]]

    def route(self, world: World) -> Route:
        """Returns where the browser finds it."""

        async def answer(request: Request) -> Response:
            try:
                question = self.read(world, request)
            except NotAsked as why:
                return HTMLResponse(consent_page.failure(str(why)), 400)
            request.state.call.account = world.user(question.owner.number).username
            return await self._answer(world, request, question)

        return Route(self.path, answer, methods=["GET", "POST"])

    async def _answer(self, world: World, request: Request, question: Question) -> Response:
        if request.method != "POST":
            return _shown(world, request, question)
        fields = (await bodies.read(request)).fields
        if fields.get("answer") != "authorize":
            world.sign_ins.refuse(question)
            return _back(question, self.no(question))
        name = fields.get("username", "").strip().removeprefix("@")
        user = world.people.named(name)
        if user is None or not user.is_there:
            return _shown(world, request, question, f"There is no user {name!r} on X." if name else "Who are you?")
        return self._agreed(world, question, user)

    def _agreed(self, world: World, question: Question, user: User) -> Response:
        response = _back(question, self.yes(world.sign_ins.agree(question, user.number)))
        response.set_cookie(SIGNED_IN, user.username, httponly=True, samesite="lax")
        return response


def _of_oauth2(world: World, request: Request) -> Question:
    """Returns the question of an authorization request (RFC 6749, section 4.1.1, and RFC 7636)."""
    given = request.query_params
    owner = world.owner_of_client(given.get("client_id", ""))
    scopes = tuple(given.get("scope", "").split())
    callback, challenge = given.get("redirect_uri", ""), given.get("code_challenge", "")
    if owner is None or given.get("response_type") != "code":
        raise NotAsked("The app is not known.")
    if callback not in owner.app.callbacks:
        raise NotAsked("The app does not name this address to go back to.")
    if not scopes or not SCOPES.keys() >= set(scopes):
        raise NotAsked("The scopes are not known.")
    if not given.get("state") or given.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(challenge):
        raise NotAsked("The request is not complete.")
    return Question(owner, callback, scopes, given["state"], challenge)


def _of_oauth1(world: World, request: Request) -> Question:
    """Returns the question behind a request token."""
    question = world.sign_ins.asked(request.query_params.get("oauth_token", ""))
    if question is None:
        raise NotAsked("There is no request token for this page: it was used already, or never was one.")
    return question


def _shown(world: World, request: Request, question: Question, wrong: str = "") -> Response:
    owner = world.user(question.owner.number)
    permissions = [SCOPES[scope] for scope in question.scopes] or list(OF_OLD)
    suggested = request.query_params.get("as") or request.cookies.get(SIGNED_IN, "")
    return HTMLResponse(consent_page.question(owner.name, owner.username, permissions, suggested, wrong))


def _back(question: Question, answer: dict[str, str]) -> Response:
    """Redirects to the app, with the answer beside what the app put into the address itself."""
    mark = "&" if "?" in question.callback else "?"
    return RedirectResponse(f"{question.callback}{mark}{urlencode(answer)}", 302)


SCREENS = (
    Screen(
        "/i/oauth2/authorize",
        _of_oauth2,
        lambda grant: {"state": grant.question.state, "code": grant.code},
        lambda question: {"error": "access_denied", "state": question.state},
    ),
    Screen(
        "/oauth/authorize",
        _of_oauth1,
        lambda grant: {"oauth_token": grant.question.token, "oauth_verifier": grant.code},
        lambda question: {"denied": question.token},
    ),
)
