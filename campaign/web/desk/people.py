"""The followers at the desk: searched, filtered, sorted, counted, as a file; the segments; and one person.

Of a person: profile, followings, consents, messages and clicks, and what operators may do about it.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import orjson
from babel.numbers import format_decimal
from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route

from campaign.audience import follower_pages, visitors
from campaign.audience.conditions import WrongCondition, parse
from campaign.audience.follower_pages import FollowerPage, Order, Place, Wanted, count_followers, list_followers
from campaign.broadcasts.analysis import EXCLUSION_SENTENCES
from campaign.consent import lists
from campaign.contacts import erasure
from campaign.contacts import store as contacts
from campaign.contacts.erasure import is_known_to, profile_of, read_history
from campaign.contacts.store import Person
from campaign.db.engine import read_session, transaction
from campaign.errors import CampaignError, NotPossible, WrongUsage
from campaign.formatting import csv_lines, whole_number
from campaign.services import store as services
from campaign.settings import load_settings
from campaign.users import store as users
from campaign.web.desk.access import DeskRequest, NotAllowed, NotThere, desk_route
from campaign.web.desk.wording import N_, gettext
from campaign.x.error_table import MESSAGES, RECIPIENTS
from models import EVERY_SERVICE, Contact, Role, Segment, Service, Visitor

_HOME, _SEGMENTS = "/desk/people", "/desk/people/segments"
_FILTERS = ("service", "search", "segment", "where", "order", "ended")
#: Characters of a condition that are shown before the place of an error.
_BEFORE = 60


def show_people(desk: DeskRequest) -> Response:
    """Lists the followers that a search and a condition find."""
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


def show_count(desk: DeskRequest) -> Response:
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


def download_people(desk: DeskRequest) -> Response:
    """Sends all of a list as a file, which the audit records."""
    with transaction() as session:
        wanted = _wanted(desk, session, {name: desk.text(name) for name in _FILTERS})
        desk.require(Role.OPERATOR, wanted.services)
        for service in wanted.services:
            users.record_audit(session, desk.actor, f"service {service.internal_name}", "followers exported", desk.now)
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

    return desk.file("people.csv", csv_lines(names, rows()))


def show_segments(desk: DeskRequest, status: int = 200, problem: str = "", marked: Any = None) -> Response:
    """Lists the saved segments."""
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


def create_segment(desk: DeskRequest) -> Response:
    """Saves a new segment."""
    try:
        with transaction() as session:
            saved = follower_pages.save_segment(
                session, desk.text("name"), desk.text("where"), desk.actor, desk.now, may_replace=False
            )
    except WrongCondition as error:
        return show_segments(desk, 400, str(error), _marked(desk.text("where"), error.position or 0))
    except CampaignError as error:
        return show_segments(desk, 400, str(error))
    return desk.redirect(_address(saved), N_("Saved."))


def _address(segment: Segment) -> str:
    return f"{_SEGMENTS}#segment-{segment.id}"


def change_segment(desk: DeskRequest) -> Response:
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


_PERSON, _CONTACT = "/desk/people/{person}", "/desk/people/contacts/{contact}"
#: What is held of a person, by the name of its section.
_HELD = {
    "visitor": N_("profile on X"),
    "subscriptions": N_("followings"),
    "past_subscriptions": N_("earlier followings"),
    "contact": N_("contact"),
    "agreements": N_("agreements"),
    "consents": N_("consents"),
    "suppressions": N_("entries in suppression lists"),
    "unclear_messages": N_("unclear answers"),
    "suppressed_handles": N_("handles in suppression lists"),
    "unreachable": N_("accounts that cannot write to the person"),
    "messages": N_("messages"),
    "short_links": N_("short links"),
    "clicks": N_("clicks"),
    "invitation_openings": N_("opened invitations"),
    "exclusions": N_("broadcasts that left the person out"),
}


def routes() -> list[Route]:
    """Returns the routes of the lists, and of a person: one who was met on X, or a contact who was not."""
    found = []
    for one in (_PERSON, _CONTACT):
        found += [
            desk_route(one, show_person, Role.VIEWER),
            desk_route(f"{one}/data.json", export_person, Role.OPERATOR, everywhere=True),
            desk_route(f"{one}/erase", erase_person, Role.OPERATOR, method="POST", everywhere=True),
        ]
    return [
        desk_route(_HOME, show_people, Role.VIEWER),
        desk_route(f"{_HOME}/count", show_count, Role.VIEWER),
        desk_route("/desk/people.csv", download_people, Role.OPERATOR),
        desk_route(_SEGMENTS, show_segments, Role.VIEWER),
        desk_route(_SEGMENTS, create_segment, Role.WRITER, method="POST"),
        desk_route(f"{_SEGMENTS}/{{segment}}", change_segment, Role.WRITER, method="POST"),
        *found,
        desk_route(f"{_PERSON}/consent", change_consent, Role.OPERATOR, method="POST"),
        desk_route(f"{_PERSON}/denylist", change_denylist, Role.OPERATOR, method="POST"),
    ]


def _find(desk: DeskRequest, session: Session) -> Person:
    """Finds the person in the address; raises NotThere where there is none that may be seen."""
    path, person = desk.request.path_params, None
    number = whole_number(str(path.get("person") or path.get("contact")))
    row: Any = session.get(Visitor if "person" in path else Contact, number) if number else None
    if row is not None:
        person = contacts.find(session, external_id=row.external_id) if row.external_id else Person(None, None, [row])
    visible = [one.id for one in _visible(desk, session)]
    if person is None or not (desk.person.may(Role.VIEWER) or is_known_to(session, person, visible)):
        raise NotThere
    return person


def _visible(desk: DeskRequest, session: Session, role: Role = Role.VIEWER) -> list[Service]:
    """Returns the accounts, disconnected ones too, for which the desk's person has a role."""
    return [one for one in services.list_known(session) if desk.person.may(role, one.id)]


def show_person(desk: DeskRequest, status: int = 200, problem: str = "") -> Response:
    """Shows one person: history, consents, messages and clicks."""
    with read_session() as session:
        person, visible = _find(desk, session), _visible(desk, session)
        history = read_history(session, person, [one.id for one in visible])
        held = erasure.count_held(session, person) if desk.person.may(Role.OPERATOR) else {}
    return desk.page(
        "person.html.jinja",
        status,
        problem=problem,
        person=person,
        profile=profile_of(person),
        history=history,
        of={one.id: one for one in visible},
        operated=[one for one in visible if one.is_connected and desk.person.may(Role.OPERATOR, one.id)],
        held_list=", ".join(
            f"{gettext(desk.language, _HELD[name])} ({format_decimal(count, locale=desk.language)})"
            for name, count in held.items()
        ),
        address=_address_of(desk),
        to_type=_to_type(person),
        typed={name: desk.text(name) for name in ("note", "handle")},
        zone=load_settings().timezone,
        EVERY_SERVICE=EVERY_SERVICE,
        left_out_because=EXCLUSION_SENTENCES,
        unreachable_because={row.reason: row.message for row in (*MESSAGES, *RECIPIENTS)},
    )


def _address_of(desk: DeskRequest) -> str:
    path = desk.request.path_params
    return f"/desk/people/{path['person']}" if "person" in path else f"/desk/people/contacts/{path['contact']}"


def _to_type(person: Person) -> str:
    """Returns what an operator types to erase the person: the handle, else what else the person is called."""
    return person.called.removeprefix("@")


def change_consent(desk: DeskRequest) -> Response:
    """Grants or withdraws the person's consent, or decides an unclear message of the person."""
    try:
        with transaction(durable=True) as session:
            visitor, service = _visitor(desk, session), _chosen(desk, session)
            match desk.text("do"):
                case "grant":
                    lists.grant_consent(session, service, visitor, desk.text("note"), desk.actor, desk.now)
                case "withdraw":
                    lists.withdraw_consent(session, service, visitor, desk.text("note"), desk.actor, desk.now)
                case given:
                    is_opt_out = given == "opt-out"
                    lists.decide_unclear(session, service, visitor, desk.actor, desk.now, is_opt_out=is_opt_out)
    except NotAllowed:
        raise
    except CampaignError as error:
        return show_person(desk, 400, str(error))
    return desk.redirect(
        desk.text("back") if desk.text("back") == "/desk/people/consents" else _address_of(desk), N_("Saved.")
    )


def change_denylist(desk: DeskRequest) -> Response:
    """Adds the person to the suppression list of an account or of all, or removes the person from it."""
    try:
        with transaction(durable=True) as session:
            visitor = _visitor(desk, session)
            service = None if desk.text("service") == "all" else _chosen(desk, session)
            if service is None:
                desk.require_everywhere(Role.OPERATOR)
            if desk.text("do") == "remove":
                lists.remove_from_denylist(session, visitor.external_id, service, desk.actor, desk.now)
            else:
                note = desk.text("note")
                lists.add_to_denylist(session, visitor.external_id, note, service, desk.actor, desk.now)
    except NotAllowed:
        raise
    except CampaignError as error:
        return show_person(desk, 400, str(error))
    return desk.redirect(_address_of(desk), N_("Saved."))


def _visitor(desk: DeskRequest, session: Session) -> Visitor:
    found = _find(desk, session).visitor
    if found is None:
        raise NotThere
    return found


def _chosen(desk: DeskRequest, session: Session) -> Service:
    """Returns the account of a form, for which the desk's person must be an operator."""
    named = [one for one in _visible(desk, session) if one.internal_name == desk.text("service")]
    if not named:
        raise WrongUsage(N_("Choose one of the accounts."))
    desk.require(Role.OPERATOR, named)
    return named[0]


def export_person(desk: DeskRequest) -> Response:
    """Sends everything that is stored about a person, which the audit records."""
    document = erasure.export_person(lambda session: _find(desk, session), desk.actor, desk.now)
    content = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    headers = {"Content-Disposition": 'attachment; filename="person.json"'}
    return Response(content, media_type="application/json", headers=headers)


def erase_person(desk: DeskRequest) -> Response:
    """Erases the person, after a tick and the handle that the operator typed."""
    with read_session() as session:
        wanted = _to_type(_find(desk, session))
    if desk.text("sure") != "yes" or desk.text("handle").removeprefix("@").lower() != wanted.lower():
        return show_person(desk, 400, N_("Tick the box and type the name as it is shown; nothing was erased."))
    try:
        erased = erasure.erase_person(lambda session: _find(desk, session), desk.actor, desk.now)
    except NotPossible as error:
        return show_person(desk, 400, str(error))
    if erased.still_named_in:
        return desk.page("person_erased.html.jinja", places=erased.still_named_in)
    return desk.redirect("/desk/people", N_("The person is erased for good."))
