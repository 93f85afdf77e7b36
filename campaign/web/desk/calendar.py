"""The calendar: a month or a week of all accounts, what is in each other's way, and another date for a delivery.

Also planning ahead: weekly slots, series, and a month of posts from one file.
"""

from calendar import Calendar
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import BytesIO
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pendulum
from babel.dates import format_date
from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.responses import Response
from starlette.routing import Route

from campaign.audience.people_files import read_sent
from campaign.broadcasts import waves
from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval, planning
from campaign.deliveries import store as deliveries
from campaign.errors import CampaignError, NotPossible, WrongUsage
from campaign.formatting import read_time
from campaign.posts.importing import COLUMNS, MOST_ROWS, analyse_posts, analyse_saved, read_posts, save_posts
from campaign.posts.prepare import daily_limits
from campaign.services.store import zone_of
from campaign.web.desk.access import DeskRequest, NotAllowed, NotThere, desk_route, find_delivery
from campaign.web.desk.wording import N_, gettext
from models import WEEKDAYS, Delivery, DeliveryKind, DeliveryState, Every, Role, Series, Service

PAGE = "/desk/calendar"
#: A day of a zone begins and ends so long before or after that of another one, at most.
_MARGIN = timedelta(hours=26)
_MONTH, _WEEK = "month", "week"
#: Waves begin while a broadcast is valid.
_LONGEST_BROADCAST = timedelta(days=61)


def routes() -> list[Route]:
    """Returns the routes of the calendar, of slots, series and imports."""
    return [
        desk_route(SLOTS, show_slots, Role.VIEWER),
        desk_route(f"{SLOTS}/add", add_slot, Role.WRITER, method="POST"),
        desk_route(f"{SLOTS}/remove", remove_slot, Role.WRITER, method="POST"),
        desk_route(f"{PAGE}/series/create", create_series, Role.WRITER, method="POST"),
        desk_route(f"{PAGE}/series/ask", ask_for_series, Role.WRITER, method="POST"),
        desk_route(f"{PAGE}/series/stop", stop_series, Role.WRITER, method="POST"),
        desk_route(IMPORT, show_import, Role.WRITER),
        desk_route(IMPORT, import_posts, Role.WRITER, method="POST"),
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


SLOTS, IMPORT = f"{PAGE}/slots", f"{PAGE}/import"
#: Posts that can be repeated and are offered, the next ones first.
_OFFERED = 50
_LARGEST_FILE = 500_000


def show_slots(desk: DeskRequest) -> Response:
    """Shows the weekly slots and the series."""
    return _planning_page(desk)


def add_slot(desk: DeskRequest) -> Response:
    """Adds a weekly slot to an account."""
    chosen = [one for one in desk.services() if one.internal_name == desk.text("service")]
    if not chosen:
        return _planning_page(desk, 400, {"slot": N_("Choose an account.")})
    desk.require(Role.WRITER, chosen)
    try:
        weekday, clock = planning.read_weekday(desk.text("weekday")), planning.read_clock(desk.text("time"))
        zone = planning.read_zone(desk.text("zone") or zone_of(*chosen))
        with transaction() as session:
            planning.add_slot(session, chosen[0], weekday, clock, zone, actor=desk.actor, now=desk.now)
    except (NotPossible, WrongUsage) as error:
        return _planning_page(desk, 400, {"slot": str(error)})
    return desk.redirect(SLOTS, N_("The slot was added."))


def remove_slot(desk: DeskRequest) -> Response:
    """Removes a weekly slot; what was planned with it stays."""
    by_id = {one.id: one for one in desk.services()}
    with transaction() as session:
        slot = planning.find_slot(session, desk.number("slot") or 0)
        if slot is None or slot.service_id not in by_id:
            return desk.redirect(SLOTS, N_("It was removed already."))
        service = by_id[slot.service_id]
        desk.require(Role.WRITER, [service])
        planning.remove_slot(session, service, slot, actor=desk.actor, now=desk.now)
    return desk.redirect(SLOTS, N_("The slot was removed. What was planned with it stays."))


def create_series(desk: DeskRequest) -> Response:
    """Repeats a post."""
    try:
        with read_session() as session:
            delivery = find_delivery(session, desk.text("delivery"))
            targets = deliveries.targets_of(session, delivery)
        _require(desk, targets)
        until = date.fromisoformat(desk.text("until")) if desk.text("until") else None
        times = (desk.number("times") or 0) if desk.text("times") else None
        every = Every(desk.text("every"))
        made = planning.create_series(delivery.name, every, zone_of(*targets), desk.actor, until=until, times=times)
    except (NotAllowed, NotThere):
        raise
    except ValueError:
        return _planning_page(desk, 400, {"series": N_("Choose how often it is repeated, and a last day or none.")})
    except CampaignError as error:
        return _planning_page(desk, 400, {"series": str(error)})
    with read_session() as session:
        problem = planning.get_series(session, made.id).problem
    return desk.redirect(
        SLOTS, problem or N_("The post is repeated now. Each of its posts is a draft until it is approved.")
    )


def ask_for_series(desk: DeskRequest) -> Response:
    """Analyses the drafts of a series, and asks for approval of those without errors."""
    with read_session() as session:
        found = _series_in(desk, session)
        names = planning.drafts_of(session, found)
    ready = analyse_saved(names, desk.actor, desk.now, ask=True)
    return desk.redirect(SLOTS, _outcome(desk, ready, len(names)))


def stop_series(desk: DeskRequest) -> Response:
    """Stops a series, with its posts that have not gone out."""
    with read_session() as session:
        found = _series_in(desk, session)
    for delivery in planning.stop_series(found.id, desk.actor):
        if delivery.state is DeliveryState.CONFIRMED:
            with suppress(NotPossible), read_session() as session:  # without a server there is no run to delete
                desk.runs.schedule(deliveries.get(session, delivery.id))
    return desk.redirect(SLOTS, N_("The series was stopped, with its posts that had not gone out."))


def _series_in(desk: DeskRequest, session: Session) -> Series:
    """Returns the series of a form, for all of whose accounts the person may write."""
    found = session.get(Series, desk.number("series") or 0)
    if found is None:
        raise NotThere
    _require(desk, _targets_of(session, found))
    return found


def _require(desk: DeskRequest, targets: Sequence[Service]) -> None:
    """Raises NotAllowed unless the person may write for all of these services; without any, for all there are."""
    desk.require(Role.WRITER, targets)
    if not targets:
        desk.require_everywhere(Role.WRITER)


def _targets_of(session: Session, found: Series) -> list[Service]:
    """Returns the services of all posts of a series."""
    made = planning.deliveries_of(session, found)
    return list({one.id: one for delivery in made for one in deliveries.targets_of(session, delivery)}.values())


def _outcome(desk: DeskRequest, ready: int, of: int) -> str:
    if ready == of:
        return N_("All of it waits for approval now.")
    words = gettext(
        desk.language,
        N_("Ready and waiting for approval: %(ready)s of %(all)s. The others have errors and stay drafts."),
    )
    return words % {"ready": ready, "all": of}


def _planning_page(desk: DeskRequest, status: int = 200, problems: dict[str, str] | None = None) -> Response:
    services = desk.services()
    by_id, rows = {one.id: one for one in services}, list[dict[str, Any]]()
    with read_session() as session:
        kept = planning.list_slots(session, list(by_id))
        free = {one.id: planning.next_free(session, [one], desk.now) for one in services}
        for one in planning.list_series(session):
            targets, made = _targets_of(session, one), planning.deliveries_of(session, one)
            if any(target.id in by_id for target in targets):
                to_come = [delivery for delivery in made if delivery.state in deliveries.EDITABLE]
                may = all(desk.person.may(Role.WRITER, target.id) for target in targets)
                rows.append({"series": one, "targets": targets, "to_come": to_come, "may": may})
        among = {one.id for one in desk.services(Role.WRITER)}
        planned = planning.planned_between(session, desk.now, desk.now.replace(year=desk.now.year + 2), list(among))
        posts = [(one, ids) for one, ids in planned if one.kind is DeliveryKind.POST and ids <= among]
        drafts = [one for one, _ in posts if one.state in deliveries.EDITABLE][:_OFFERED]
        taken = planning.series_of(session, [one.id for one in drafts])
        offered = [(one, zone_of(*deliveries.targets_of(session, one))) for one in drafts if one.id not in taken]
    return desk.page(
        "calendar_slots.html.jinja",
        status,
        services=services,
        writable=desk.services(Role.WRITER),
        by_id=by_id,
        slots=kept,
        free=free,
        series=rows,
        offered=offered,
        weekdays=WEEKDAYS,
        zone_of=zone_of,
        problems=problems or {},
        typed=desk.form,
    )


def show_import(desk: DeskRequest) -> Response:
    """Shows what a file of posts looks like."""
    return _show_import(desk)


def import_posts(desk: DeskRequest) -> Response:
    """Shows what was found in a file, or saves its posts as drafts."""
    try:
        data, name = _content(desk)
        posts = read_sent(name, BytesIO(data), lambda file: read_posts(file, desk.services(Role.WRITER)))
    except WrongUsage as error:
        return _show_import(desk, 400, problem=str(error))
    do = desk.text("do")
    if do not in {"save", "ask"}:
        encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
        return _show_import(
            desk, posts=analyse_posts(posts), content=data.decode(encoding, errors="replace"), name=name
        )
    saved = save_posts(posts, desk.actor, desk.now, ask=do == "ask")
    notice = _outcome(desk, saved.waiting, len(saved.names)) if do == "ask" else N_("All posts were saved as drafts.")
    return desk.redirect(f"{PAGE}?day={posts[0].at.date()}", notice)


def _content(desk: DeskRequest) -> tuple[bytes, str]:
    """Returns the chosen file and its name, or the one that was read before."""
    given = desk.form.get("file")
    if not isinstance(given, UploadFile) or not given.filename:
        data, name = desk.text("content").encode(), desk.text("name") or "posts.csv"
    else:
        data, name = given.file.read(_LARGEST_FILE + 1), Path(given.filename).name
    if not data:
        raise WrongUsage(N_("Choose a file."))
    if len(data) > _LARGEST_FILE:
        raise WrongUsage(N_("The file is larger than 500 kB; import fewer posts at once."))
    return data, name


def _show_import(desk: DeskRequest, status: int = 200, **facts: Any) -> Response:
    given = {"posts": [], "content": "", "name": "", "problem": ""} | facts
    return desk.page(
        "calendar_import.html.jinja",
        status,
        services=desk.services(Role.WRITER),
        columns=COLUMNS,
        most=MOST_ROWS,
        **given,
    )
