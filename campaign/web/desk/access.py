"""Every page of the desk: who may open it, by session and role; and how it becomes HTML, by templates and htmx.

Forms are our own. Every page of the desk is declared by what is here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import pendulum
from babel import Locale
from babel.dates import get_day_names
from babel.numbers import format_decimal
from jinja2 import ChoiceLoader, Environment, PackageLoader
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from campaign.db.engine import read_session, transaction
from campaign.db.vault import sign, signed
from campaign.deliveries import store as deliveries
from campaign.errors import CampaignError, DatabaseLost, NotPossible, WrongUsage
from campaign.formatting import byte_order_mark, listed, whole_number
from campaign.reporting.html import environment
from campaign.services import store as services
from campaign.settings import load_settings
from campaign.users import store as users
from campaign.users.store import Person
from campaign.web.desk.runs import Runs
from campaign.web.desk.wording import (
    N_,
    choose_language,
    duration,
    gettext,
    languages,
    local_time,
    long_time,
    money,
    translations,
    with_local_times,
)
from campaign.web.pages import allow_more_time, delete_cookie, is_from_here, is_text, policy, read_cookie, save_cookie
from models import EVERY_SERVICE, Delivery, DeliveryKind, DeliveryState, Role, Service

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


async def show_static_file(request: Request) -> Response:
    """Sends a style sheet or htmx."""
    content = _static().get(name := request.path_params["name"])
    if content is None:
        raise HTTPException(404)
    return Response(content, media_type=_TYPES[name.rsplit(".", 1)[1]], headers={"Cache-Control": _A_YEAR})


def routes() -> Sequence[Route]:
    """Returns the route of the style sheet and of htmx, which everybody may read."""
    return [Route("/desk/static/{name}", show_static_file)]


HOME, SIGN_IN = "/desk", "/desk/sign-in"
_COOKIE, _NOTICE = "desk", "notice"
_SECONDS = int(users.SESSION_LENGTH.total_seconds())
_FORM = "desk form"
#: Fields of one form: a post of 25 parts with its files, and a text for each account.
_MOST_FIELDS = 2_000
#: Bytes of one field: a list of 100,000 handles, as it was pasted.
_LARGEST_FIELD = 4_000_000


@dataclass(frozen=True, slots=True)
class DeskRequest:
    """A request of a person who is signed in, whose role allows it."""

    request: Request
    person: Person
    runs: Runs
    token: str
    """Proves that a form came from a page of this session."""
    form: FormData
    service: Service | None = None
    """The service in the address, if there is one."""
    delivery: Delivery | None = None
    """The delivery in the address, if there is one."""

    @property
    def now(self) -> datetime:
        """Returns the time, aware."""
        return pendulum.now("UTC")

    @property
    def actor(self) -> str:
        """Returns the person as the audit names it."""
        return self.person.user.name

    @property
    def is_partial(self) -> bool:
        """Tests whether only a part of the page is asked for, which takes the place of the one shown."""
        return self.request.headers.get("hx-request") == "true"

    def text(self, name: str, default: str = "") -> str:
        """Returns a field of the form, else of the address, without the spaces around it."""
        found = self.form.get(name, self.request.query_params.get(name, default))
        return found.strip() if isinstance(found, str) else default

    def number(self, name: str) -> int | None:
        """Returns a field that is a whole number which a database can hold; None for anything else."""
        return whole_number(self.text(name))

    def services(self, role: Role = Role.VIEWER) -> list[Service]:
        """Returns the connected services for which the person has at least this role, by name."""
        with read_session() as session:
            return [one for one in services.list_connected(session) if self.person.may(role, one.id)]

    def require(self, role: Role, chosen: Sequence[Service]) -> None:
        """Raises NotAllowed unless the person has at least this role for each of the services of a form.

        Where the person may see none of them, it raises NotThere, as where there is no such thing.
        """
        if lacking := [one for one in chosen if not self.person.may(role, one.id)]:
            if not any(self.person.may(Role.VIEWER, one.id) for one in chosen):
                raise NotThere
            seen = [one.internal_name for one in lacking if self.person.may(Role.VIEWER, one.id)]
            raise NotAllowed(f"{forbidden(role, self.language)} {f'({listed(seen)})' if seen else ''}".strip())

    def require_everywhere(self, role: Role) -> None:
        """Raises NotAllowed unless the person has at least this role for all services."""
        if not self.person.may(role):
            raise NotAllowed(forbidden(role, self.language))

    def page(self, template: str, /, status: int = 200, **facts: Any) -> Response:
        """Renders a page of the desk in the person's language."""
        notice = read_cookie(self.request, _NOTICE, 60)
        response = page(
            template,
            self.language,
            status,
            me=self.person,
            token=self.token,
            notice=notice,
            path=self.request.url.path,
            **facts,
        )
        if notice:
            delete_cookie(response, _NOTICE)
        return response

    def part(self, template: str, /, status: int = 200, **facts: Any) -> Response:
        """Renders a part of a page, for htmx."""
        return page(template, self.language, status, me=self.person, token=self.token, **facts)

    def file(self, name: str, lines: Iterable[str]) -> Response:
        """Sends comma separated lines as a file, which begins with the mark by which spreadsheets know UTF-8."""
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(
            chain([byte_order_mark()], lines), media_type="text/csv; charset=utf-8", headers=headers
        )

    def redirect(self, path: str, notice: str = "") -> Response:
        """Sends the browser to another page of the desk, which shows the notice once."""
        response = RedirectResponse(path, 303)
        if notice:
            save_cookie(response, _NOTICE, notice, 60)
        return response

    @property
    def language(self) -> str:
        """Returns the language of the pages: the person's choice, else the browser's."""
        return _language(self.request, self.person)


class NotAllowed(NotPossible):
    """The person's role does not allow it."""


class NotThere(NotPossible):
    """There is no such thing, or only where the person may not see it."""

    def __init__(self) -> None:
        super().__init__(UNKNOWN)


Handler = Callable[[DeskRequest], Response]


def desk_route(path: str, handler: Handler, role: Role, *, method: str = "GET", everywhere: bool = False) -> Route:
    """Declares a page of the desk and the role that it needs.

    With `{service}` or `{delivery}` in the path, the role is needed for that service, or for all services of the
    delivery (to view it, for one of them); otherwise for any service, or for all of them (`everywhere`). The handler
    runs in a thread; a CampaignError that it raises becomes a page with its sentence.
    """
    endpoint = partial(_answer, handler=handler, role=role, everywhere=everywhere)
    endpoint.role, endpoint.everywhere = role, everywhere  # type: ignore[attr-defined]  # read by the test of all roles
    return Route(path, endpoint, methods=[method])


async def _answer(request: Request, *, handler: Handler, role: Role, everywhere: bool) -> Response:
    token = str(read_cookie(request, _COOKIE, _SECONDS) or "")
    person = await run_in_threadpool(_person_of, token)
    if person is None:
        to = request.url.path if request.method == "GET" else HOME
        if request.headers.get("hx-request") == "true":
            # htmx would put the page for signing in where a part belongs.
            # What is typed in a form stays where it is; the page says so.
            headers = {"HX-Redirect": f"{SIGN_IN}?to={HOME}"} if request.method == "GET" else {}
            return Response(status_code=401, headers=headers)
        return RedirectResponse(f"{SIGN_IN}?to={to}", 303)
    try:
        desk = await run_in_threadpool(_admit, request, person, token, role, everywhere=everywhere)
        if request.method != "POST":
            return await run_in_threadpool(handler, desk)
        return await _answer_form(desk, handler, token)
    except DatabaseLost:
        raise
    except CampaignError as error:
        statuses = {NotAllowed: 403, NotThere: 404, WrongUsage: 400}
        status = next((status for kind, status in statuses.items() if isinstance(error, kind)), 409)
        language = _language(request, person)
        if request.headers.get("hx-request") == "true":
            return page("problem_part.html.jinja", language, status, sentence=str(error))
        form = sign(_FORM, str(read_cookie(request, _COOKIE, _SECONDS) or ""))
        facts: dict[str, Any] = {"me": person, "token": form, "notice": None, "path": request.url.path}
        return page("problem.html.jinja", language, status, sentence=str(error), **facts)


async def _answer_form(desk: DeskRequest, handler: Handler, token: str) -> Response:
    """Reads a form, which may be long, only for a person who may send it."""
    request = desk.request
    if not is_from_here(request):
        raise NotAllowed(FOREIGN_FORM)
    allow_more_time(request)
    async with request.form(max_fields=_MOST_FIELDS, max_files=_MOST_FIELDS, max_part_size=_LARGEST_FIELD) as form:
        if signed(_FORM, str(form.get("token", request.headers.get("x-token", "")))) != token:
            raise NotAllowed(FOREIGN_FORM)
        if not is_text(form):
            raise WrongUsage(NO_TEXT)
        return await run_in_threadpool(handler, replace(desk, form=form))


def _admit(request: Request, person: Person, token: str, role: Role, *, everywhere: bool) -> DeskRequest:
    """Returns the request of a person whose role allows it, without its form; raises NotThere and NotAllowed."""
    service, delivery, concerned = _named_in(request)
    if concerned:
        if not any(person.may(Role.VIEWER, one) for one in concerned):
            raise NotThere
        may = role is Role.VIEWER or all(person.may(role, one) for one in concerned)
    else:
        may = person.may(role) if everywhere else person.may_somewhere(role)
    if not may:
        raise NotAllowed(forbidden(role, _language(request, person)))
    runs = request.app.state.runs
    return DeskRequest(request, person, runs, sign(_FORM, token), FormData(), service, delivery)


def _named_in(request: Request) -> tuple[Service | None, Delivery | None, Sequence[int]]:
    """Returns the service or the delivery in the address, and the services that it concerns; raises NotThere."""
    path = request.path_params
    with read_session() as session:
        if "service" in path:
            service = services.find(session, path["service"])
            if service is None:
                raise NotThere
            return service, None, [service.id]
        if "delivery" not in path:
            return None, None, []
        delivery = find_delivery(session, path["delivery"])
        # A draft without an account concerns all of them.
        return None, delivery, [one.id for one in deliveries.targets_of(session, delivery)] or [EVERY_SERVICE]


def find_delivery(session: Session, name: str) -> Delivery:
    """Finds a delivery; raises NotThere where there is none."""
    try:
        return deliveries.named(session, name)
    except WrongUsage:
        raise NotThere from None


def _person_of(token: str) -> Person | None:
    with read_session() as session:
        return users.person_of(session, token, pendulum.now("UTC"))


def _language(request: Request, person: Person) -> str:
    return choose_language(person.user.language, request.headers.get("accept-language", ""))


def own_address(request: Request, path: str) -> str:
    """Returns the address of a page of ours for other programs: the public one, or that by which it was asked for."""
    return (load_settings().public_url or str(request.base_url).rstrip("/")) + path


def begin(session_token: str, to: str) -> Response:
    """Signs this browser in, and opens the page that was asked for."""
    response = RedirectResponse(own_page(to), 303)
    save_cookie(response, _COOKIE, session_token, _SECONDS)
    return response


def end(request: Request) -> Response:
    """Signs this browser out; another site cannot do so."""
    response = RedirectResponse(SIGN_IN, 303)
    if is_from_here(request):
        token = str(read_cookie(request, _COOKIE, _SECONDS) or "")
        with transaction() as session:
            users.end_session(session, token)
        delete_cookie(response, _COOKIE)
    return response


def own_page(to: str) -> str:
    """Returns the path of a page of the desk, wherever it came from; else that of the first page."""
    parts = urlsplit(to)
    is_ours = to == HOME or (to.startswith(f"{HOME}/") and not parts.netloc and "\\" not in to and to.isprintable())
    return to if is_ours and "//" not in parts.path else HOME
