"""The pages to look at: the first page, the list of posts and broadcasts, and the reports.

The first page shows what waits, goes out, is under way, went wrong, and what is left to spend.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlmodel import Session, col, func, select
from starlette.responses import Response
from starlette.routing import Route

from campaign.audience import sync
from campaign.broadcasts import waves
from campaign.consent import store as consent
from campaign.db.engine import read_session
from campaign.deliveries import approval, log
from campaign.deliveries import store as deliveries
from campaign.errors import NotPossible
from campaign.reporting.document import Document
from campaign.reporting.html import table
from campaign.services.store import zone_of
from campaign.settings import load_settings
from campaign.web.desk import access
from campaign.web.desk.access import HOME, DeskRequest, desk_route
from campaign.web.desk.accounts import WORKS, card_of
from campaign.web.desk.documents import localised
from campaign.web.desk.runs import Run, Workflow
from campaign.web.desk.wording import N_, figure
from campaign.web.reports import find_report, report_file
from models import Delivery, DeliveryKind, DeliveryState, Message, MessageState, Role, Service, SyncState

_MOST = 20
_A_WEEK, _LATELY = timedelta(days=7), timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Entry:
    """A delivery on the page, with its accounts and their time zone."""

    delivery: Delivery
    services: list[Service]
    sent: int = 0
    total: int = 0
    unknown: int = 0
    """Messages whose outcome a person has to find out."""

    @property
    def zone(self) -> str:
        """Returns the time zone in which its times are shown."""
        return zone_of(*self.services)

    def may(self, desk: DeskRequest, role: Role) -> bool:
        """Tests whether the person has at least this role for all its accounts."""
        return all(desk.person.may(role, one.id) for one in self.services)


def show_today(desk: DeskRequest) -> Response:
    """Shows the page; htmx asks for it again and takes the part of what is under way."""
    services = desk.services()
    by_state = _Deliveries(desk, services)
    with read_session() as session:
        analysed = by_state.of(session, DeliveryState.ANALYSED)
        answers = [one for one in analysed if approval.may_approve(session, one.delivery, [desk.person])]
        begun = by_state.of(session, DeliveryState.BEING_EDITED)
        under_way = by_state.of(session, DeliveryState.IN_PROGRESS)
        confirmed = by_state.of(session, DeliveryState.CONFIRMED)
        wrong = [*by_state.of(session, DeliveryState.FAILED), *by_state.of(session, DeliveryState.PAUSED)]
        expired = by_state.of(session, DeliveryState.EXPIRED)
        wrong += [one for one in expired if one.delivery.finished_at and one.delivery.finished_at > desk.now - _LATELY]
        decided = [one for one in services if desk.person.may(Role.OPERATOR, one.id)]
        unclear = {one.internal_name: count for one in decided if (count := consent.count_unclear(session, one.id))}
        syncs = [(one, run) for one in services if (run := sync.last_run(session, one.id)) and run.state in _UNHAPPY]
    others = [one for one in analysed if one not in answers]
    sent_back = [one for one in begun if one.delivery.reason.startswith("Rejected by") and one.may(desk, Role.WRITER)]
    within = [one for one in confirmed if (one.delivery.contact_date or desk.now) <= desk.now + _A_WEEK]
    workflows, runs, workers, problem = list[Workflow](), list[Run](), 0, ""
    try:
        # Runs are named after deliveries, of whatever account.
        runs = list(desk.runs.active()) if desk.person.may(Role.VIEWER) else []
        workflows, workers = list(desk.runs.workflows()), desk.runs.workers_online()
    except NotPossible as error:
        problem = str(error)
    return desk.page(
        "today.html.jinja",
        services=services,
        waiting=answers,
        to_ask=[one for one in others if not one.delivery.asked_at and one.may(desk, Role.WRITER)],
        others=[one for one in others if one.delivery.asked_at or not one.may(desk, Role.WRITER)],
        sent_back=sent_back,
        drafts=[one for one in begun if one not in sent_back],
        under_way=under_way,
        unknown=[one for one in [*under_way, *wrong] if one.unknown and one.may(desk, Role.APPROVER)],
        this_week=sorted(within, key=lambda one: one.delivery.contact_date or desk.now),
        wrong=wrong,
        unclear=unclear,
        syncs=syncs,
        sync_states=_UNHAPPY,
        troubled=[one for one in services if one.problems],
        cards=[card_of(desk, one) for one in services],
        workflows=workflows,
        runs=runs,
        workers=workers,
        works=WORKS,
        zone=load_settings().timezone,
        problem=problem,
    )


#: Syncs that a person should know of, in the words of the page.
_UNHAPPY = {SyncState.FAILED: N_("failed"), SyncState.WAITING: N_("waits for X")}


@dataclass(frozen=True, slots=True)
class _Deliveries:
    desk: DeskRequest
    services: Sequence[Service]

    def of(self, session: Session, state: DeliveryState) -> list[Entry]:
        among = None if self.desk.person.may(Role.VIEWER) else [one.id for one in self.services]
        return [_entry(session, one) for one in deliveries.listed(session, state=state, among=among, limit=_MOST)]


def _entry(session: Session, delivery: Delivery) -> Entry:
    counts = waves.count_by_state(session, delivery.id) if delivery.started_at else {}
    unknown = select(func.count()).where(
        Message.delivery_id == delivery.id,
        Message.state == MessageState.UNCERTAIN,
        col(Message.reason_code) == log.FOR_A_PERSON,
    )
    return Entry(
        delivery,
        deliveries.targets_of(session, delivery),
        counts.get(MessageState.SENT, 0),
        sum(counts.values()),
        session.exec(unknown).one() if delivery.started_at else 0,
    )


#: Deliveries on one page.
_A_PAGE = 50


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


_HOME = "/desk/reports"


def routes() -> list[Route]:
    """Returns the routes of the first page, of the list, of the reports and of their files."""
    found = [
        desk_route(HOME, show_today, Role.VIEWER),
        desk_route("/desk/deliveries", show_deliveries, Role.VIEWER),
        desk_route(_HOME, show_report_of_all, Role.VIEWER),
        desk_route(f"{_HOME}.csv", download_report_of_all, Role.VIEWER, everywhere=True),
    ]
    for path in (f"{_HOME}/service/{{service}}", f"{_HOME}/delivery/{{delivery}}"):
        found += [desk_route(f"{path}.csv", download_report, Role.VIEWER), desk_route(path, show_report, Role.VIEWER)]
    return found


def show_report_of_all(desk: DeskRequest) -> Response:
    """Shows the report of all services to a person who may see all, else the names of those the person may see."""
    return _page(desk, find_report("", "") if desk.person.may(Role.VIEWER) else None)


def download_report_of_all(desk: DeskRequest) -> Response:
    """Sends the report of all services as a file."""
    return _file(desk, find_report("", ""))


def show_report(desk: DeskRequest) -> Response:
    """Shows the report of a service or of a delivery."""
    return _page(desk, _report_of(desk))


def download_report(desk: DeskRequest) -> Response:
    """Sends the report of a service or of a delivery as a file."""
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
