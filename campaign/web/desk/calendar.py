"""The calendar: a month or a week of all accounts, what is in each other's way, and another date for a delivery."""

from calendar import Calendar
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import Any
from urllib.parse import urlencode

import pendulum
from babel.dates import format_date
from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route

from campaign.broadcasts import waves
from campaign.db.engine import read_session
from campaign.deliveries import approval, planning
from campaign.deliveries import store as deliveries
from campaign.errors import NotPossible, WrongUsage
from campaign.formatting import read_time
from campaign.posts.prepare import daily_limits
from campaign.services.store import zone_of
from campaign.web.desk.access import DeskRequest, desk_route
from campaign.web.desk.wording import N_
from models import Delivery, DeliveryKind, DeliveryState, Role, Service

PAGE = "/desk/calendar"
#: A day of a zone begins and ends so long before or after that of another one, at most.
_MARGIN = timedelta(hours=26)
_MONTH, _WEEK = "month", "week"
#: Waves begin while a broadcast is valid.
_LONGEST_BROADCAST = timedelta(days=61)


def routes() -> list[Route]:
    """Returns the routes of the calendar."""
    return [
        desk_route(PAGE, show_calendar, Role.VIEWER),
        desk_route(f"{PAGE}/{{delivery}}/move", move, Role.WRITER, method="POST"),
    ]


@dataclass(frozen=True, slots=True)
class Entry:
    """Something on a day: a delivery, a wave of one, or a post that its series will make."""

    at: pendulum.DateTime
    """In the time zone of its first account."""
    label: str
    services: Sequence[Service]
    delivery: Delivery | None = None
    """None for a post that its series will make."""
    wave: int = 0
    """Of a wave: its number."""
    messages: int = 0
    """Of a wave: how many it has."""
    can_move: bool = False

    @property
    def zone(self) -> str:
        """Returns the name of its time zone."""
        return str(self.at.timezone_name)


@dataclass(frozen=True, slots=True)
class Page:
    """What the address asks for: a month or a week, of one account or of all."""

    view: str
    day: date
    account: str

    @property
    def days(self) -> list[date]:
        """Returns the days that are shown, in whole weeks."""
        if self.view == _WEEK:
            monday = self.day - timedelta(days=self.day.weekday())
            return [monday + timedelta(days=number) for number in range(7)]
        return list(Calendar().itermonthdates(self.day.year, self.day.month))

    def address(self, **changes: Any) -> str:
        """Returns the address of the calendar with other choices."""
        chosen = {"view": self.view, "day": self.day, "account": self.account} | changes
        return f"{PAGE}?{urlencode({name: value for name, value in chosen.items() if value})}"

    def beside(self, direction: int) -> date:
        """Returns a day of the next or (-1) the previous month or week."""
        if self.view == _WEEK:
            return self.day + timedelta(weeks=direction)
        first = pendulum.date(self.day.year, self.day.month, 1)
        return first.add(months=direction)


def show_calendar(desk: DeskRequest) -> Response:
    """Shows a month or a week. Posts of series are made here too, so that they are there to be approved."""
    planning.extend_series(desk.now)
    return _show(desk, _page_of(desk))


def move(desk: DeskRequest) -> Response:
    """Gives a delivery another date; one that was approved has to be approved again, as after each change."""
    delivery = desk.delivery
    assert delivery is not None  # noqa: S101  the route has one in its path
    page = _page_of(desk)
    with read_session() as session:
        draft, known = deliveries.draft_of(session, delivery), deliveries.revision_of(session, delivery)
        zone = zone_of(*deliveries.targets_of(session, delivery))
    day, clock = desk.text("date"), desk.text("time")
    try:
        moment = _moment_of(day, clock, zone, desk.now)
    except WrongUsage as error:
        return _show(desk, page, 400, {delivery.name: (str(error), day, clock)})
    there = page.address(day=pendulum.instance(moment).in_timezone(zone).date())
    if moment == delivery.contact_date:
        return desk.redirect(there, N_("It is planned for that time already."))
    approval.recompose(delivery.name, draft.model_copy(update={"contact_date": moment}), actor=desk.actor, known=known)
    if delivery.state is DeliveryState.BEING_EDITED:
        return desk.redirect(there, N_("It was moved."))
    if delivery.state is DeliveryState.CONFIRMED:
        with read_session() as session:
            moved = deliveries.named(session, delivery.name)
        with suppress(NotPossible):  # without a server there is no run to delete
            desk.runs.schedule(moved)
    return desk.redirect(there, N_("It was moved, and is a draft again: analyse it and ask for approval."))


def _moment_of(day: str, clock: str, zone: str, now: datetime) -> datetime:
    if not day or not clock:
        raise WrongUsage(N_("Choose a date and a time."))
    moment = read_time(f"{day}T{clock}", zone)
    if moment <= now:
        raise WrongUsage(N_("That is in the past; choose a later time."))
    return moment


def _page_of(desk: DeskRequest) -> Page:
    view, account = desk.text("view"), desk.text("account")
    try:
        day = date.fromisoformat(desk.text("day"))
        # The page links to the days around it.
        _ = day - timedelta(days=400), day + timedelta(days=400)
    except (ValueError, OverflowError):
        day = pendulum.instance(desk.now).in_timezone(zone_of()).date()
    return Page(view if view in {_MONTH, _WEEK} else _MONTH, day, account)


def _show(
    desk: DeskRequest, page: Page, status: int = 200, problems: Mapping[str, tuple[str, str, str]] | None = None
) -> Response:
    services = desk.services()
    chosen = [one for one in services if one.internal_name == page.account] or services
    zones = {zone_of(one) for one in chosen}
    zone = next(iter(zones)) if len(zones) == 1 else zone_of()
    days = page.days
    with read_session() as session:
        by_day = _entries(session, desk, chosen, days, is_filtered=len(chosen) < len(services) or bool(page.account))
        limits = [Limits(one, *daily_limits(session, one)) for one in chosen]
        collisions = _collisions(session, desk, days)
    return desk.page(
        "calendar.html.jinja",
        status,
        shown=page,
        days=days,
        entries=by_day,
        limits=limits,
        collisions=collisions,
        services=services,
        zone=zone,
        is_mixed=len(zones) > 1,
        today=pendulum.instance(desk.now).in_timezone(zone).date(),
        problems=problems or {},
        title=format_date(page.day, "MMMM y", locale=desk.language),
        day_name=lambda day: format_date(day, "EEE d MMM", locale=desk.language),
        may_write=desk.person.may_somewhere(Role.WRITER),
    )


def _entries(
    session: Session, desk: DeskRequest, chosen: Sequence[Service], days: Sequence[date], *, is_filtered: bool
) -> dict[date, list[Entry]]:
    begin = pendulum.datetime(days[0].year, days[0].month, days[0].day) - _MARGIN
    end = pendulum.datetime(days[-1].year, days[-1].month, days[-1].day) + timedelta(days=1) + _MARGIN
    # A draft without an account concerns all of them, see access.
    among = None if desk.person.may(Role.VIEWER) and not is_filtered else [one.id for one in chosen]
    planned = planning.planned_between(session, begin - _LONGEST_BROADCAST, end, among)
    visible = {one.id: one for one in desk.services()}
    entries: list[Entry] = []
    for delivery, service_ids in planned:
        targets = [visible[one] for one in sorted(service_ids) if one in visible]
        at = pendulum.instance(delivery.contact_date or delivery.started_at or delivery.created_at)
        can_move = delivery.state in deliveries.EDITABLE and delivery.started_at is None
        if delivery.kind is DeliveryKind.DM:
            later = [
                Entry(
                    at=at.add(seconds=wave.offset_seconds).in_timezone(zone_of(service)),
                    label=delivery.label or delivery.name,
                    services=[service],
                    delivery=delivery,
                    wave=wave.number,
                    messages=wave.recipients,
                )
                for service in targets
                for wave in waves.of_service(session, delivery.id, service.id)
            ]
            entries += later
            can_move = can_move and not later
        entries.append(
            Entry(
                at=at.in_timezone(zone_of(*targets)),
                label=delivery.label or delivery.name,
                services=targets,
                delivery=delivery,
                can_move=can_move and bool(targets) and all(desk.person.may(Role.WRITER, one) for one in service_ids),
            )
        )
    entries += _of_series_to_come(session, desk, chosen, begin, end)
    shown = sorted((one for one in entries if days[0] <= one.at.date() <= days[-1]), key=lambda one: one.at)
    found: dict[date, list[Entry]] = {}
    for one in shown:
        found.setdefault(one.at.date(), []).append(one)
    return found


def _of_series_to_come(
    session: Session, desk: DeskRequest, chosen: Sequence[Service], begin: datetime, end: datetime
) -> list[Entry]:
    """Returns the posts of series that are not made yet."""
    by_name, found = {one.internal_name: one for one in chosen}, []
    for one in planning.list_series(session):
        services = [by_name[name] for name in planning.draft_of_series(one).services if name in by_name]
        if one.stopped_at is not None or not services:
            continue
        for _, moment in takewhile(lambda pair: pair[1] < end, planning.occurrences(one, one.reached)):
            if moment >= max(begin, desk.now):
                at = pendulum.instance(moment).in_timezone(zone_of(*services))
                found.append(Entry(at=at, label=one.label, services=services))
    return found


def _collisions(session: Session, desk: DeskRequest, days: Sequence[date]) -> dict[str, list[str]]:
    """Returns what is in the way of posts, by their names; of other accounts no name or text is shown."""
    begin = pendulum.datetime(days[0].year, days[0].month, days[0].day) - _MARGIN - planning.SAME_TEXT_WITHIN
    end = pendulum.datetime(days[-1].year, days[-1].month, days[-1].day) + _MARGIN + planning.SAME_TEXT_WITHIN
    own = None if desk.person.may(Role.VIEWER) else [one.id for one in desk.services()]
    found: dict[str, list[str]] = {}
    planned = planning.planned_texts(session, begin, end, own)
    labels = {one.name: one.label or one.name for one in planned}
    for one in planning.collisions(planned):
        found.setdefault(one.one, []).append(one.sentence(labels[one.other]))
        found.setdefault(one.other, []).append(one.sentence(labels[one.one]))
    return found


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account may send in 24 hours: posts as X reported it, messages by X or the account's own limit."""

    service: Service
    posts: int | None
    messages: int

    def too_much_of(self, entries: Sequence[Entry]) -> tuple[int, int] | None:
        """Returns how many messages are planned on a day with these entries, and the limit, where that is lower."""
        planned = sum(one.messages for one in entries if self.service in one.services)
        return (planned, self.messages) if planned > self.messages else None

    def too_many_posts(self, entries: Sequence[Entry]) -> int:
        """Counts the posts that are planned on a day with these entries, where X takes fewer; else returns 0."""
        mine = [one for one in entries if self.service in one.services]
        planned = sum(one.delivery is None or one.delivery.kind is DeliveryKind.POST for one in mine)
        return planned if self.posts is not None and planned > self.posts else 0
