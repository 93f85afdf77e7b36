"""The list of posts and broadcasts."""

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.services.store import zone_of
from campaign.web.desk import access
from campaign.web.desk.access import DeskRequest, desk_route
from models import DeliveryKind, DeliveryState, Role

#: Deliveries on one page.
_A_PAGE = 50


def routes() -> list[Route]:
    """Returns the route of the list."""
    return [desk_route("/desk/deliveries", show_deliveries, Role.VIEWER)]


def show_deliveries(desk: DeskRequest) -> Response:
    """Shows the newest deliveries that fit the filter; further ones with the address of the next page."""
    services = {service.internal_name: service for service in desk.services()}
    account, state, kind = desk.text("account"), desk.text("state"), desk.text("kind")
    chosen = services.get(account)
    with read_session() as session:
        found = deliveries.listed(
            session,
            state=DeliveryState(state) if state in set(DeliveryState) else None,
            kind=DeliveryKind(kind) if kind in set(DeliveryKind) else None,
            service_id=chosen.id if chosen else None,
            search=desk.text("text"),
            # A draft without an account concerns all of them, see access.
            among=None if desk.person.may(Role.VIEWER) else [service.id for service in services.values()],
            before_id=desk.number("before"),
            limit=_A_PAGE + 1,
        )
        rows = [(one, deliveries.targets_of(session, one)) for one in found[:_A_PAGE]]
    facts: dict[str, Any] = {
        "rows": [(one, targets, zone_of(*targets)) for one, targets in rows],
        "next_before": rows[-1][0].id if len(found) > _A_PAGE else None,
        "services": list(services.values()),
        "labels": access.LABELS,
        "editable": deliveries.EDITABLE,
        "may_write": desk.person.may_somewhere(Role.WRITER),
        "chosen": {"account": account, "state": state, "kind": kind, "text": desk.text("text")},
    }
    if desk.is_partial:
        return desk.part("deliveries_rows.html.jinja", **facts)
    return desk.page("deliveries.html.jinja", **facts)
