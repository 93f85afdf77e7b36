"""Who may see the reports: whoever knows the key of the settings, for some hours in one browser."""

import hmac
from typing import Any

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from campaign.settings import load_settings
from campaign.web.pages import page, told
from campaign.web.security_forms import forget, form_token, keep, kept, read_form, visit_of, with_form
from campaign.web.security_limits import visitor_of

LOGIN, LOGOUT, HOME = "/reports/login", "/reports/logout", "/reports"
_SESSION_SECONDS = 12 * 3600
#: Wrong keys of one visitor: enough for a person who mistypes, and centuries for a machine that guesses.
_WRONG_KEYS = RateLimitItemPerMinute(10, 15, namespace="reports")
_COOKIE, _INSIDE = "reports", "inside"


class Login:
    """The page that asks for the key, and what remembers that it was given."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def routes(self) -> list[Route]:
        """Where the pages are."""
        return [
            Route(LOGIN, self.ask, methods=["GET"]),
            Route(LOGIN, self.enter, methods=["POST"]),
            Route(LOGOUT, self.leave, methods=["POST"]),
        ]

    @staticmethod
    async def ask(request: Request) -> Response:
        """Ask for the key."""
        return _form(request, request.query_params.get("to", "")) if _key() else closed()

    async def enter(self, request: Request) -> Response:
        """Let in whoever gives the key."""
        form, key = await read_form(request), _key()
        if not key:
            return closed()
        if form is None:
            return _form(request, "", "The form was open for too long, or came from another page. Try again.", 403)
        to, visitor = str(form.get("to", "")), visitor_of(request.scope)
        if not self._limiter.test(_WRONG_KEYS, visitor):
            return _form(request, to, "There were too many wrong keys. Try again in a quarter of an hour.", 429)
        if not hmac.compare_digest(str(form.get("key", "")).encode(), key.encode()):
            self._limiter.hit(_WRONG_KEYS, visitor)
            return _form(request, to, "That is not the key.", 403)
        response = RedirectResponse(_own_page(to), 303)
        keep(response, _COOKIE, _INSIDE, _SESSION_SECONDS, purpose=_purpose(key), same_site="strict")
        return response

    @staticmethod
    async def leave(request: Request) -> Response:
        """Forget this browser."""
        if await read_form(request) is None:
            return RedirectResponse(HOME, 303)
        response = RedirectResponse(LOGIN, 303)
        forget(response, _COOKIE, same_site="strict")
        return response


def refusal(request: Request) -> Response | None:
    """What whoever is not inside gets instead of a report; None for all others."""
    key = _key()
    if not key:
        return closed()
    if kept(request, _COOKIE, _SESSION_SECONDS, purpose=_purpose(key)) == _INSIDE:
        return None
    return RedirectResponse(f"{LOGIN}?to={request.url.path}", 303)


def closed() -> Response:
    """The page that says what to set."""
    return told(
        "The reports are closed",
        "Set CAMPAIGN_REPORTS_KEY to a long secret, start campaign web again, and open this page with it.",
        "In a terminal, campaign report shows the same.",
        status=503,
    )


def _form(request: Request, to: str, problem: str = "", status: int = 200) -> Response:
    visit = visit_of(request)
    facts: dict[str, Any] = {"token": form_token(visit), "to": _own_page(to), "problem": problem}
    return with_form(page("report_login.html.jinja", status, **facts), visit)


def _own_page(to: str) -> str:
    """Only a report is gone to, wherever the address of the login came from."""
    is_ours = to.startswith(f"{HOME}/") and to.isascii() and "//" not in to and "\\" not in to and to.isprintable()
    return to if is_ours else HOME


def _key() -> str:
    return load_settings().reports_key.get_secret_value()


def _purpose(key: str) -> str:
    """With another key, everybody is asked again."""
    return f"reports {key}"
