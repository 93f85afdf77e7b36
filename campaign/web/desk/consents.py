"""Consents, the suppression list and contacts at the desk: listed, changed, imported from and sent as CSV files."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from starlette.datastructures import UploadFile
from starlette.responses import Response
from starlette.routing import Route

from campaign.audience.people_files import read_sent
from campaign.consent import lists
from campaign.contacts import store as contacts
from campaign.contacts.importing import import_contacts
from campaign.db.engine import read_session, transaction
from campaign.errors import CampaignError, WrongUsage
from campaign.formatting import csv_lines
from campaign.services.store import zone_of
from campaign.settings import load_settings
from campaign.users import store as users
from campaign.web.desk.access import DeskRequest, desk_route
from campaign.web.desk.wording import N_
from models import EVERY_SERVICE, Role, Service

_CONSENTS, _DENYLIST, _CONTACTS = "/desk/people/consents", "/desk/people/denylist", "/desk/people/contacts"
_ROWS = 100
_ALL = "all"
_Result = TypeVar("_Result")


def routes() -> list[Route]:
    """Returns the routes of the pages."""
    return [
        desk_route(_CONSENTS, show_consents, Role.VIEWER),
        desk_route(f"{_CONSENTS}.csv", download_consents, Role.OPERATOR),
        desk_route(f"{_CONSENTS}/import", upload_consents, Role.OPERATOR, method="POST"),
        desk_route(_DENYLIST, show_denylist, Role.VIEWER),
        desk_route(_DENYLIST, change_denylist, Role.OPERATOR, method="POST"),
        desk_route(f"{_DENYLIST}.csv", download_denylist, Role.OPERATOR, everywhere=True),
        desk_route(f"{_DENYLIST}/import", upload_denylist, Role.OPERATOR, method="POST"),
        desk_route(_CONTACTS, show_contacts, Role.VIEWER),
        desk_route(_CONTACTS, upload_contacts, Role.OPERATOR, method="POST", everywhere=True),
    ]


def _chosen(desk: DeskRequest, role: Role = Role.VIEWER) -> Service:
    """Returns the account that is named, else the first one; raises WrongUsage where there is none."""
    named, found = desk.text("service"), desk.services()
    chosen = [one for one in found if one.internal_name == named] if named else found[:1]
    if not chosen:
        raise WrongUsage(N_("Choose one of the accounts."))
    desk.require(role, chosen)
    return chosen[0]


def show_consents(desk: DeskRequest, status: int = 200, problem: str = "", report: Any = None) -> Response:
    """Lists the consents of an account, and the answers that a person must decide."""
    known, rows, unclear, total = desk.services(), list[lists.ListedConsent](), list[lists.ListedUnclear](), 0
    service = next((one for one in known if one.internal_name == desk.text("service")), known[0] if known else None)
    has_ended, before = desk.text("ended") == "yes", desk.number("before")
    with read_session() as session:
        if service:
            found = lists.consents_of(session, service.id, ended=has_ended, limit=_ROWS + 1, before_id=before)
            rows, total = list(found), lists.count_consents(session, service.id, ended=has_ended)
        for one in known:
            unclear += lists.unclear_messages(session, one.id, _ROWS)
    return desk.page(
        "consents.html.jinja",
        status,
        services=known,
        service=service,
        rows=rows[:_ROWS],
        more=rows[_ROWS - 1].id if len(rows) > _ROWS else None,
        total=total,
        has_ended=has_ended,
        unclear=unclear,
        operated={one.internal_name for one in desk.services(Role.OPERATOR)},
        problem=problem,
        report=report,
        typed={"note": desk.text("note")},
        zone=zone_of(*([service] if service else [])),
    )


def download_consents(desk: DeskRequest) -> Response:
    """Sends the consents of an account as a file, which the audit records."""
    service = _chosen(desk, Role.OPERATOR)
    with transaction() as session:
        users.record_audit(session, desk.actor, f"service {service.internal_name}", "consents exported", desk.now)

    def rows() -> Iterator[list[object]]:
        with read_session() as session:
            for row in lists.consents_of(session, service.id, ended=True):
                yield list(row.as_json().values())

    return desk.file("consents.csv", csv_lines(list(lists.ListedConsent.LABELS), rows()))


def upload_consents(desk: DeskRequest) -> Response:
    """Begins the consents of a CSV file, as `campaign consent import` does."""
    service, note, now = _chosen(desk, Role.OPERATOR), desk.text("note"), desk.now
    try:
        rows = _read(desk, lambda file: lists.read_consents(file, note, now))
        with transaction(durable=True) as session:
            imported = lists.import_consents(session, service, rows, desk.actor, now)
    except CampaignError as error:
        return show_consents(desk, 400, str(error))
    return show_consents(desk, report=imported)


def _read(desk: DeskRequest, read: Callable[[Path], _Result]) -> _Result:
    sent = desk.form.get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        raise WrongUsage(N_("Choose a CSV file."))
    return read_sent(sent.filename, sent.file, read)


def _listed(desk: DeskRequest) -> Service | None:
    """Returns the account whose suppression list is meant; None for that of all, for a person with a role for all."""
    named = desk.text("service")
    if named == _ALL:
        desk.require_everywhere(Role.VIEWER)
    return None if named == _ALL or (not named and desk.person.may(Role.VIEWER)) else _chosen(desk)


def show_denylist(desk: DeskRequest, status: int = 200, problem: str = "", report: Any = None) -> Response:
    """Lists the people and handles that get nothing."""
    service, before = _listed(desk), desk.number("before")
    number = service.id if service else EVERY_SERVICE
    with read_session() as session:
        rows = lists.suppressed_people(session, number, limit=_ROWS + 1, before=before)
        handles = lists.suppressed_handles(session, number, limit=_ROWS)
    may_change = desk.person.may(Role.OPERATOR, number)
    return desk.page(
        "denylist.html.jinja",
        status,
        services=desk.services(),
        service=service,
        rows=rows[:_ROWS],
        more=rows[_ROWS - 1].visitor_id if len(rows) > _ROWS else None,
        handles=handles,
        may_change=may_change,
        problem=problem,
        report=report,
        typed={name: desk.text(name) for name in ("person", "note")},
        zone=load_settings().timezone,
    )


def _operated(desk: DeskRequest) -> Service | None:
    """Returns the account of a form, None for all of them; the desk's person must be its operator, or that of all."""
    service = _listed(desk)
    if service:
        desk.require(Role.OPERATOR, [service])
    else:
        desk.require_everywhere(Role.OPERATOR)
    return service


def change_denylist(desk: DeskRequest) -> Response:
    """Adds a person to the suppression list, or removes the person from it."""
    service, person = _operated(desk), desk.text("person")
    try:
        with transaction(durable=True) as session:
            if desk.text("do") == "remove":
                lists.remove_from_denylist(session, person, service, desk.actor, desk.now)
            else:
                lists.add_to_denylist(session, person, desk.text("note"), service, desk.actor, desk.now)
    except CampaignError as error:
        return show_denylist(desk, 400, str(error))
    return desk.redirect(f"{_DENYLIST}?service={service.internal_name if service else _ALL}", N_("Saved."))


def download_denylist(desk: DeskRequest) -> Response:
    """Sends the suppression list as a file, which the audit records."""
    with transaction() as session:
        users.record_audit(session, desk.actor, "all services", "denylist exported", desk.now)

    def rows() -> Iterator[list[object]]:
        with read_session() as session:
            for row in lists.suppressions(session):
                yield list(row.as_json().values())

    return desk.file("denylist.csv", csv_lines(list(lists.ListedSuppression.LABELS), rows()))


def upload_denylist(desk: DeskRequest) -> Response:
    """Adds the people of a CSV file to the suppression list."""
    service, note, now = _operated(desk), desk.text("note"), desk.now
    try:
        rows = _read(desk, lambda file: lists.read_denylist(file, note, now))
        with transaction(durable=True) as session:
            imported = lists.import_denylist(session, service, rows, desk.actor, now)
    except CampaignError as error:
        return show_denylist(desk, 400, str(error))
    return show_denylist(desk, report=imported)


def show_contacts(desk: DeskRequest, status: int = 200, problem: str = "", report: Any = None) -> Response:
    """Lists the contacts, newest first."""
    service = _chosen(desk) if desk.text("service") not in {"", _ALL} else None
    sees_all, before = desk.person.may(Role.VIEWER), desk.number("before")
    numbers = None if sees_all and service is None else [one.id for one in ([service] if service else desk.services())]
    with read_session() as session:
        rows = contacts.search_contacts(session, desk.text("search"), numbers, limit=_ROWS + 1, before_id=before)
    return desk.page(
        "contacts.html.jinja",
        status,
        services=desk.services(),
        service=service,
        search=desk.text("search"),
        rows=rows[:_ROWS],
        more=rows[_ROWS - 1].id if len(rows) > _ROWS else None,
        problem=problem,
        report=report,
        zone=load_settings().timezone,
    )


def upload_contacts(desk: DeskRequest) -> Response:
    """Takes over the contacts of a CSV file."""
    try:
        imported = _read(desk, lambda file: import_contacts(file, desk.actor, desk.now))
    except CampaignError as error:
        return show_contacts(desk, 400, str(error))
    return show_contacts(desk, report=imported)
