"""The pages of the desk as HTML: templates in the person's language, local times, the style sheet and htmx."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from babel import Locale
from babel.dates import get_day_names
from babel.numbers import format_decimal
from jinja2 import ChoiceLoader, Environment, PackageLoader
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from campaign.reporting.html import environment
from campaign.web.desk.wording import (
    N_,
    duration,
    gettext,
    languages,
    local_time,
    long_time,
    money,
    translations,
    with_local_times,
)
from campaign.web.pages import policy
from models import Delivery, DeliveryKind, DeliveryState, Role

_FOLDER = files("campaign.web.desk")
#: htmx and what it asks for come from us alone; it adds no style and evaluates no text.
_OWN = "; script-src 'self'; connect-src 'self'; media-src 'self'"
PICTURES = "https://pbs.twimg.com"
"""Where X keeps the pictures of accounts."""
_A_YEAR = "public, max-age=31536000, immutable"
_TYPES = {"css": "text/css", "js": "text/javascript"}


@cache
def _environment(language: str) -> Environment:
    loader = ChoiceLoader([PackageLoader("campaign.web.desk"), PackageLoader("campaign.reporting")])
    ours = environment.overlay(loader=loader)
    # An overlay shares these with all others, and the extension changes them.
    ours.globals, ours.filters = dict(environment.globals), dict(environment.filters)
    ours.add_extension("jinja2.ext.i18n")
    catalogue = translations(language)
    ours.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    ours.filters |= {
        "local": lambda moment, zone: local_time(moment, zone, language),
        "usd": lambda amount: money(amount, language),
        "state": lambda delivery: catalogue.gettext(label_of(delivery)),
        "translated": lambda text: gettext(language, text),
        "program": lambda text, zone: with_local_times(gettext(language, text), zone),
        "long_time": lambda moment: long_time(moment, language),
        "weekday": lambda number: get_day_names("wide", "stand-alone", Locale.parse(language))[number],
        "duration": lambda length: duration(length, language),
        "number": lambda number: format_decimal(number, locale=language),
    }
    ours.globals |= {
        "static": _address,
        "language": language,
        "languages": languages(),
        "language_name": lambda code: Locale.parse(code).get_display_name(code),
        "Role": Role,
        "DeliveryKind": DeliveryKind,
        "PICTURES": PICTURES,
    }
    return ours


LABELS: dict[DeliveryState, str] = {
    DeliveryState.BEING_EDITED: N_("Draft"),
    DeliveryState.ANALYSED: N_("Waits for approval"),
    DeliveryState.CONFIRMED: N_("Approved"),
    DeliveryState.IN_PROGRESS: N_("Going out"),
    DeliveryState.FINISHED: N_("Finished"),
    DeliveryState.PAUSED: N_("Paused"),
    DeliveryState.STOPPED: N_("Stopped"),
    DeliveryState.FAILED: N_("Failed"),
    DeliveryState.EXPIRED: N_("Expired"),
}
"""What the desk calls the states of a delivery."""


def label_of(delivery: Delivery) -> str:
    """Returns what the desk calls the state of a delivery: it waits for approval once a person has asked for that."""
    if delivery.state is DeliveryState.ANALYSED and delivery.asked_at is None:
        return N_("Ready for approval")
    return LABELS[delivery.state]


ROLES: dict[Role, str] = {
    Role.VIEWER: N_("viewer"),
    Role.WRITER: N_("writer"),
    Role.APPROVER: N_("approver"),
    Role.OPERATOR: N_("operator"),
}
"""What the desk calls the roles."""
FOREIGN_FORM = N_(
    "The form came from another page, or from a session that has ended. Open the page again and repeat it."
)
NO_TEXT = N_("A field holds a character that no text has. Type it again.")
UNKNOWN = N_("There is no such page, or it belongs to an account that you may not see.")
_FORBIDDEN = N_("This needs the role %(role)s; an operator can give it to you under Users.")


def page(
    template: str, language: str, status: int = 200, *, posts_to: Sequence[str] = (), **facts: Any
) -> HTMLResponse:
    """Renders a page, which extends `desk.html.jinja`; its forms may end at the origins `posts_to` too."""
    text = _environment(language).get_template(template).render(**facts)
    headers = {"Content-Security-Policy": policy(posts_to, shows_from=[PICTURES], more=_OWN), "Vary": "HX-Request"}
    return HTMLResponse(text, status, headers)


def forbidden(role: Role, language: str) -> str:
    """Returns the sentence for a person whose role is too low."""
    return gettext(language, _FORBIDDEN) % {"role": gettext(language, ROLES[role])}


@cache
def _static() -> dict[str, bytes]:
    ours = {file.name: file.read_bytes() for file in (_FOLDER / "static").iterdir()}
    templates = files("campaign.reporting") / "templates"
    ours["desk.css"] += (templates / "wide.css").read_bytes()
    # Inside another rule (CSS nesting) the style of previews counts only there: the page around it keeps its own.
    preview = (templates / "preview.css").read_text().replace(":root", "&")
    return ours | {"preview.css": f".preview {{\n{preview}}}\n".encode()}


def _address(name: str) -> str:
    """Returns the address of a file of the desk, which changes with what is in it."""
    return f"/desk/static/{name}?{sha256(_static()[name]).hexdigest()[:12]}"


async def _file(request: Request) -> Response:
    content = _static().get(name := request.path_params["name"])
    if content is None:
        raise HTTPException(404)
    return Response(content, media_type=_TYPES[name.rsplit(".", 1)[1]], headers={"Cache-Control": _A_YEAR})


def routes() -> Sequence[Route]:
    """Returns the route of the style sheet and of htmx, which everybody may read."""
    return [Route("/desk/static/{name}", _file)]
