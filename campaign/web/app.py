"""The web application: the pages for the public, and the reports for the marketer; and serving them.

A request must be complete in time, so that half-sent ones do not keep others out.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from typing import Any, cast

import uvicorn
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp
from uvicorn.config import LOGGING_CONFIG
from uvicorn.protocols.http.h11_impl import H11Protocol

from campaign.errors import CampaignError, WrongUsage
from campaign.logs import server_logging
from campaign.settings import load_settings
from campaign.statistics.clicks import ClickRecorder
from campaign.web import join, leave, pages, redirect, reports, sign_in
from campaign.web.desk import site
from campaign.web.desk.runs import NoRuns, Runs
from campaign.web.pages import MORE_TIME, Guard
from models import Agreement


def make_app(routes: Sequence[BaseRoute] = (), lifespan: Any = None, runs: Runs | None = None) -> Starlette:
    """Makes the application of these routes; `lifespan` begins and ends what they need, `runs` starts workflows."""
    guard = Middleware(Guard, pages.problem_page, is_https=load_settings().public_url.startswith("https:"))
    handlers = {HTTPException: pages.refusal_page}
    every = [*pages.routes(), *routes]
    app = Starlette(routes=every, middleware=[guard], exception_handlers=handlers, lifespan=lifespan)
    app.router.redirect_slashes = False
    # Counts what a visitor may not do often, in the memory of this process.
    app.state.limiter = MovingWindowRateLimiter(MemoryStorage())
    # The sessions of the reports: a copy of the cookie of one that ended opens nothing.
    app.state.report_sessions = set[str]()
    app.state.runs = runs or NoRuns()
    return app


def make_site(announce: Callable[[Agreement], None], runs: Runs | None = None) -> Starlette:
    """Makes what `campaign web` serves.

    `announce` starts the workflow that recovers a profile, `runs` those that the desk starts.
    """

    async def come_back(request: Request) -> Response:
        return await sign_in.call_x(_finish, request, announce)

    recorder = ClickRecorder()
    # Before the other pages of /join, whose addresses it would match.
    back = Route(sign_in.CALLBACK, come_back, methods=["GET"])
    routes = [back, *join.routes(), *leave.routes(), *redirect.routes(recorder), *reports.routes()]
    return make_app([*routes, *site.routes()], recorder.lifespan, runs)


def _finish(request: Request, announce: Callable[[Agreement], None]) -> Response:
    """Finishes the sign-in of a person whom X sent back; whatever the outcome, it is over then."""
    remembered = sign_in.read_remembered(request)
    if remembered is None:
        return join.thank_again(request) or sign_in.over()
    try:
        signed_in = sign_in.complete(remembered, dict(request.query_params))
        try:
            if remembered.purpose == sign_in.LEAVE:
                response = leave.finish(remembered, signed_in)
            else:
                response = join.finish(request, remembered, signed_in, announce)
        except Exception:
            signed_in.revoke()
            raise
    except CampaignError as error:
        other_way = [leave.by_message(remembered.service)] if remembered.purpose == sign_in.LEAVE else []
        response = sign_in.failed(error, *other_way)
    return sign_in.end(response)


#: The longest time for the header and body of one request; a phone on a slow line needs two.
REQUEST_SECONDS = 10
#: The longest pause in the body of a request that may take more time, as the upload of a video does.
PAUSE_SECONDS = 30
_KEEP_ALIVE_SECONDS = 5
_END_SECONDS = 3


class TimedProtocol(H11Protocol):
    """Closes a connection whose request is not complete within `REQUEST_SECONDS`.

    The application can allow more time (security.MORE_TIME): then each piece of the body has `PAUSE_SECONDS`.
    """

    _deadline: asyncio.TimerHandle | None = None
    _has_more_time = False

    def connection_made(self, transport: Any) -> None:
        """Starts the time with the connection."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Starts the time with the first byte of a further request, and stops it with the last."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the time."""
        super().connection_lost(exc)
        self._stop()

    def _watch(self) -> None:
        # uvicorn makes a cycle when it has the whole header, and the application begins after this method.
        has_header = self.cycle is not None and not self.cycle.response_complete
        if has_header and not self.cycle.more_body:
            self._stop()
            self._has_more_time = False
            return
        if has_header:
            scope = cast("dict[str, Any]", self.scope)
            scope["extensions"] = {MORE_TIME: self._allow_more_time}
        if self._has_more_time:
            self._stop()
        if self._deadline is None:
            seconds = PAUSE_SECONDS if self._has_more_time else REQUEST_SECONDS
            self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _allow_more_time(self) -> None:
        self._has_more_time = True
        self._watch()

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def trusted_proxies() -> str:
    """Returns the addresses whose X-Forwarded-For counts; raises WrongUsage where everybody's would."""
    addresses = os.environ.get("FORWARDED_ALLOW_IPS") or "127.0.0.1"
    advice = "Name the address of your proxy, or its network, such as 172.16.0.0/12."
    try:
        networks = [ip_network("::/0" if one.strip() == "*" else one.strip()) for one in addresses.split(",")]
    except ValueError as error:  # uvicorn would take it for a name, and trust no proxy
        raise WrongUsage(f"Invalid FORWARDED_ALLOW_IPS ({error}). {advice}") from None
    if any(one.prefixlen == 0 for one in networks):
        raise WrongUsage(
            f"FORWARDED_ALLOW_IPS is {addresses}: every visitor could name an address as its own. {advice}"
        )
    return addresses


def web_server(site: ASGIApp, host: str, port: int) -> uvicorn.Server:
    """Makes the server of the pages, which does not run yet; raises WrongUsage."""
    # There is no access log: addresses of pages hold secrets of their visitors.
    config = uvicorn.Config(
        site,
        host=host,
        port=port,
        http=TimedProtocol,
        access_log=False,
        log_config=server_logging(load_settings().log_format) or LOGGING_CONFIG,
        log_level="warning",
        server_header=False,
        forwarded_allow_ips=trusted_proxies(),
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_END_SECONDS,
    )
    return uvicorn.Server(config)
