"""What all pages share: forms of our own pages, signed cookies, limits on requests, templates, style sheets, errors."""

import logging
import secrets
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from time import time
from typing import Any, Literal
from urllib.parse import urlsplit

from jinja2 import ChoiceLoader, PackageLoader
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import FormData, Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaign.db.engine import check_reachable
from campaign.db.vault import sign_for_a_while, signed_within
from campaign.deliveries.media_types import MOST_BYTES
from campaign.errors import CampaignError, DatabaseLost
from campaign.reporting.html import environment
from campaign.settings import load_settings
from campaign.x.types import MediaKind

SameSite = Literal["lax", "strict"]
_VISIT, _FORM = "visit", "form"
_FORM_SECONDS = 2 * 3600
_MOST_FIELDS = 10


def save_cookie(
    response: Response, name: str, content: Any, seconds: int, *, purpose: str = "", same_site: SameSite = "lax"
) -> None:
    """Saves something in the browser that cannot be changed there, and that no script can read.

    It is signed for the `purpose`, which is its name unless given. A browser that comes from another site brings what
    is `lax` along, as on the way back from X, and not what is `strict`.
    """
    _set_cookie(response, name, sign_for_a_while(purpose or name, content), seconds, same_site)


def read_cookie(request: Request, name: str, seconds: int, *, purpose: str = "") -> Any | None:
    """Reads what `save_cookie` saved, unless that was longer ago than so many seconds."""
    return signed_within(purpose or name, request.cookies.get(_cookie(name), ""), seconds)


def delete_cookie(response: Response, name: str, *, same_site: SameSite = "lax") -> None:
    """Deletes it from the browser."""
    _set_cookie(response, name, "", 0, same_site)


def visit_of(request: Request) -> str:
    """Returns what tells this browser from others while a form is open."""
    return request.cookies.get(_cookie(_VISIT), "") or secrets.token_urlsafe(24)


def with_form(response: Response, visit: str) -> Response:
    """Binds the form of a page to the browser that gets it."""
    _set_cookie(response, _VISIT, visit, _FORM_SECONDS)
    return response


def form_token(visit: str) -> str:
    """Returns what a form sends along, to prove that it came from a page of ours in the same browser."""
    return sign_for_a_while(_FORM, visit)


def is_from_here(request: Request) -> bool:
    """Tests whether a page of ours sent a request, as the browser itself says; old browsers say nothing."""
    origin = request.headers.get("origin")
    here = {request.headers.get("host", ""), urlsplit(load_settings().public_url).netloc} - {""}
    is_ours = origin is None or urlsplit(origin).netloc in here
    return is_ours and request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


async def read_form(request: Request) -> FormData | None:
    """Reads the fields of a form of ours; None when another page sent it, or it is too old."""
    if not is_from_here(request):
        return None
    form = await request.form(max_files=0, max_fields=_MOST_FIELDS)
    visit = request.cookies.get(_cookie(_VISIT), "")
    token = signed_within(_FORM, str(form.get("token", "")), _FORM_SECONDS)
    is_ours = bool(visit) and isinstance(token, str) and secrets.compare_digest(token.encode(), visit.encode())
    return form if is_ours and is_text(form) else None


def is_text(form: FormData) -> bool:
    """Tests whether no field has the character NUL, which no text has and PostgreSQL refuses with an error."""
    return not any("\0" in value for _, value in form.multi_items() if isinstance(value, str))


def _set_cookie(response: Response, name: str, value: str, seconds: int, same_site: SameSite = "lax") -> None:
    response.set_cookie(
        _cookie(name), value, max_age=seconds, path="/", secure=_is_https(), httponly=True, samesite=same_site
    )


def _cookie(name: str) -> str:
    # Browsers take the first kind from no other site, not even from a neighbouring host name.
    return f"__Host-{name}" if _is_https() else name


def _is_https() -> bool:
    return load_settings().public_url.startswith("https:")


#: Many people may share one address, as in an office: generous to them, and far below what one computer can do.
_PAGES = RateLimitItemPerMinute(300, namespace="pages")
_FORMS = RateLimitItemPerMinute(30, namespace="forms")
#: The desk asks for a part of a page after every pause in typing.
_DESK = RateLimitItemPerMinute(1_200, namespace="desk")
_REDIRECTS = RateLimitItemPerMinute(1_200, namespace="redirects")
#: One household has a network of IPv6, with more addresses in it than can be counted.
_IPV6_NETWORK = 64
#: Requests that are answered at the same time; further ones are refused.
_AT_ONCE = 400
#: No form for the public is longer.
LONGEST_BODY = 16 * 1024
#: A form of the desk: a broadcast to a list of 100,000 people.
LONGEST_DESK_BODY = 4 * 1024 * 1024
#: The form of a post, with a video as large as X takes it. It is read for a writer only, see campaign.web.desk.access.
LONGEST_POST_BODY = MOST_BYTES[MediaKind.VIDEO] + LONGEST_DESK_BODY


def visitor_of(scope: Scope) -> str:
    """Returns whom a request is counted for: an address, or a network of IPv6."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(ip_network((address, _IPV6_NETWORK), strict=False)) if isinstance(address, IPv6Address) else host


def policy(posts_to: Sequence[str] = (), *, shows_from: Sequence[str] = (), more: str = "") -> str:
    """Returns the Content-Security-Policy of a page: no scripts, nothing from elsewhere, forms that end with us.

    `posts_to` are more origins at which forms may end, `shows_from` those of pictures; `more` are directives that only
    some pages need.
    """
    places, pictures = " ".join(["'self'", *posts_to]), " ".join(["'self' data:", *shows_from])
    return (
        f"default-src 'none'; style-src 'self'; img-src {pictures}; base-uri 'none'; frame-ancestors 'none';"
        f" form-action {places}{more}"
    )


_HEADERS = {
    "Content-Security-Policy": policy(),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with it browsers hide from us, too, which page a form came from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_HSTS = {"Strict-Transport-Security": "max-age=31536000"}
_log = logging.getLogger(__name__)


class _TooLong(Exception):
    """The body of a request has more bytes than any form of ours."""


class Guard:
    """Refuses requests that are too long, too frequent or too many at once; adds the headers of all responses.

    `problem_page` makes the page for a status; its text is the number to quote, or the seconds to wait.
    """

    def __init__(self, app: ASGIApp, problem_page: Callable[[int, str], Response], *, is_https: bool) -> None:
        self._app = app
        self._problem_page = problem_page
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._running = 0
        self._headers = _HEADERS | _HSTS if is_https else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._running >= _AT_ONCE:
            await self._problem_page(503, "")(scope, receive, send)
            return
        self._running += 1
        try:
            await self._answer(scope, receive, send)
        finally:
            self._running -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun, length = False, 0
        longest = _longest_body(scope)

        async def send_guarded(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        async def receive_measured() -> Message:
            nonlocal length
            message = await receive()
            length += len(message.get("body", b""))
            if length > longest:
                raise _TooLong
            return message

        if refusal := self._refusal(scope):
            await refusal(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, receive_measured, send_guarded)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  whatever happens, a visitor gets a page and sees no secret
            status = {_TooLong: 413, DatabaseLost: 503}.get(type(error), 500)
            page = self._problem_page(status, _log_error(error) if status >= 500 else "")  # noqa: PLR2004
            if not has_begun:
                await page(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > _longest_body(scope):
            return self._problem_page(413, "")
        if not scope["path"].isprintable() or b"%00" in scope["query_string"]:
            # No address of ours has a control character, and PostgreSQL refuses the NUL with an error.
            return self._problem_page(404, "")
        kind = scope["path"].split("/")[1]
        limit = {"desk": _DESK, "r": _REDIRECTS}.get(kind) or (_FORMS if scope["method"] == "POST" else _PAGES)
        visitor = visitor_of(scope)
        if self._limiter.hit(limit, visitor):
            return None
        seconds = max(1, ceil(self._limiter.get_window_stats(limit, visitor).reset_time - time()))
        return self._problem_page(429, str(seconds))


def _longest_body(scope: Scope) -> int:
    if scope["path"].startswith("/desk/posts/"):
        return LONGEST_POST_BODY
    return LONGEST_DESK_BODY if scope["path"].startswith("/desk/") else LONGEST_BODY


#: What the server of the pages offers in the scope of a request: more time for a body that keeps arriving.
MORE_TIME = "campaign.more_time"


def allow_more_time(request: Request) -> None:
    """Lets the body of a request take as long as it keeps arriving; only for people who are signed in."""
    if extend := request.scope.get("extensions", {}).get(MORE_TIME):
        extend()


def _log_error(error: Exception) -> str:
    """Logs an error under a number: where it happened and its type, because its text may hold a token."""
    number = secrets.token_hex(4)
    places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-3:]]
    _log.error("Error %s of a page: %s at %s", number, type(error).__name__, " > ".join(places))
    return number


_pages = environment.overlay(loader=ChoiceLoader([PackageLoader("campaign.web"), PackageLoader("campaign.reporting")]))
_A_YEAR = "public, max-age=31536000, immutable"


@cache
def _sheets() -> dict[str, bytes]:
    folder = files("campaign.web") / "templates"
    wide = files("campaign.reporting") / "templates" / "wide.css"
    return {file.name: file.read_bytes() for file in [*folder.iterdir(), wide] if file.name.endswith(".css")}


def _style(name: str) -> str:
    """Returns the address of a style sheet, which changes with what is in it."""
    return f"/styles/{name}?{sha256(_sheets()[name]).hexdigest()[:12]}"


_pages.globals = environment.globals | {"style": _style}


def routes() -> list[Route]:
    """Returns the routes of the style sheets, and of the probes: is the process there, can it do its work."""
    return [Route("/styles/{name}", show_style_sheet), Route("/health", show_health), Route("/ready", show_readiness)]


async def show_health(_request: Request) -> Response:
    """Answers as long as the process runs."""
    return PlainTextResponse("ok")


def show_readiness(_request: Request) -> Response:
    """Answers 503 as long as the database cannot be used."""
    try:
        check_reachable()
        return PlainTextResponse("ready")
    except CampaignError:
        return PlainTextResponse("The database cannot be used; see `campaign doctor`.", 503)


async def show_style_sheet(request: Request) -> Response:
    """Sends a style sheet."""
    sheet = _sheets().get(request.path_params["name"])
    if sheet is None:
        raise HTTPException(404)
    return Response(sheet, media_type="text/css", headers={"Cache-Control": _A_YEAR})


def page(
    template: str,
    /,
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    posts_to: Sequence[str] = (),
    **facts: Any,
) -> HTMLResponse:
    """Renders a template, which extends `base.html.jinja`.

    `posts_to` are the origins besides ours at which its forms may end; a browser counts redirects too.
    """
    text = _pages.get_template(template).render(**facts)
    return HTMLResponse(text, status, {"Content-Security-Policy": policy(posts_to)} | dict(headers or {}))


def text_page(title: str, *sentences: str, status: int = 200, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """Renders a page of a title and a few sentences."""
    return page("notice.html.jinja", status, headers=headers, title=title, sentences=sentences)


def not_found() -> Response:
    """Renders the page for an address that does not exist."""
    return text_page("There is no such page", "Check the address: perhaps its end is missing.", status=404)


def problem_page(status: int, detail: str) -> Response:
    """Renders the page for a request that the guard stopped; `detail` is a number to quote, or seconds to wait."""
    match status:
        case HTTPStatus.NOT_FOUND:
            return not_found()
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            # The rest of the body is not waited for.
            headers = {"Connection": "close"}
            return text_page("That was too much", "This form takes only a few words.", status=status, headers=headers)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return text_page(
                "One moment, please",
                f"There were very many requests from your network. Try again in {detail} seconds.",
                status=status,
                headers={"Retry-After": detail},
            )
        case HTTPStatus.SERVICE_UNAVAILABLE:
            headers = {"Retry-After": "5"}
            return text_page(
                "One moment, please",
                "Very many people are here, or our database cannot be reached. Nothing was saved: try again.",
                status=status,
                headers=headers,
            )
    return text_page(
        "Something went wrong",
        "It is our fault, and nothing was saved. Try again in a minute.",
        f"If it happens again, write to us and quote the number {detail}.",
        status=status,
    )


async def refusal_page(_request: Request, error: Exception) -> Response:
    """Renders the page for an unknown address, or for a method that the address does not offer."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == HTTPStatus.NOT_FOUND:
        return not_found()
    return text_page(
        "That is not possible",
        "This page cannot be used like that. Go back to the page you came from.",
        status=status,
        headers=error.headers if isinstance(error, HTTPException) else None,
    )
