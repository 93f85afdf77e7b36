"""Importing a list of contacts: its rows checked, matched and written."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy import String, func, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from campaign.audience import visitors
from campaign.audience.people_files import read_rows, refuse
from campaign.consent.lists import read_moment, suppressed_by
from campaign.consent.lists import read_row as read_consent
from campaign.consent.store import GivenConsent, agree_all, suppress_profiles, visitor_of
from campaign.db.engine import among, transaction
from campaign.errors import NotPossible, WrongUsage
from campaign.services import store as services
from campaign.users import store as users
from models import VISITOR_FOLDER, ConsentSource, Contact

NAMING = ("external_id", "username", "email")
"""The columns of which each row needs one."""
PROFILE = ("full_name", "description", "location", "website", "language")
COLUMNS = (*NAMING, *PROFILE, "consent_service", "consent_source", "consented_at")
#: Without the signs that stand around an address or between two.
_EMAIL_PART = r"[^@\s.<>()\[\],;:\\\"\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060\ufeff]"
_HOST_PART = rf"(?!-)(?:(?![!#$%&'*+/=?^_`{{|}}~]){_EMAIL_PART})+(?<!-)"
_EMAIL = re.compile(rf"(?:\.|{_EMAIL_PART})+@{_HOST_PART}(?:\.{_HOST_PART})*\.(?![0-9]+$){_HOST_PART}")
#: As long as the columns are.
_LONGEST = {"email": 320, "language": 16}


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """A person's consent to messages of a service, from the list."""

    service: str
    """Its internal name, in lower case."""
    source: str
    """Where the evidence is."""
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A person in a list; an empty field is unknown."""

    external_id: str
    username: str
    """In lower case, without the @."""
    email: str
    """In lower case."""
    profile: Mapping[str, str]
    """The other columns by their names."""
    consent: ConsentGiven | None

    @property
    def person(self) -> str:
        """The person as the list names them."""
        return self.external_id or (f"@{self.username}" if self.username else self.email)


def read_row(cells: Mapping[str, str], now: datetime) -> ContactRow:
    """Reads a row; raises WrongUsage for an invalid one."""
    email = read_email(cells.get("email", ""))
    external_id, username = cells.get("external_id", ""), cells.get("username", "").removeprefix("@").lower()
    if not (external_id or username or email):
        raise WrongUsage("external_id, username and email are empty; fill one of them")
    for column, longest in _LONGEST.items():
        if len(cells.get(column, "")) > longest:
            raise WrongUsage(f"{column} is longer than {longest} characters")
    if external_id or username:
        read_consent({"external_id": external_id, "username": username}, "", now)
    profile = {name: cells[name].replace("\x00", "") for name in PROFILE if cells.get(name)}
    return ContactRow(external_id, username, email, profile, _consent(cells, now))


def read_email(text: str) -> str:
    """Returns the address in a cell, in lower case: of `mailto:ana@example.com` and `Ana <ana@example.com>` too.

    Raises WrongUsage where there is no address, or more than one.
    """
    email = text.strip()
    named = re.fullmatch(r"([^<>]*)<([^<>]*)>[\s.,;]*", email)
    if named and ("@" not in named[1] or named[1].strip(" \"'").lower() == named[2].lower()):
        email = named[2].strip()
    if email.lower().startswith("mailto:"):
        email = unquote(email.partition(":")[2].partition("?")[0])
    email = email.strip(" \t\r\n\xa0\u200b\ufeff.,;\"'").replace("\uff20", "@").lower()
    if text.strip() and not _EMAIL.fullmatch(email):
        raise WrongUsage(f"invalid email address {text!r}; write it as in ana@example.com")
    return email


def _consent(cells: Mapping[str, str], now: datetime) -> ConsentGiven | None:
    service, source = cells.get("consent_service", "").removeprefix("@").lower(), cells.get("consent_source", "")
    if not service:
        if source or cells.get("consented_at"):
            raise WrongUsage("consent_service is empty; write the service that the person agreed with")
        return None
    if not source:
        raise WrongUsage("consent_source is empty; write where the evidence of the consent is")
    if not cells.get("consented_at"):
        raise WrongUsage("consented_at is empty; write when the person agreed")
    return ConsentGiven(service, source.replace("\x00", ""), read_moment(cells["consented_at"], now))


def import_contacts(file: Path, actor: str, now: datetime) -> "Imported":
    """Imports a CSV file of contacts; raises WrongUsage that names every row that cannot be used."""
    rows = read_rows(file, COLUMNS, NAMING, lambda cells: read_row(cells, now))
    imported = Imported(len(rows))
    with transaction(durable=True) as session:
        placed, problems = place(session, rows, imported)
        refuse(file, problems)
        write(session, placed, imported, now)
        users.record_audit(session, actor, "contacts", "imported", now, f"{imported.rows:,} rows.")
    return imported


class KnownContacts:
    """Contacts by X user id, email address and handle, in this order of certainty."""

    def __init__(self, session: Session, rows: Sequence[ContactRow], external_ids: Sequence[str | None]) -> None:
        self._by_id: dict[str, Contact] = {}
        self._by_email: dict[str, Contact] = {}
        self._by_username: dict[str, Contact] = {}
        emails = [row.email for row in rows if row.email]
        usernames = [row.username for row in rows if row.username]
        wanted = or_(
            among(session, col(Contact.external_id), [one for one in external_ids if one], String()),
            among(session, col(Contact.email), emails, String()),
            among(session, func.lower(col(Contact.username)), usernames, String()),
        )
        # The oldest is kept where several have the same.
        for contact in session.exec(select(Contact).where(wanted).order_by(col(Contact.id).desc())):
            self.add(contact)

    def add(self, contact: Contact) -> None:
        """Adds a contact for the rows after it."""
        if contact.external_id:
            self._by_id[contact.external_id] = contact
        if contact.email:
            self._by_email[contact.email] = contact
        if contact.username:
            self._by_username[contact.username.lower()] = contact

    def of(self, row: ContactRow, external_id: str | None) -> Contact | None:
        """Returns the contact of a row, never one with another X user id."""
        found = [self._by_id.get(external_id or ""), self._by_email.get(row.email)]
        if not row.email:
            found.append(self._by_username.get(row.username))
        fitting = (one for one in found if one and (not external_id or one.external_id in {None, external_id}))
        return next(fitting, None)


Row = tuple[int, ContactRow]
"""A row and the number of its line."""


@dataclass
class Imported:
    """The outcome of an import; people are named as in the list."""

    rows: int
    made: int = 0
    changed: int = 0
    consents: int = 0
    """Those that began; not those given before, or taken back later."""
    suppressed: list[str] = field(default_factory=list)
    """Their consents are not recorded."""
    erased: list[str] = field(default_factory=list)
    """Nothing of them is saved."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A row with the X user id and the visitor, as far as they are known."""

    row: ContactRow
    external_id: str | None
    visitor_id: int | None


def place(session: Session, rows: Sequence[Row], imported: Imported) -> tuple[list[Placed], list[tuple[int, str]]]:
    """Finds the people of the rows, and the problems by line; erased people are left out."""
    kept = _without_erased(session, rows, imported)
    ids = visitors.with_ids(session, {row.external_id for _, row in kept if row.external_id})
    handles = visitors.with_usernames(
        session, {row.username for _, row in kept if row.username and not row.external_id}
    )
    known = visitors.external_ids(session, [visitor_id for found in handles.values() for visitor_id in found])
    known_services = {service.internal_name.lower() for service in services.list_known(session)}
    placed, problems = list[Placed](), list[tuple[int, str]]()
    for line, row in kept:
        found = [ids[row.external_id]] if row.external_id in ids else []
        found = found or ([] if row.external_id else handles.get(row.username, []))
        if len(found) > 1:
            problems.append((line, f"@{row.username} is the handle of several people: write external_id"))
            continue
        visitor_id = found[0] if found else None
        external_id = row.external_id or known.get(visitor_id or 0)
        placed.append(Placed(row, external_id, visitor_id))
        if row.consent and row.consent.service not in known_services:
            problems.append((line, f"there is no service {row.consent.service}, or it has not been synchronised yet"))
        elif row.consent and external_id is None:
            problems.append((line, "the X user id is unknown, so no consent can be recorded; write external_id"))
    return placed, problems


def _without_erased(session: Session, rows: Sequence[Row], imported: Imported) -> list[Row]:
    # A handle counts only where nothing surer is known, and no visitor has it now: handles change hands.
    owned = visitors.with_usernames(session, {row.username for _, row in rows if row.username})
    names = {
        line: [
            row.external_id,
            visitors.email_name(row.email) if row.email else "",
            visitors.handle_name(row.username)
            if row.username and not row.external_id and row.username not in owned
            else "",
        ]
        for line, row in rows
    }
    known = {name for found in names.values() for name in found if name}
    erased = known.difference(visitors.without_erased(session, known, str))
    imported.erased += [row.person for line, row in rows if erased.intersection(names[line])]
    return [(line, row) for line, row in rows if not erased.intersection(names[line])]


def write(session: Session, placed: Sequence[Placed], imported: Imported, now: datetime) -> None:
    """Writes the contacts and their consents, in the caller's transaction; raises NotPossible on a conflict."""
    known = KnownContacts(session, [one.row for one in placed], [one.external_id for one in placed])
    for one in placed:
        contact = known.of(one.row, one.external_id)
        if contact is None:
            contact = Contact(created_at=now, updated_at=now)
            imported.made += 1
        elif contact.id:
            imported.changed += 1
        # A cell of the list replaces what was known; an empty one does not.
        cells: Mapping[str, str] = {**one.row.profile, "username": one.row.username, "email": one.row.email}
        for name, value in cells.items():
            if value:
                setattr(contact, name, value)
        contact.external_id = one.external_id or contact.external_id
        contact.visitor_id = one.visitor_id or contact.visitor_id
        contact.updated_at = now
        session.add(contact)
        known.add(contact)
        if one.external_id and one.row.username:
            suppress_profiles(session, {one.external_id: one.row.username}, VISITOR_FOLDER, now)
    try:
        session.flush()
    except IntegrityError:
        raise NotPossible("Another run wrote one of these contacts at the same time; import the list again.") from None
    _begin_consents(session, placed, imported, now)


def _begin_consents(session: Session, placed: Sequence[Placed], imported: Imported, now: datetime) -> None:
    for service in services.list_known(session):
        agreements, suppressed = list[GivenConsent](), suppressed_by(session, service.id)
        for one in placed:
            consent = one.row.consent
            if not consent or consent.service != service.internal_name.lower():
                continue
            visitor_id = one.visitor_id or visitor_of(session, one.external_id or "", service.visitor_folder, now)
            if visitor_id in suppressed:
                imported.suppressed.append(one.row.person)
            elif visitor_id:
                agreements.append(GivenConsent(visitor_id, ConsentSource.IMPORT, consent.source, consent.at))
        imported.consents += agree_all(session, service.id, agreements)
