"""The followers at the desk: searched, filtered, sorted, counted, as a file; and the segments."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route

from campaign.audience import follower_pages, visitors
from campaign.audience.conditions import WrongCondition, parse
from campaign.audience.follower_pages import FollowerPage, Order, Place, Wanted, count_followers, list_followers
from campaign.db.engine import read_session, transaction
from campaign.errors import CampaignError, NotPossible, WrongUsage
from campaign.formatting import csv_lines, whole_number
from campaign.settings import load_settings
from campaign.users import store as users
from campaign.web.desk.access import DeskRequest, desk_route
from campaign.web.desk.wording import N_
from models import Role, Segment

_HOME, _SEGMENTS = "/desk/people", "/desk/people/segments"
_FILTERS = ("service", "search", "segment", "where", "order", "ended")
#: Characters of a condition that are shown before the place of an error.
_BEFORE = 60


def routes() -> list[Route]:
    """Returns the routes of the pages."""
    return [
        desk_route(_HOME, _show_people, Role.VIEWER),
        desk_route(f"{_HOME}/count", _show_count, Role.VIEWER),
        desk_route("/desk/people.csv", _as_file, Role.OPERATOR),
        desk_route(_SEGMENTS, _show_segments, Role.VIEWER),
        desk_route(_SEGMENTS, _save_segment, Role.WRITER, method="POST"),
        desk_route(f"{_SEGMENTS}/{{segment}}", _change_segment, Role.WRITER, method="POST"),
    ]


def _show_people(desk: DeskRequest) -> Response:
    services, typed = desk.services(), {name: desk.text(name) for name in _FILTERS}
    typed["service"] = typed["service"] or (services[0].internal_name if services else "")
    page, problem, position = FollowerPage(), "", 0
    try:
        with read_session() as session:
            known = follower_pages.list_segments(session)
            if services:
                page = list_followers(session, _wanted(desk, session, typed), Place.read(desk.text("after")))
    except WrongUsage as error:
        problem, position = str(error), getattr(error, "position", None) or 0
    facts: dict[str, Any] = {
        "services": services,
        "segments": known,
        "typed": typed,
        "page": page,
        "problem": problem,
        "marked": _marked(typed["where"], position),
        "orders": list(Order),
        "zone": load_settings().timezone,
        "query": urlencode({name: value for name, value in typed.items() if value}),
        "is_first": not desk.text("after"),
        "may_save": desk.person.may_somewhere(Role.WRITER),
    }
    return desk.page("people.html.jinja", 400 if problem else 200, **facts)


def _wanted(desk: DeskRequest, session: Session, typed: dict[str, str]) -> Wanted:
    """Reads the filters; raises WrongUsage for a wrong one."""
    services = desk.services()
    if typed["service"] != "all":
        services = [one for one in services if one.internal_name == typed["service"]]
    if not services:
        raise WrongUsage(N_("Choose one of the accounts."))
    condition = None
    texts = [follower_pages.find_segment(session, typed["segment"]).condition] if typed["segment"] else []
    if texts or typed["where"]:
        condition = visitors.all_of([parse(text) for text in [typed["where"], *texts] if text])
    order = Order(typed["order"]) if typed["order"] in list(Order) else Order.NEWEST
    return Wanted(services, desk.now, typed["search"], condition, typed["ended"] == "yes", order)


def _marked(condition: str, position: int) -> tuple[str, str, str] | None:
    """Returns a wrong condition in three pieces: before the wrong word, its place, behind it."""
    if not position:
        return None
    begin = position - 1
    before = condition[:begin] if begin <= _BEFORE else f"…{condition[begin - _BEFORE : begin]}"
    word, separator, rest = condition[begin:].partition(" ")
    return before, word or " ", separator + rest


def _show_count(desk: DeskRequest) -> Response:
    """Counts for a moment; the page goes on by itself, or by a link, until all are counted."""
    typed = {name: desk.text(name) for name in _FILTERS}
    before, so_far = desk.number("before"), desk.number("so_far")
    known = (None, 0) if before is None or so_far is None else (before, so_far)
    with read_session() as session:
        count = count_followers(session, _wanted(desk, session, typed), *known)
    query = urlencode({name: value for name, value in typed.items() if value})
    facts: dict[str, Any] = {"count": count, "query": query}
    if desk.is_partial:
        return desk.part("people_count.html.jinja", **facts)
    return desk.page("people_counted.html.jinja", **facts)


def _as_file(desk: DeskRequest) -> Response:
    """Sends all of a list as a file, which the audit records."""
    with transaction() as session:
        wanted = _wanted(desk, session, {name: desk.text(name) for name in _FILTERS})
        desk.require(Role.OPERATOR, wanted.services)
        for service in wanted.services:
            users.record_audit(session, desk.actor, f"service {service.internal_name}", "followers exported", desk.now)
    return desk.file("people.csv", _lines(wanted))


def _lines(wanted: Wanted) -> Iterator[str]:
    names = ["service", "external_id", "username", "full_name", "followers_count", "verified", "location"]
    names += ["began_at", "ended_at"]

    def rows() -> Iterator[list[object]]:
        for service in wanted.services:
            place: Place | None = Place()
            while place:
                with read_session() as session:
                    page = list_followers(session, replace(wanted, services=[service]), place)
                for row in page.rows:
                    yield [service.internal_name, *(getattr(row, name) for name in names[1:])]
                place = page.next

    return csv_lines(names, rows())


def _show_segments(desk: DeskRequest, status: int = 200, problem: str = "", marked: Any = None) -> Response:
    with read_session() as session:
        known = follower_pages.list_segments(session)
    services = desk.services()
    facts = {"problem": problem, "marked": marked, "typed": {name: desk.text(name) for name in ("name", "where")}}
    return desk.page(
        "segments.html.jinja",
        status,
        segments=known,
        services=services,
        zone=load_settings().timezone,
        may_save=desk.person.may_somewhere(Role.WRITER),
        **facts,
    )


def _save_segment(desk: DeskRequest) -> Response:
    try:
        with transaction() as session:
            saved = follower_pages.save_segment(
                session, desk.text("name"), desk.text("where"), desk.actor, desk.now, may_replace=False
            )
    except WrongCondition as error:
        return _show_segments(desk, 400, str(error), _marked(desk.text("where"), error.position or 0))
    except CampaignError as error:
        return _show_segments(desk, 400, str(error))
    return desk.redirect(_address(saved), N_("Saved."))


def _address(segment: Segment) -> str:
    return f"{_SEGMENTS}#segment-{segment.id}"


def _change_segment(desk: DeskRequest) -> Response:
    """Renames a segment and replaces its condition, or deletes it."""
    number = whole_number(desk.request.path_params["segment"])
    with transaction() as session:
        segment = session.get(Segment, number) if number else None
        if segment is None:
            raise NotPossible(N_("This segment was deleted meanwhile."))
        if desk.text("do") == "delete":
            follower_pages.delete_segment(session, segment.name, desk.actor, desk.now)
            return desk.redirect(_SEGMENTS, N_("The segment is deleted; broadcasts written with it stay as they are."))
        if desk.text("name") != segment.name:
            follower_pages.rename_segment(session, segment.name, desk.text("name"), desk.actor, desk.now)
        if desk.text("where") != segment.condition:
            follower_pages.save_segment(session, segment.name, desk.text("where"), desk.actor, desk.now)
    return desk.redirect(_address(segment), N_("Saved."))
