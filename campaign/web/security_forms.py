"""Forms that only come from our own pages, and cookies that only this installation can have made."""

import secrets
from typing import Any, Literal
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from campaign.settings import load_settings
from campaign.store.signatures import sign_for_a_while, signed_within

SameSite = Literal["lax", "strict"]
_VISIT, _FORM = "visit", "form"
_FORM_SECONDS = 2 * 3600
_MOST_FIELDS = 10


def is_https() -> bool:
    """Whether the world reaches these pages over HTTPS only."""
    return load_settings().public_url.startswith("https:")


def keep(
    response: Response, name: str, content: Any, seconds: int, *, purpose: str = "", same_site: SameSite = "lax"
) -> None:
    """Keep something in the browser that nobody can change, and no script can read.

    It is signed for the `purpose`, which is its name unless given. A browser that comes from another site brings what
    is `lax` along, as on the way back from X, and not what is `strict`.
    """
    _set_cookie(response, name, sign_for_a_while(purpose or name, content), seconds, same_site)


def kept(request: Request, name: str, seconds: int, *, purpose: str = "") -> Any | None:
    """What `keep` was given, unless that is longer ago than so many seconds."""
    return signed_within(purpose or name, request.cookies.get(_cookie(name), ""), seconds)


def forget(response: Response, name: str, *, same_site: SameSite = "lax") -> None:
    """Remove it from the browser."""
    _set_cookie(response, name, "", 0, same_site)


def visit_of(request: Request) -> str:
    """What tells this browser from others while a form is open."""
    return request.cookies.get(_cookie(_VISIT), "") or secrets.token_urlsafe(24)


def with_form(response: Response, visit: str) -> Response:
    """Bind the form of a page to the browser that gets it."""
    _set_cookie(response, _VISIT, visit, _FORM_SECONDS)
    return response


def form_token(visit: str) -> str:
    """What a form sends along, to show that it came from a page of ours in the same browser."""
    return sign_for_a_while(_FORM, visit)


async def read_form(request: Request) -> FormData | None:
    """The fields of a form of ours; None when another page sent it, or it is too old."""
    if not _is_from_here(request):
        return None
    form = await request.form(max_files=0, max_fields=_MOST_FIELDS)
    visit = request.cookies.get(_cookie(_VISIT), "")
    token = signed_within(_FORM, str(form.get("token", "")), _FORM_SECONDS)
    is_ours = bool(visit) and isinstance(token, str) and secrets.compare_digest(token.encode(), visit.encode())
    return form if is_ours else None


def _is_from_here(request: Request) -> bool:
    """What the browser itself says of the page that sent a form; old ones say nothing."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    public = urlsplit(load_settings().public_url)
    here = {request.headers.get("host", ""), public.netloc}
    return urlsplit(origin).netloc in here - {""}


def _set_cookie(response: Response, name: str, value: str, seconds: int, same_site: SameSite = "lax") -> None:
    response.set_cookie(
        _cookie(name), value, max_age=seconds, path="/", secure=is_https(), httponly=True, samesite=same_site
    )


def _cookie(name: str) -> str:
    # Browsers take the first kind from nobody else, not even from a neighbouring host name.
    return f"__Host-{name}" if is_https() else name
