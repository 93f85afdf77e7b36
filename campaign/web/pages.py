"""How a page for the public is answered: its template, its style sheets, its errors."""

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, PackageLoader
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from campaign.reporting.html import environment
from campaign.web.security import policy

_pages = environment.overlay(loader=ChoiceLoader([PackageLoader("campaign.web"), PackageLoader("campaign.reporting")]))
_A_YEAR = "public, max-age=31536000, immutable"


def page(
    template: str,
    /,
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    posts_to: Sequence[str] = (),
    **facts: Any,
) -> HTMLResponse:
    """Answer a template, which extends `base.html.jinja`.

    `posts_to` are the origins besides ours at which its forms may end; a browser counts redirects too.
    """
    text = _pages.get_template(template).render(**facts)
    return HTMLResponse(text, status, {"Content-Security-Policy": policy(posts_to)} | dict(headers or {}))


def text_page(title: str, *sentences: str, status: int = 200, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """Answer a page that says something in a few sentences and asks nothing."""
    return page("told.html.jinja", status, headers=headers, title=title, sentences=sentences)


def routes() -> list[Route]:
    """Where the style sheets are; their addresses change with what is in them."""
    return [Route("/styles/{name}", _style_sheet)]


async def _style_sheet(request: Request) -> Response:
    sheet = _sheet(request.path_params["name"])
    if sheet is None:
        raise HTTPException(404)
    return Response(sheet, media_type="text/css", headers={"Cache-Control": _A_YEAR})


@cache
def _sheets() -> dict[str, bytes]:
    folder = files("campaign.web") / "templates"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".css")}


def _sheet(name: str) -> bytes | None:
    return _sheets().get(name)


def _style(name: str) -> str:
    return f"/styles/{name}?{sha256(_sheets()[name]).hexdigest()[:12]}"


_pages.globals = environment.globals | {"style": _style}


def trouble(status: int, told_with: str) -> Response:
    """The page for a request that did not even reach its area."""
    match status:
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return text_page(
                "That was too much", "This form takes no more than a few words.", status=status, headers=_CLOSE
            )
        case HTTPStatus.TOO_MANY_REQUESTS:
            return text_page(
                "One moment, please",
                f"There were very many requests from your network. Try again in {told_with} seconds.",
                status=status,
                headers={"Retry-After": told_with},
            )
    return text_page(
        "Something went wrong",
        "It is our fault, and nothing of yours was kept. Try again in a minute.",
        f"If it happens again, write to us and quote the number {told_with}.",
        status=status,
    )


#: The rest of the body is not waited for.
_CLOSE = {"Connection": "close"}


async def on_refusal(_request: Request, error: Exception) -> Response:
    """The page for an address that is none, or not for what was asked."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    if status == HTTPStatus.NOT_FOUND:
        return text_page(
            "There is no such page", "Look at the address again: perhaps its end is missing.", status=status
        )
    return text_page(
        "That is not possible",
        "This page cannot be used like that. Go back to where you came from.",
        status=status,
        headers=headers,
    )
