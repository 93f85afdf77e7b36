"""The log of a delivery, line by line: filtered, as a spreadsheet, and outcomes that only a person can decide."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from tempfile import mkstemp
from typing import Any

from sqlmodel import Session, col, select
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from campaign.audience import visitors
from campaign.broadcasts import log as messages
from campaign.db.engine import read_session, transaction
from campaign.deliveries import log
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import record_all_not_sent, record_by_hand
from campaign.errors import CampaignError
from campaign.formatting import byte_order_mark, write_csv
from campaign.posts.publish import report_on
from campaign.services.store import zone_of
from campaign.web.desk.access import DeskRequest, desk_route
from campaign.web.desk.delivery import named, path_of, run_again
from campaign.web.desk.wording import N_
from models import Delivery, DeliveryKind, Message, MessageState, Role, Visitor

_PAGE = "/desk/deliveries/{delivery}"
_AT_A_TIME = 100
#: Cards of outcomes to decide by hand.
_MOST_UNKNOWN = 10
STATES = {
    "pending": N_("to go"),
    "sending": N_("under way"),
    "sent": N_("sent"),
    "refused": N_("refused by X"),
    "uncertain": N_("outcome unknown"),
    "cancelled": N_("cancelled"),
    "withdrawn": N_("deleted from X"),
}
_HEAD = ("To", "State", "Time", "Address", "Reason")
COLUMNS = (N_("To"), N_("State"), N_("Time"), N_("Address"), N_("Reason"))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log: a message to a person, or a part of a post on an account."""

    who: str
    state: str
    at: datetime | None
    link: str
    reason: str
    id: int = 0
    external_id: str = ""


def routes() -> list[Route]:
    """Returns the routes of the log."""
    return [
        desk_route(f"{_PAGE}/log", show_log, Role.VIEWER),
        desk_route(f"{_PAGE}/log.csv", download_log, Role.VIEWER),
        desk_route(f"{_PAGE}/settle", settle, Role.APPROVER, method="POST"),
    ]


def show_log(desk: DeskRequest) -> Response:
    """Shows the log, a hundred lines at a time."""
    return _show(desk)


def _show(desk: DeskRequest, status: int = 200, problem: str = "") -> Response:
    delivery, state, after = named(desk), desk.text("state"), desk.number("after") or 0
    with read_session() as session:
        found = list(_lines(session, desk, state, after, _AT_A_TIME + 1))
        services = deliveries.targets_of(session, delivery)
        sees_all = all(desk.person.may(Role.VIEWER, one.id) for one in services)
        unknown = _unknown(session, delivery) if sees_all else []
        people = visitors.with_ids(session, [line.external_id for line in found if line.external_id])
    return desk.page(
        "delivery_log.html.jinja",
        status,
        delivery=delivery,
        rows=[_worded(line, people) for line in found[:_AT_A_TIME]],
        after=found[_AT_A_TIME - 1].id if len(found) > _AT_A_TIME else 0,
        state=state,
        states=[one for one in STATES.items() if delivery.kind is DeliveryKind.POST or one[0] != "withdrawn"],
        columns=COLUMNS,
        zone=zone_of(*services),
        unknown=unknown,
        may_settle=all(desk.person.may(Role.APPROVER, one.id) for one in services),
        problem=problem,
    )


def _worded(line: Line, people: Mapping[str, int]) -> dict[str, Any]:
    words = {"who": line.who, "at": line.at, "link": line.link, "reason": line.reason}
    return words | {"state": STATES.get(line.state, line.state), "person": people.get(line.external_id)}


def _lines(session: Session, desk: DeskRequest, state: str, after: int = 0, limit: int | None = None) -> Iterator[Line]:
    """Reads the lines; people of accounts that the person may not see are in none of them."""
    delivery = named(desk)
    if delivery.kind is DeliveryKind.DM:
        own = [one.id for one in deliveries.targets_of(session, delivery) if desk.person.may(Role.VIEWER, one.id)]
        states = [one for one in MessageState if one.value == state]
        for one in messages.lines(session, delivery, states=states, services=own, after=after, limit=limit):
            who = " ".join(filter(None, [one.full_name, f"@{one.username}" if one.username else one.external_id]))
            yield Line(who, one.state, one.at, "", one.reason, one.id, one.external_id)
        return
    for part in report_on(session, delivery).lines:
        if state in {"", part.state}:
            number = f" #{part.part}" if part.part > 1 else ""
            yield Line(f"@{part.handle}{number}", part.state, part.at, part.link, part.reason)


def _unknown(session: Session, delivery: Delivery) -> list[dict[str, Any]]:
    """Returns the first messages whose outcome is unknown, or the first such part of a post."""
    if delivery.kind is DeliveryKind.POST:
        part = log.first(session, delivery)
        return [{"id": part.id, "who": f"#{part.part}", "to": "", "reason": part.reason}] if part else []
    rows = select(Message, Visitor).join(Visitor, col(Visitor.id) == col(Message.visitor_id))
    uncertain = rows.where(col(Message.delivery_id) == delivery.id, col(Message.state) == MessageState.UNCERTAIN).limit(
        _MOST_UNKNOWN
    )
    return [
        {
            "id": message.id,
            "who": f"@{visitor.username}" if visitor.username else visitor.external_id,
            "to": visitor.external_id,
            "reason": message.reason,
        }
        for message, visitor in session.exec(uncertain)
    ]


def download_log(desk: DeskRequest) -> Response:
    """Writes the log as a file first: a million lines take no more memory than a hundred."""
    delivery, state = named(desk), desk.text("state")
    with transaction() as session:
        deliveries.note(session, delivery, "log exported", desk.actor, desk.now)
    descriptor, path = mkstemp(suffix=".csv")
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file, read_session() as session:
        file.write(byte_order_mark())
        write_csv(file, _HEAD, _cells(_lines(session, desk, state)))
    name = f"{delivery.name}{f'-{state}' if state in STATES else ''}.csv"
    return FileResponse(path, media_type="text/csv", filename=name, background=BackgroundTask(os.unlink, path))


def _cells(lines: Iterable[Line]) -> Iterator[Sequence[object]]:
    for one in lines:
        yield one.who, one.state, one.at.isoformat() if one.at else "", one.link, one.reason


def settle(desk: DeskRequest) -> Response:
    """Records what a person found on X, then lets the delivery go on."""
    delivery = named(desk)
    try:
        if desk.text("outcome") == "none_sent":
            record_all_not_sent(delivery.name, desk.actor)
        else:
            is_out = desk.text("outcome") == "sent"
            record_by_hand(delivery.name, desk.actor, desk.text("sent") if is_out else None, desk.text("to"))
    except CampaignError as error:
        return _show(desk, 400, str(error))
    return run_again(desk, delivery, f"{path_of(delivery)}/log", N_("Recorded."))
