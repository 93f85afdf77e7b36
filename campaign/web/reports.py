"""The pages of the reports for the marketer: all services, one service, one delivery, and each as a file."""

from collections.abc import Awaitable, Callable
from typing import Any

import pendulum
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.domain import engagement_delivery_report, engagement_service_report
from campaign.domain.engagement_csv import as_csv
from campaign.domain.engagement_sections import Report
from campaign.errors import WrongUsage
from campaign.settings import load_settings
from campaign.store import deliveries, engagement_deliveries, engagement_services, services
from campaign.store.engine import reading
from campaign.web.pages import page, told
from campaign.web.reports_login import Login, refusal
from campaign.web.reports_view import seen
from campaign.web.security_forms import form_token, visit_of, with_form
from campaign.x.tariff import TARIFF

_Read = Callable[[str], Report | None]
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
    report = read(name)
    return seen(report) if report else None


def _everything(_name: str) -> Report:
    with reading() as session:
        overview = engagement_services.overview(session, TARIFF, pendulum.now("UTC"))
    return engagement_service_report.overview_of(overview)


def _delivery(name: str) -> Report | None:
    with reading() as session:
        try:
            numbers = engagement_deliveries.numbers_of(session, deliveries.named(session, name), TARIFF)
        except WrongUsage:
            return None
    return engagement_delivery_report.report_of(numbers)


def _service(name: str) -> Report | None:
    with reading() as session:
        service = services.named(session, name)
        numbers = engagement_services.numbers_of(session, service, load_settings().timezone) if service else None
    return engagement_service_report.report_of(numbers) if numbers else None


def _unknown() -> Response:
    return told("There is no such report", "Begin with the page of all services, at /reports.", status=404)
