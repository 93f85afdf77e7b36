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
#: After so long a token is looked up again: its person may have been erased.
_FRESH_SECONDS = 300
#: Programs that find links in a text may take a comma or a word after one for its end.
_TOKEN = re.compile(rf"([A-Za-z0-9]{{{TOKEN_LENGTH}}})(?![A-Za-z0-9])")
_HEADERS = {
    "Cache-Control": "no-store",
    # The site that is linked to does not learn which message was read.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
_PREFETCH = ("sec-purpose", "purpose", "x-purpose", "x-moz")


def routes(recorder: ClickRecorder) -> list[Route]:
    """Returns the route of the short links; the recorder has to run, see its `lifespan`."""
    return [Route("/r/{token:path}", Redirects(recorder).answer, methods=["GET"])]


class Redirects:
    """Answers short links, those that were requested lately from memory."""

    def __init__(self, recorder: ClickRecorder) -> None:
        self._recorder = recorder
        self._known: OrderedDict[str, tuple[Target, float]] = OrderedDict()

    async def answer(self, request: Request) -> Response:
        """Redirects a visitor to the address of a valid token, and counts the click."""
        found = _TOKEN.match(request.path_params["token"])
        try:
            target = await self._target(found[1]) if found else None
        except NotPossible:
            return text_page(
                "One moment, please",
                "This link cannot be looked up just now. Try again in a minute.",
                status=503,
                headers={**_HEADERS, "Retry-After": "60"},
            )
        now = datetime.now(UTC)
        if target is None:
            return text_page(
                "This link leads nowhere",
                "Perhaps a part of it was left out when it was copied. Open it again from its message or post.",
                status=404,
                headers=_HEADERS,
            )
        if target.expires_at <= now:
            return text_page(
                "This link has ended",
                "It led to an offer or a piece of news of more than a year ago. Its account has newer ones.",
                status=410,
                headers=_HEADERS,
            )
        # A request for the headers alone, or a browser that fetches ahead of a click.
        ahead = (request.headers.get(name, "") for name in _PREFETCH)
        is_automatic = request.method == "HEAD" or any("pre" in value.lower() for value in ahead)
        user_agent = request.headers.get("user-agent", "")[:LONGEST_READ]
        self._recorder.note(Visit(target.link_id, target.message_id, now, user_agent, is_automatic))
        return RedirectResponse(destination_of(target.url), 302, _HEADERS)

    async def _target(self, token: str) -> Target | None:
        """Finds where a token leads; a known one also while the database is away, else that raises NotPossible."""

        def look_up() -> Target | None:
            with read_session() as session:
                return links.target_of(session, token)

        known, until = self._known.get(token, (None, 0.0))
        if known and until > time.monotonic():
            self._known.move_to_end(token)
            return known
        try:
            found = await run_in_threadpool(look_up)
        except NotPossible:
            if known:
                return known
            raise
        # Unknown tokens are not remembered, so that forged ones cannot fill the memory.
        self._known.pop(token, None)
        if found:
            self._known[token] = found, time.monotonic() + _FRESH_SECONDS
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return found
