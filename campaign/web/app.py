"""The web application: what the world sees, and the reports for the marketer."""

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from campaign.settings import load_settings
from campaign.web import pages
from campaign.web.pages import on_refusal, trouble
from campaign.web.security import Guard


def make_app(routes: Sequence[BaseRoute] = (), lifespan: Any = None) -> ASGIApp:
    """Make the application of these areas' routes; `lifespan` begins and ends what they need."""
    every = [*pages.routes(), *routes]
    guard = Middleware(Guard, trouble, is_https=load_settings().public_url.startswith("https:"))
    handlers = {HTTPException: on_refusal}
    app = Starlette(routes=every, middleware=[guard], exception_handlers=handlers, lifespan=lifespan)
    app.router.redirect_slashes = False
    return app
