"""What every answer goes through: limits for visitors and bodies, headers for browsers, and errors without details."""

import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaign.web.security_limits import VisitorLimits

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
