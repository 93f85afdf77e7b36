"""Forms that only come from our own pages, signed cookies, and limits on requests."""

import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from time import time
from typing import Any, Literal
from urllib.parse import urlsplit

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import FormData, Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaign.db.signing import sign_for_a_while, signed_within
from campaign.settings import load_settings

SameSite = Literal["lax", "strict"]
_VISIT, _FORM = "visit", "form"
_FORM_SECONDS = 2 * 3600
_MOST_FIELDS = 10


def is_https() -> bool:
    """Whether the world reaches these pages over HTTPS only."""
    return load_settings().public_url.startswith("https:")


def keep(
    response: Response, name: str, content: Any, seconds: int, *, purpose: str = "", same_site: SameSite = "lax"
) -> None:
    """Keep something in the browser that nobody can change, and no script can read.

    It is signed for the `purpose`, which is its name unless given. A browser that comes from another site brings what
    is `lax` along, as on the way back from X, and not what is `strict`.
    """
    _set_cookie(response, name, sign_for_a_while(purpose or name, content), seconds, same_site)


def kept(request: Request, name: str, seconds: int, *, purpose: str = "") -> Any | None:
    """What `keep` was given, unless that is longer ago than so many seconds."""
    return signed_within(purpose or name, request.cookies.get(_cookie(name), ""), seconds)


def forget(response: Response, name: str, *, same_site: SameSite = "lax") -> None:
    """Remove it from the browser."""
    _set_cookie(response, name, "", 0, same_site)


def visit_of(request: Request) -> str:
    """What tells this browser from others while a form is open."""
    return request.cookies.get(_cookie(_VISIT), "") or secrets.token_urlsafe(24)


def with_form(response: Response, visit: str) -> Response:
    """Bind the form of a page to the browser that gets it."""
    _set_cookie(response, _VISIT, visit, _FORM_SECONDS)
    return response


def form_token(visit: str) -> str:
    """What a form sends along, to show that it came from a page of ours in the same browser."""
    return sign_for_a_while(_FORM, visit)


async def read_form(request: Request) -> FormData | None:
    """The fields of a form of ours; None when another page sent it, or it is too old."""
    if not _is_from_here(request):
        return None
    form = await request.form(max_files=0, max_fields=_MOST_FIELDS)
    visit = request.cookies.get(_cookie(_VISIT), "")
    token = signed_within(_FORM, str(form.get("token", "")), _FORM_SECONDS)
    is_ours = bool(visit) and isinstance(token, str) and secrets.compare_digest(token.encode(), visit.encode())
    return form if is_ours else None


def _is_from_here(request: Request) -> bool:
    """What the browser itself says of the page that sent a form; old ones say nothing."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    public = urlsplit(load_settings().public_url)
    here = {request.headers.get("host", ""), public.netloc}
    return urlsplit(origin).netloc in here - {""}


def _set_cookie(response: Response, name: str, value: str, seconds: int, same_site: SameSite = "lax") -> None:
    response.set_cookie(
        _cookie(name), value, max_age=seconds, path="/", secure=is_https(), httponly=True, samesite=same_site
    )


def _cookie(name: str) -> str:
    # Browsers take the first kind from nobody else, not even from a neighbouring host name.
    return f"__Host-{name}" if is_https() else name


#: Many people may share one address, as in an office: generous to them, and far below what one computer can do.
_PAGES = RateLimitItemPerMinute(300, namespace="pages")
_FORMS = RateLimitItemPerMinute(30, namespace="forms")
_REDIRECTS = RateLimitItemPerMinute(1_200, namespace="redirects")
#: Who has a network of IPv6 has more addresses in it than anybody can count.
_IPV6_NETWORK = 64


class VisitorLimits:
    """Counts the requests of each visitor, in the memory of this process and for a minute."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def seconds_to_wait(self, scope: Scope) -> int:
        """Count a request; 0 when it may go on, else how long its visitor has to wait."""
        limit, visitor = _limit_of(scope), visitor_of(scope)
        if self._limiter.hit(limit, visitor):
            return 0
        return max(1, ceil(self._limiter.get_window_stats(limit, visitor).reset_time - time()))


def _limit_of(scope: Scope) -> RateLimitItemPerMinute:
    if scope["method"] == "POST":
        return _FORMS
    return _REDIRECTS if scope["path"].startswith("/r/") else _PAGES


def visitor_of(scope: Scope) -> str:
    """Whom a request is counted for: an address, or a network of IPv6."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(ip_network((address, _IPV6_NETWORK), strict=False)) if isinstance(address, IPv6Address) else host


#: No form of ours is longer.
LONGEST_BODY = 16 * 1024
_HSTS = "max-age=31536000"
_log = logging.getLogger(__name__)

Trouble = Callable[[int, str], Response]
"""Makes the page for a status; the text is the number to quote, or the seconds to wait."""


def policy(posts_to: Sequence[str] = ()) -> str:
    """The Content-Security-Policy of a page: no scripts, nothing from elsewhere, and forms that end with us.

    `posts_to` are more origins at which forms may end.
    """
    places = " ".join(["'self'", *posts_to])
    return (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none';"
        f" form-action {places}"
    )


class Guard:
    """Stands before the application: nothing reaches it that is too long or too often, nothing leaves it unguarded."""

    def __init__(self, app: ASGIApp, trouble: Trouble, *, is_https: bool) -> None:
        self._app = app
        self._trouble = trouble
        self._limits = VisitorLimits()
        self._headers = _headers(is_https=is_https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._headers)
        if refusal := self._refusal(scope):
            await refusal(scope, receive, answer.send)
            return
        try:
            await self._app(scope, _measured(receive), answer.send)
        except _TooLong:
            await self._fail(answer, self._trouble(413, ""), scope, receive)
        except Exception as error:  # noqa: BLE001  whatever happens, a visitor gets a page and nobody's secret is told
            await self._fail(answer, self._trouble(500, _noted(error)), scope, receive)

    def _refusal(self, scope: Scope) -> Response | None:
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > LONGEST_BODY:
            return self._trouble(413, "")
        if wait := self._limits.seconds_to_wait(scope):
            return self._trouble(429, str(wait))
        return None

    @staticmethod
    async def _fail(answer: "_Answer", response: Response, scope: Scope, receive: Receive) -> None:
        if not answer.has_begun:
            await response(scope, receive, answer.send)


class _TooLong(Exception):
    """The body of a request has more bytes than any form of ours."""


class _Answer:
    """Sends an answer with the headers of all answers; one that has its own keeps it."""

    def __init__(self, send: Send, headers: dict[str, str]) -> None:
        self._send = send
        self._headers = headers
        self.has_begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
        await self._send(message)


def _measured(receive: Receive) -> Callable[[], Awaitable[Message]]:
    taken = 0

    async def measured() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LONGEST_BODY:
            raise _TooLong
        return message

    return measured


def _headers(*, is_https: bool) -> dict[str, str]:
    headers = {
        "Content-Security-Policy": policy(),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        # Not `no-referrer`: with it browsers keep from us, too, which page a form came from.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }
    return headers | ({"Strict-Transport-Security": _HSTS} if is_https else {})


def _noted(error: Exception) -> str:
    """Log an error under a number: where it happened and what kind it is, for its text may hold a token."""
    number = secrets.token_hex(4)
    places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-3:]]
    _log.error("Error %s of a page: %s at %s", number, type(error).__name__, " > ".join(places))
    return number
