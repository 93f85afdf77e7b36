"""The web application: the pages for the public, and the reports for the marketer."""

from collections.abc import Callable, Sequence
from typing import Any

from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from campaign.errors import CampaignError
from campaign.settings import load_settings
from campaign.statistics.clicks import ClickRecorder
from campaign.web import join, leave, pages, redirect, reports, sign_in
from campaign.web.desk import site
from campaign.web.desk.runs import NoRuns, Runs
from campaign.web.security import Guard
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
