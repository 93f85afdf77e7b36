"""How a page for the public is answered: its template, its style sheets, and what browsers may do with it."""

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from campaign.web.preview import pages
from campaign.web.security import policy

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
    text = pages.get_template(template).render(**facts)
    return HTMLResponse(text, status, {"Content-Security-Policy": policy(posts_to)} | dict(headers or {}))


def told(title: str, *sentences: str, status: int = 200, headers: Mapping[str, str] | None = None) -> HTMLResponse:
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


pages.globals["style"] = _style
