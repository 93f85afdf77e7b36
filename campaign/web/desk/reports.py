"""The reports at the desk: of all services, of one service, of one delivery."""

from functools import partial

from starlette.responses import Response
from starlette.routing import Route

from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.errors import NotPossible
from campaign.reporting.document import Document
from campaign.reporting.html import table
from campaign.services.store import zone_of
from campaign.web.desk import access
from campaign.web.desk.access import DeskRequest, desk_route
from campaign.web.desk.documents import localised
from campaign.web.desk.wording import figure
from campaign.web.reports import find_report, report_file
from models import Role

_HOME = "/desk/reports"


def routes() -> list[Route]:
    """Returns the routes of the reports and of their files."""
    found = [
        desk_route(_HOME, _show_all, Role.VIEWER),
        desk_route(f"{_HOME}.csv", _all_as_file, Role.VIEWER, everywhere=True),
    ]
    for path in (f"{_HOME}/service/{{service}}", f"{_HOME}/delivery/{{delivery}}"):
        found += [desk_route(f"{path}.csv", _as_file, Role.VIEWER), desk_route(path, _as_page, Role.VIEWER)]
    return found


def _show_all(desk: DeskRequest) -> Response:
    """Shows the report of all services to a person who may see all, else the names of those the person may see."""
    return _page(desk, find_report("", "") if desk.person.may(Role.VIEWER) else None)


def _all_as_file(desk: DeskRequest) -> Response:
    return _file(desk, find_report("", ""))


def _as_page(desk: DeskRequest) -> Response:
    return _page(desk, _report_of(desk))


def _as_file(desk: DeskRequest) -> Response:
    return _file(desk, _report_of(desk))


def _report_of(desk: DeskRequest) -> Document | None:
    if desk.service:
        return find_report("service", desk.service.internal_name)
    return find_report("delivery", desk.delivery.name) if desk.delivery else None


def _page(desk: DeskRequest, document: Document | None) -> Response:
    if document:
        with read_session() as session:
            targets = deliveries.targets_of(session, desk.delivery) if desk.delivery else []
        document = localised(document, desk.language, zone_of(*filter(None, [desk.service, *targets])))
    write = partial(figure, language=desk.language)
    sections = [table(section, "/desk", write) for section in document.sections] if document else []
    return desk.page("reports.html.jinja", document=document, sections=sections, services=desk.services())


def _file(desk: DeskRequest, document: Document | None) -> Response:
    if document is None:
        raise NotPossible(access.UNKNOWN)
    return report_file(document, desk.request.url.path.removeprefix("/desk"))
