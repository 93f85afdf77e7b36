"""The first page of the desk: what waits, what goes out, what went wrong."""

from starlette.responses import Response
from starlette.routing import Route

from campaign.web.desk.access import HOME, DeskRequest, desk_route
from models import Role


def routes() -> list[Route]:
    """Returns the route of the page."""
    return [desk_route(HOME, show_today, Role.VIEWER)]


def show_today(desk: DeskRequest) -> Response:
    """Shows what waits for the person."""
    return desk.page("today.html.jinja", services=desk.services())
