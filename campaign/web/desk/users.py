"""The pages of an operator of all services: the people with access and their roles, and the audit of what was done."""

import re
from collections.abc import Iterator
from typing import Any

from sqlmodel import Session
from starlette.responses import Response
from starlette.routing import Route

from campaign.db.engine import read_session, transaction
from campaign.errors import WrongUsage
from campaign.formatting import csv_lines
from campaign.services.fields import ServiceFields
from campaign.settings import load_settings
from campaign.users import store as users
from campaign.web.desk import access
from campaign.web.desk.access import DeskRequest, desk_route, own_address
from campaign.web.desk.wording import N_, label
from models import EVERY_SERVICE, Role, User

_USERS, _AUDIT = "/desk/users", "/desk/audit"
_ROWS = 100
_TYPED = ("name", "full_name", "email")


#: What the audit names, before its name or alone.
_SUBJECTS = {
    "service": N_("account"),
    "user": N_("user"),
    "template": N_("template"),
    "segment": N_("segment"),
    "file": N_("file"),
    "workflow": N_("workflow"),
    "person": N_("person"),
}
_ALONE = (N_("all services"), N_("contacts"), N_("a person without a number"), N_("an erased person"))
_ACTIONS = (
    *(N_("created"), N_("changed"), N_("analysis"), N_("analysed"), N_("asked"), N_("approved"), N_("confirmed")),
    *(N_("accepted"), N_("being edited"), N_("comment"), N_("in progress"), N_("paused"), N_("stopped")),
    *(N_("finished"), N_("failed"), N_("expired"), N_("proof"), N_("proof asked"), N_("withdrawn")),
    *(N_("withdrawal asked"), N_("repeated"), N_("of a series"), N_("settled"), N_("log exported")),
    *(N_("connected"), N_("disconnected"), N_("slot added"), N_("slot removed"), N_("sync started"), N_("enabled")),
    *(N_("added"), N_("removed"), N_("saved"), N_("replaced"), N_("renamed"), N_("deleted"), N_("exported")),
    *(N_("erased"), N_("imported"), N_("roles changed"), N_("link made"), N_("signed in"), N_("no account")),
    *(N_("wrong password"), N_("password chosen"), N_("password changed"), N_("email changed")),
    *(N_("audit exported"), N_("consents exported"), N_("denylist exported"), N_("followers exported")),
    *(N_("consents imported"), N_("denylist imported"), N_("consent granted"), N_("consent withdrawn")),
    *(N_("unclear message decided"), N_("added to denylist"), N_("removed from denylist")),
    *(N_("encryption key replaced"), N_("keys and tokens deleted")),
)

#: What a detail of the audit names.
_DETAILS = (
    *(N_("label"), N_("code"), N_("description"), N_("kind"), N_("proof service"), N_("content"), N_("contact date")),
    *(N_("validity days"), N_("approval"), N_("tracking"), N_("is invitation"), N_("priority"), N_("services")),
    *(N_("Monday {1} ({zone})"), N_("Tuesday {1} ({zone})"), N_("Wednesday {1} ({zone})")),
    *(N_("Thursday {1} ({zone})"), N_("Friday {1} ({zone})"), N_("Saturday {1} ({zone})"), N_("Sunday {1} ({zone})")),
    *(N_("{handle}:viewer"), N_("{handle}:writer"), N_("{handle}:approver"), N_("{handle}:operator")),
)


def routes() -> list[Route]:
    """Returns the routes of the pages."""
    return [
        desk_route(_USERS, show_users, Role.OPERATOR, everywhere=True),
        desk_route(_USERS, add_user, Role.OPERATOR, method="POST", everywhere=True),
        desk_route(f"{_USERS}/{{user}}", change_user, Role.OPERATOR, method="POST", everywhere=True),
        desk_route(_AUDIT, show_audit, Role.OPERATOR, everywhere=True),
        desk_route(f"{_AUDIT}.csv", download_audit, Role.OPERATOR, everywhere=True),
    ]


def show_users(desk: DeskRequest, status: int = 200, **facts: Any) -> Response:
    """Lists the people who may use the desk, with their roles."""
    with read_session() as session:
        people = [(user, users.roles_of(session, user)) for user in users.list_users(session)]
    typed = dict.fromkeys(_TYPED, "")
    known = {"problem": "", "link": "", "added": None, "typed": typed} | facts
    return desk.page("users.html.jinja", status, people=people, services=desk.services(), roles=access.ROLES, **known)


def add_user(desk: DeskRequest) -> Response:
    """Adds a person and shows the one-time link."""
    typed, roles = {name: desk.text(name) for name in _TYPED}, _roles_in(desk)
    if not roles:
        return show_users(desk, 400, problem=N_("Choose a role, for all accounts or for one of them."), typed=typed)
    try:
        with transaction() as session:
            user = users.add_user(session, typed["name"], typed["full_name"], roles, desk.now, email=typed["email"])
            _record(session, desk, user, "added", roles)
            link = users.one_time_link(user)
    except WrongUsage as error:
        return show_users(desk, 400, problem=str(error), typed=typed)
    return show_users(desk, link=own_address(desk.request, link), added=user)


def change_user(desk: DeskRequest) -> Response:
    """Changes the roles of a person, makes a new one-time link, or takes the access away."""
    with transaction() as session:
        user = users.find_user(session, desk.request.path_params["user"])
        match desk.text("do"):
            case "remove":
                users.remove_user(session, user, desk.now)
                _record(session, desk, user, "removed")
            case "link":
                _record(session, desk, user, "link made")
                return show_users(desk, link=own_address(desk.request, users.one_time_link(user)), added=user)
            case _:
                roles = _roles_in(desk)
                users.set_roles(session, user, roles)
                _record(session, desk, user, "roles changed", roles)
    return desk.redirect(_USERS, N_("Saved."))


def _roles_in(desk: DeskRequest) -> dict[int, Role]:
    chosen = {EVERY_SERVICE: desk.text("role")} | {one.id: desk.text(f"role-{one.id}") for one in desk.services()}
    return {service_id: Role(role) for service_id, role in chosen.items() if role in list(Role)}


def _record(session: Session, desk: DeskRequest, user: User, action: str, roles: dict[int, Role] | None = None) -> None:
    names = {one.id: f"{one.internal_name}:" for one in desk.services()} | {EVERY_SERVICE: ""}
    written = ", ".join(f"{names[one]}{role.value}" for one, role in (roles or {}).items())
    users.record_audit(
        session, desk.actor, f"user {user.name}", action, desk.now, f"Roles: {written}." if written else ""
    )


def show_audit(desk: DeskRequest) -> Response:
    """Lists who did what, newest first."""
    actor, search = desk.text("who"), desk.text("search")
    with read_session() as session:
        found = users.list_audit(session, actor=actor, search=search, before_id=desk.number("before"), limit=_ROWS + 1)
        rows, actors = list(found), users.list_actors(session)
    more, zone = rows[_ROWS - 1].id if len(rows) > _ROWS else None, load_settings().timezone
    return desk.page(
        "audit.html.jinja",
        rows=rows[:_ROWS],
        more=more,
        actors=actors,
        zone=zone,
        actor=actor,
        search=search,
        subject=lambda row: _subject(desk, row.subject),
        detail=_detail,
    )


def _detail(row: users.AuditRow) -> str:
    """Returns the detail of an entry, with changed settings of an account as its form calls them."""
    known = ServiceFields.model_fields if row.subject.startswith("service ") and row.action == "changed" else {}
    return re.sub(r"\w+", lambda word: (word[0] in known and known[word[0]].title) or word[0], row.detail)


def _subject(desk: DeskRequest, named: str) -> str:
    kind, space, name = named.partition(" ")
    return (
        f"{label(desk.language, _SUBJECTS[kind])} {name}"
        if space and kind in _SUBJECTS
        else label(desk.language, named)
    )


def download_audit(desk: DeskRequest) -> Response:
    """Sends the audit as a file, which the audit records."""
    with transaction() as session:
        users.record_audit(session, desk.actor, "all services", "audit exported", desk.now)

    def rows() -> Iterator[Any]:
        with read_session() as session:
            for row in users.list_audit(session, actor=desk.text("who"), search=desk.text("search")):
                yield row.as_cells()

    return desk.file("audit.csv", csv_lines(users.AUDIT_COLUMNS, rows()))
