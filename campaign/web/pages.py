"""Answers of the pages for the public: templates, style sheets, errors."""

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, PackageLoader
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from campaign.db.engine import check_reachable
from campaign.errors import CampaignError
from campaign.reporting.html import environment
from campaign.web.security import policy

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
    return [Route("/styles/{name}", _style_sheet), Route("/health", _is_there), Route("/ready", _is_ready)]


async def _is_there(_request: Request) -> Response:
    return PlainTextResponse("ok")


def _is_ready(_request: Request) -> Response:
    try:
        check_reachable()
        return PlainTextResponse("ready")
    except CampaignError:
        return PlainTextResponse("The database cannot be used; see `campaign doctor`.", 503)


async def _style_sheet(request: Request) -> Response:
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
