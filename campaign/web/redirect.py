"""The short links: each leads to its stored address and nowhere else, and its click is counted."""

import re
import time
from collections import OrderedDict
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from campaign.db.engine import read_session
from campaign.deliveries import links
from campaign.deliveries.links import TOKEN_LENGTH, Target, destination_of
from campaign.errors import NotPossible
from campaign.statistics.clicks import LONGEST_READ, ClickRecorder, Visit
from campaign.web.pages import text_page

MOST_REMEMBERED = 10_000
"""Tokens whose address is kept in memory, some megabytes of them."""
#: After so long a token is looked up again: its person may have asked to be forgotten.
_FRESH_SECONDS = 300
#: What makes a link of a text may take a comma or a word after it for its end.
_TOKEN = re.compile(rf"([A-Za-z0-9]{{{TOKEN_LENGTH}}})(?![A-Za-z0-9])")
_HEADERS = {
    "Cache-Control": "no-store",
    # Whoever is linked to learns of nobody which message it was that was read.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
_PREFETCH = ("sec-purpose", "purpose", "x-purpose", "x-moz")


def routes(recorder: ClickRecorder) -> list[Route]:
    """Where the short links are; the recorder has to run, see its `lifespan`."""
    return [Route("/r/{token:path}", Redirects(recorder).answer, methods=["GET"])]


class Redirects:
    """Answers short links, those that were asked for lately from memory."""

    def __init__(self, recorder: ClickRecorder) -> None:
        self._recorder = recorder
        self._known: OrderedDict[str, tuple[Target, float]] = OrderedDict()

    async def answer(self, request: Request) -> Response:
        """Send whoever comes with a token that holds to its address."""
        found = _TOKEN.match(request.path_params["token"])
        try:
            target = await self._target(found[1]) if found else None
        except NotPossible:
            return _away()
        now = datetime.now(UTC)
        if target is None:
            return _unknown()
        if target.expires_at <= now:
            return _expired()
        said = request.headers.get("user-agent", "")[:LONGEST_READ]
        self._recorder.note(Visit(target.link_id, target.message_id, now, said, _is_automatic(request)))
        return RedirectResponse(destination_of(target.url), 302, _HEADERS)

    async def _target(self, token: str) -> Target | None:
        """Where a token leads; one that is known also while the database is away, for which NotPossible is raised."""
        known, until = self._known.get(token, (None, 0.0))
        if known and until > time.monotonic():
            self._known.move_to_end(token)
            return known
        try:
            found = await run_in_threadpool(_look_up, token)
        except NotPossible:
            if known:
                return known
            raise
        return self._remember(token, found)

    def _remember(self, token: str, found: Target | None) -> Target | None:
        # What is unknown is not remembered: nobody fills the memory with tokens that are none.
        self._known.pop(token, None)
        if found:
            self._known[token] = found, time.monotonic() + _FRESH_SECONDS
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return found


def _look_up(token: str) -> Target | None:
    with read_session() as session:
        return links.target_of(session, token)


def _is_automatic(request: Request) -> bool:
    """A look at the headers alone, or a browser that fetches what might be wanted next."""
    ahead = (request.headers.get(name, "") for name in _PREFETCH)
    return request.method == "HEAD" or any("pre" in value.lower() for value in ahead)


def _unknown() -> Response:
    return text_page(
        "This link leads nowhere",
        "Perhaps a part of it was left out when it was copied. Open it again from the message or post it was in.",
        status=404,
        headers=_HEADERS,
    )


def _expired() -> Response:
    return text_page(
        "This link has ended",
        "What it led to was an offer or a piece of news of more than a year ago. Look at the account that sent it for"
        " what is new.",
        status=410,
        headers=_HEADERS,
    )


def _away() -> Response:
    return text_page(
        "One moment, please",
        "This link cannot be looked up just now. Try again in a minute.",
        status=503,
        headers={**_HEADERS, "Retry-After": "60"},
    )
