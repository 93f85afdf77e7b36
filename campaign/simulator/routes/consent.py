"""The two consent screens: GET and POST /i/oauth2/authorize and /oauth/authorize.

docs.x.com/fundamentals/authentication. The username is written into a field: every user of this X may sign in.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from campaign.simulator import bodies
from campaign.simulator.persons import User
from campaign.simulator.sign_ins import Grant, Question
from campaign.simulator.world import World

SCOPES = {
    "users.read": "See any account you can view, including protected accounts.",
    "tweet.read": "See all the posts you can view, including posts from protected accounts.",
    "users.email": "Get your email address.",
    "offline.access": "Stay connected to your account until you revoke access.",
}
"""What may be asked for here, in words of X's."""
OF_OLD = (
    "See posts from your timeline as well as your lists and collections.",
    "See your profile information and account settings.",
    "See accounts you follow, mute and block.",
)
"""What an app gets with OAuth 1.0a, which knows no scopes."""
STYLE = """
body { margin: 0; background: #fff; color: #0f1419; font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 30rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; line-height: 1.3; }
h2 { font-size: 1.1rem; }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input { box-sizing: border-box; width: 100%; padding: .75rem; border: 1px solid #536471; border-radius: .5rem; font: inherit; }
button { width: 100%; margin-top: 1rem; padding: .75rem; border: 1px solid #0f1419; border-radius: 2rem; font: inherit; }
button { background: #0f1419; color: #fff; font-weight: 700; cursor: pointer; }
button.no { background: #fff; color: #b3261e; border-color: #b3261e; }
:focus-visible { outline: 3px solid #1d9bf0; outline-offset: 2px; }
.wrong { color: #b3261e; }
small { color: #536471; }
"""  # noqa: E501 - a rule a line


def question_page(app: str, username: str, permissions: list[str], suggested: str, wrong: str = "") -> str:
    """Returns the screen with the two buttons; the form goes to where it came from."""
    lines = "".join(f"<li>{escape(each)}</li>" for each in permissions)
    complaint = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    return _page(
        f"{app} wants to access your X account",
        f"""<p><strong>{escape(app)}</strong> <small>by @{escape(username)}</small></p>
<h2>Things this app can do</h2><ul>{lines}</ul>{complaint}
<form method="post">
<label for="username">Your username</label>
<input id="username" name="username" value="{escape(suggested)}" autocomplete="username" autocapitalize="none">
<button name="answer" value="authorize">Authorize app</button>
<button name="answer" value="cancel" class="no" formnovalidate>Cancel</button>
</form><p><small>This is a simulated X: the user named here signs in without a password.</small></p>""",
    )


def failure(why: str) -> str:
    """Returns X's page for a request without a consent screen."""
    return _page("Something went wrong", f"<p>You were not able to give access to the App. {escape(why)}</p>")


def _page(title: str, content: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)} / X</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>
<body><main><h1>{escape(title)}</h1>{content}</main></body></html>
"""


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
                return HTMLResponse(failure(str(why)), 400)
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
    return HTMLResponse(question_page(owner.name, owner.username, permissions, suggested, wrong))


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
