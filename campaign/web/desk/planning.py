"""Planning ahead: weekly slots, series, and a month of posts from one file."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.responses import Response
from starlette.routing import Route

from campaign.audience.people_files import read_sent
from campaign.db.engine import read_session, transaction
from campaign.deliveries import planning
from campaign.deliveries import store as deliveries
from campaign.errors import CampaignError, NotPossible, WrongUsage
from campaign.posts.importing import (
    COLUMNS,
    MOST_ROWS,
    analyse_posts,
    analyse_saved,
    read_posts,
    save_posts,
)
from campaign.services.store import zone_of
from campaign.web.desk.access import DeskRequest, NotAllowed, NotThere, desk_route, find_delivery
from campaign.web.desk.wording import N_, gettext
from models import WEEKDAYS, Delivery, DeliveryKind, DeliveryState, Every, Role, Series, Service

PAGE = "/desk/calendar"
SLOTS, IMPORT = f"{PAGE}/slots", f"{PAGE}/import"
#: Posts that can be repeated and are offered, the next ones first.
_OFFERED = 50
_LARGEST_FILE = 500_000


def routes() -> list[Route]:
    """Returns the routes of slots, series and imports."""
    return [
        desk_route(SLOTS, show_slots, Role.VIEWER),
        desk_route(f"{SLOTS}/add", add_slot, Role.WRITER, method="POST"),
        desk_route(f"{SLOTS}/remove", remove_slot, Role.WRITER, method="POST"),
        desk_route(f"{PAGE}/series/create", create_series, Role.WRITER, method="POST"),
        desk_route(f"{PAGE}/series/ask", ask_for_series, Role.WRITER, method="POST"),
        desk_route(f"{PAGE}/series/stop", stop_series, Role.WRITER, method="POST"),
        desk_route(IMPORT, show_import, Role.WRITER),
        desk_route(IMPORT, import_posts, Role.WRITER, method="POST"),
    ]


def show_slots(desk: DeskRequest) -> Response:
    """Shows the weekly slots and the series."""
    return _show(desk)


def add_slot(desk: DeskRequest) -> Response:
    """Adds a weekly slot to an account."""
    chosen = [one for one in desk.services() if one.internal_name == desk.text("service")]
    if not chosen:
        return _show(desk, 400, {"slot": N_("Choose an account.")})
    desk.require(Role.WRITER, chosen)
    try:
        weekday, clock = planning.read_weekday(desk.text("weekday")), planning.read_clock(desk.text("time"))
        zone = planning.read_zone(desk.text("zone") or zone_of(*chosen))
        with transaction() as session:
            planning.add_slot(session, chosen[0], weekday, clock, zone, actor=desk.actor, now=desk.now)
    except (NotPossible, WrongUsage) as error:
        return _show(desk, 400, {"slot": str(error)})
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
        return _show(desk, 400, {"series": N_("Choose how often it is repeated, and a last day or none.")})
    except CampaignError as error:
        return _show(desk, 400, {"series": str(error)})
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


def _show(desk: DeskRequest, status: int = 200, problems: dict[str, str] | None = None) -> Response:
    services = desk.services()
    by_id, rows = {one.id: one for one in services}, list[dict[str, Any]]()
    with read_session() as session:
        kept = planning.list_slots(session, list(by_id))
        free = {one.id: planning.next_free(session, [one], desk.now) for one in services}
        for one in planning.list_series(session):
            targets, made = _targets_of(session, one), planning.deliveries_of(session, one)
            if any(target.id in by_id for target in targets):
                to_come = [delivery for delivery in made if delivery.state in deliveries.EDITABLE]
                rows.append({"series": one, "targets": targets, "to_come": to_come, "may": _may(desk, targets)})
        drafts = _repeatable(session, desk)
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


def _may(desk: DeskRequest, targets: Sequence[Service]) -> bool:
    return bool(targets) and all(desk.person.may(Role.WRITER, one.id) for one in targets)


def _repeatable(session: Session, desk: DeskRequest) -> list[Delivery]:
    among = [one.id for one in desk.services(Role.WRITER)]
    found = planning.planned_between(session, desk.now, desk.now.replace(year=desk.now.year + 2), among)
    fitting = (
        one
        for one, service_ids in found
        if one.kind is DeliveryKind.POST and one.state in deliveries.EDITABLE and service_ids <= set(among)
    )
    return list(fitting)[:_OFFERED]


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
        return _show_import(desk, posts=analyse_posts(posts), content=_as_text(data), name=name)
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


def _as_text(data: bytes) -> str:
    """Returns the content of a file that could be read, as the form carries it to the button that saves."""
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    return data.decode(encoding, errors="replace")


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
