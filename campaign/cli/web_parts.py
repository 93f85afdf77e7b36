"""The web application with all its areas. Needs Prefect's settings in place."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
from prefect.exceptions import PrefectHTTPStatusError
from starlette.types import ASGIApp

from campaign.errors import NotPossible
from campaign.web import joining_callback, redirect, reports
from campaign.web.app import make_app
from campaign.web.clicks import ClickRecorder
from campaign.web.joining_outside import Outside
from campaign.x.sign_in import AppKeys
from models import Service
from tasks.grants import hand_over
from tasks.services import saved_services
from tasks.twitter_service import app_keys_of


def make_whole_app() -> ASGIApp:
    """Make the application that `campaign web` serves."""
    recorder = ClickRecorder()
    joining = joining_callback.routes(Outside(_services, _app_keys, hand_over))
    return make_app([*redirect.routes(recorder), *joining, *reports.routes()], recorder.lifespan)


def _services() -> Sequence[Service]:
    with _said_plainly():
        return saved_services().services


def _app_keys(service: Service) -> AppKeys:
    if service.block_id is None:
        raise NotPossible(f"The service {service.internal_name} has been removed.")
    with _said_plainly():
        return app_keys_of(service.block_id)


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Turn what Prefect raises into one sentence, without what was asked."""
    try:
        yield
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        raise NotPossible(f"The Prefect server does not answer ({type(error).__name__}).") from None
