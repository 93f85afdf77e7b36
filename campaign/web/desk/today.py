"""The first page of the desk: what waits, what goes out, what is under way, what went wrong, what is left to spend."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

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
from campaign.services.store import zone_of
from campaign.settings import load_settings
from campaign.web.desk.access import HOME, DeskRequest, desk_route
from campaign.web.desk.accounts import WORKS, card_of
from campaign.web.desk.runs import Run, Workflow
from campaign.web.desk.wording import N_
from models import Delivery, DeliveryState, Message, MessageState, Role, Service, SyncState

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


def routes() -> list[Route]:
    """Returns the route of the page."""
    return [desk_route(HOME, show_today, Role.VIEWER)]


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
        wrong += [one for one in by_state.of(session, DeliveryState.EXPIRED) if _is_recent(desk, one)]
        decided = [one for one in services if desk.person.may(Role.OPERATOR, one.id)]
        unclear = {one.internal_name: count for one in decided if (count := consent.count_unclear(session, one.id))}
        syncs = [(one, run) for one in services if (run := sync.last_run(session, one.id)) and run.state in _UNHAPPY]
    others = [one for one in analysed if one not in answers]
    sent_back = [one for one in begun if one.delivery.reason.startswith("Rejected by") and one.may(desk, Role.WRITER)]
    within = [one for one in confirmed if (one.delivery.contact_date or desk.now) <= desk.now + _A_WEEK]
    workflows, runs, workers, problem = _ask_prefect(desk)
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


def _is_recent(desk: DeskRequest, entry: Entry) -> bool:
    return bool(entry.delivery.finished_at and entry.delivery.finished_at > desk.now - _LATELY)


def _ask_prefect(desk: DeskRequest) -> tuple[Sequence[Workflow], Sequence[Run], int, str]:
    try:
        # Runs are named after deliveries, of whatever account.
        runs = desk.runs.active() if desk.person.may(Role.VIEWER) else []
        return desk.runs.workflows(), runs, desk.runs.workers_online(), ""
    except NotPossible as error:
        return [], [], 0, str(error)
