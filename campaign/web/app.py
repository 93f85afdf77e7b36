"""The web application: what the world sees, and the reports for the marketer."""

from collections.abc import Callable, Sequence
from typing import Any

import pendulum
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from campaign.contacts.recovery import keep_grant
from campaign.db.engine import transaction
from campaign.services.connection import app_keys_of
from campaign.services.store import connected_services
from campaign.settings import load_settings
from campaign.statistics.clicks import ClickRecorder
from campaign.web import callback, pages, redirect, reports
from campaign.web.pages import on_refusal, trouble
from campaign.web.security import Guard
from campaign.web.sign_in import Outside
from campaign.x.oauth import Grant
from models import Agreement


def make_app(routes: Sequence[BaseRoute] = (), lifespan: Any = None) -> ASGIApp:
    """Make the application of these areas' routes; `lifespan` begins and ends what they need."""
    every = [*pages.routes(), *routes]
    guard = Middleware(Guard, trouble, is_https=load_settings().public_url.startswith("https:"))
    handlers = {HTTPException: on_refusal}
    app = Starlette(routes=every, middleware=[guard], exception_handlers=handlers, lifespan=lifespan)
    app.router.redirect_slashes = False
    return app


def make_site(announce: Callable[[Agreement], None]) -> ASGIApp:
    """Makes what `campaign web` serves; `announce` starts the workflow that recovers a profile."""

    def keep(agreement: Agreement, grant: Grant) -> None:
        with transaction() as session:
            keep_grant(session, agreement, grant, pendulum.now("UTC"))
        announce(agreement)

    recorder = ClickRecorder()
    joining = callback.routes(Outside(lambda: connected_services().services, app_keys_of, keep))
    return make_app([*redirect.routes(recorder), *joining, *reports.routes()], recorder.lifespan)
