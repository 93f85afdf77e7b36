"""The reports as pages, behind a key."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import pendulum
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from campaign.db.engine import reading
from campaign.deliveries import store as deliveries
from campaign.errors import WrongUsage
from campaign.reporting.csv_file import as_csv
from campaign.reporting.document import Document
from campaign.reporting.html import table
from campaign.services import store as services
from campaign.settings import load_settings
from campaign.statistics import numbers as engagement_deliveries
from campaign.statistics import reports
from campaign.statistics.numbers import TARIFF
from campaign.web.pages import page, told
from campaign.web.security import forget, form_token, keep, kept, read_form, visit_of, visitor_of, with_form

LOGIN, LOGOUT, HOME = "/reports/login", "/reports/logout", "/reports"
_SESSION_SECONDS = 12 * 3600
#: Wrong keys of one visitor: enough for a person who mistypes, and centuries for a machine that guesses.
_WRONG_KEYS = RateLimitItemPerMinute(10, 15, namespace="reports")
_COOKIE, _INSIDE = "reports", "inside"


class Login:
    """The page that asks for the key, and what remembers that it was given."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def routes(self) -> list[Route]:
        """Where the pages are."""
        return [
            Route(LOGIN, self.ask, methods=["GET"]),
            Route(LOGIN, self.enter, methods=["POST"]),
            Route(LOGOUT, self.leave, methods=["POST"]),
        ]

    @staticmethod
    async def ask(request: Request) -> Response:
        """Ask for the key."""
        return _form(request, request.query_params.get("to", "")) if _key() else closed()

    async def enter(self, request: Request) -> Response:
        """Let in whoever gives the key."""
        form, key = await read_form(request), _key()
        if not key:
            return closed()
        if form is None:
            return _form(request, "", "The form was open for too long, or came from another page. Try again.", 403)
        to, visitor = str(form.get("to", "")), visitor_of(request.scope)
        if not self._limiter.test(_WRONG_KEYS, visitor):
            return _form(request, to, "There were too many wrong keys. Try again in a quarter of an hour.", 429)
        if not hmac.compare_digest(str(form.get("key", "")).encode(), key.encode()):
            self._limiter.hit(_WRONG_KEYS, visitor)
            return _form(request, to, "That is not the key.", 403)
        response = RedirectResponse(_own_page(to), 303)
        keep(response, _COOKIE, _INSIDE, _SESSION_SECONDS, purpose=_purpose(key), same_site="strict")
        return response

    @staticmethod
    async def leave(request: Request) -> Response:
        """Forget this browser."""
        if await read_form(request) is None:
            return RedirectResponse(HOME, 303)
        response = RedirectResponse(LOGIN, 303)
        forget(response, _COOKIE, same_site="strict")
        return response


def refusal(request: Request) -> Response | None:
    """What whoever is not inside gets instead of a report; None for all others."""
    key = _key()
    if not key:
        return closed()
    if kept(request, _COOKIE, _SESSION_SECONDS, purpose=_purpose(key)) == _INSIDE:
        return None
    return RedirectResponse(f"{LOGIN}?to={request.url.path}", 303)


def closed() -> Response:
    """The page that says what to set."""
    return told(
        "The reports are closed",
        "Set CAMPAIGN_REPORTS_KEY to a long secret, start campaign web again, and open this page with it.",
        "In a terminal, campaign report shows the same.",
        status=503,
    )


def _form(request: Request, to: str, problem: str = "", status: int = 200) -> Response:
    visit = visit_of(request)
    facts: dict[str, Any] = {"token": form_token(visit), "to": _own_page(to), "problem": problem}
    return with_form(page("report_login.html.jinja", status, **facts), visit)


def _own_page(to: str) -> str:
    """Only a report is gone to, wherever the address of the login came from."""
    is_ours = to.startswith(f"{HOME}/") and to.isascii() and "//" not in to and "\\" not in to and to.isprintable()
    return to if is_ours else HOME


def _key() -> str:
    return load_settings().reports_key.get_secret_value()


def _purpose(key: str) -> str:
    """With another key, everybody is asked again."""
    return f"reports {key}"


_Read = Callable[[str], Document | None]
_Endpoint = Callable[[Request], Awaitable[Response]]


def routes() -> list[Route]:
    """Where the pages are; all but the login are only for those who gave the key."""
    places: list[tuple[str, _Read]] = [
        ("/reports", _everything),
        ("/reports/delivery/{name}", _delivery),
        ("/reports/service/{name}", _service),
    ]
    found = Login().routes()
    for place, read in places:
        found += [Route(f"{place}.csv", _file(read)), Route(place, _page(read))]
    return found


def _page(read: _Read) -> _Endpoint:
    async def answer(request: Request) -> Response:
        if outside := refusal(request):
            return outside
        name = request.path_params.get("name", "")
        visit = visit_of(request)
        facts = await run_in_threadpool(_facts, read, name)
        if facts is None:
            return _unknown()
        return with_form(page("report.html.jinja", token=form_token(visit), path=request.url.path, **facts), visit)

    return answer


def _file(read: _Read) -> _Endpoint:
    async def answer(request: Request) -> Response:
        if outside := refusal(request):
            return outside
        name = request.path_params.get("name", "")
        report = await run_in_threadpool(read, name)
        if report is None:
            return _unknown()
        # With a mark at its beginning, for spreadsheets would else take it for no UTF-8.
        headers = {"Content-Disposition": f'attachment; filename="{_file_name(request.url.path)}"'}
        return Response(as_csv(report).encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)

    return answer


def _file_name(path: str) -> str:
    """The address without what no file name may have."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in path)
    return kept.strip("-")


def _facts(read: _Read, name: str) -> dict[str, Any] | None:
    return facts_of(document) if (document := read(name)) else None


def facts_of(document: Document) -> dict[str, Any]:
    """Returns what the template of a report shows."""
    return {"document": document, "sections": [table(section) for section in document.sections]}


def _everything(_name: str) -> Document:
    with reading() as session:
        overview = engagement_deliveries.overview(session, TARIFF, pendulum.now("UTC"))
    return reports.overview_of(overview)


def _delivery(name: str) -> Document | None:
    with reading() as session:
        try:
            numbers = engagement_deliveries.delivery_numbers(session, deliveries.named(session, name), TARIFF)
        except WrongUsage:
            return None
    return reports.delivery_report_of(numbers)


def _service(name: str) -> Document | None:
    with reading() as session:
        service = services.find(session, name)
        numbers = engagement_deliveries.service_numbers(session, service, load_settings().timezone) if service else None
    return reports.service_report_of(numbers) if numbers else None


def _unknown() -> Response:
    return told("There is no such report", "Begin with the page of all services, at /reports.", status=404)
