"""Importing a list of contacts: its rows checked, matched and written."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import String, func, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from campaign.audience import erased as erasures
from campaign.audience import visitors
from campaign.consent.lists import read_row as read_consent
from campaign.consent.lists import suppressed_by
from campaign.consent.store import Agreement, agree_all, visitor_of
from campaign.db.json_rows import among
from campaign.errors import NotPossible, WrongUsage
from campaign.services import store as services
from models import ConsentSource, Contact, Service

NAMING = ("external_id", "username", "email")
"""The columns of which each row needs one."""
PROFILE = ("full_name", "description", "location", "website", "language")
COLUMNS = (*NAMING, *PROFILE, "consent_service", "consent_source", "consented_at")
_EMAIL = re.compile(r"[^@\s\x00]+@[^@\s.\x00]+(\.[^@\s.\x00]+)+")
#: As long as the columns are.
_LONGEST = {"email": 320, "language": 16}


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """That the person agreed to be written to by a service, as the list says."""

    service: str
    """Its internal name, in lower case."""
    source: str
    """Where that is written."""
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A person, as a list says; what is empty is not known."""

    external_id: str
    username: str
    """In lower case, without the @."""
    email: str
    """In lower case."""
    profile: Mapping[str, str]
    """What the other columns say, by their names."""
    consent: ConsentGiven | None

    @property
    def person(self) -> str:
        """The person as the list names them."""
        return self.external_id or (f"@{self.username}" if self.username else self.email)


def read_row(cells: Mapping[str, str], now: datetime) -> ContactRow:
    """Read a row; raises WrongUsage saying what is wrong with it."""
    email = cells.get("email", "").lower()
    external_id, username = cells.get("external_id", ""), cells.get("username", "").removeprefix("@").lower()
    if not (external_id or username or email):
        raise WrongUsage("names nobody")
    if email and not _EMAIL.fullmatch(email):
        raise WrongUsage(f"{email!r} is no email address")
    for column, longest in _LONGEST.items():
        if len(cells.get(column, "")) > longest:
            raise WrongUsage(f"{column} is longer than {longest} characters")
    if external_id or username:
        read_consent({"external_id": external_id, "username": username}, "", now)
    profile = {name: cells[name].replace("\x00", "") for name in PROFILE if cells.get(name)}
    return ContactRow(external_id, username, email, profile, _consent(cells, now))


def _consent(cells: Mapping[str, str], now: datetime) -> ConsentGiven | None:
    service, source = cells.get("consent_service", "").removeprefix("@").lower(), cells.get("consent_source", "")
    if not service:
        if source or cells.get("consented_at"):
            raise WrongUsage("says that somebody agreed, and not to which service: write it in consent_service")
        return None
    if not source:
        raise WrongUsage("says nothing in consent_source: write where the consent is kept")
    if not cells.get("consented_at"):
        raise WrongUsage("says nothing in consented_at: write when the person agreed")
    given = read_consent({"username": "somebody", "given_at": cells["consented_at"]}, source, now)
    return ConsentGiven(service, source.replace("\x00", ""), given.given_at)


class KnownContacts:
    """Contacts by what tells that a row is about one: the X user id, then the address, then the handle."""

    def __init__(self, session: Session, rows: Sequence[ContactRow], external_ids: Sequence[str | None]) -> None:
        """Read those that any of the rows may be about."""
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
        """Let later rows find it."""
        if contact.external_id:
            self._by_id[contact.external_id] = contact
        if contact.email:
            self._by_email[contact.email] = contact
        if contact.username:
            self._by_username[contact.username.lower()] = contact

    def of(self, row: ContactRow, external_id: str | None) -> Contact | None:
        """The contact of a row; nobody whose X user id is known to be another one."""
        found = [self._by_id.get(external_id or ""), self._by_email.get(row.email)]
        if not row.email:
            found.append(self._by_username.get(row.username))
        fitting = (one for one in found if one and (not external_id or one.external_id in {None, external_id}))
        return next(fitting, None)


Row = tuple[int, ContactRow]
"""A row and the number of its line."""


@dataclass
class Imported:
    """What came of a list; people are told as it names them."""

    rows: int
    made: int = 0
    changed: int = 0
    consents: int = 0
    """Those that began; whoever agreed before, or took it back later, is not among them."""
    suppressed: list[str] = field(default_factory=list)
    """Never written to, so that their consents are not kept."""
    erased: list[str] = field(default_factory=list)
    """They asked to be forgotten, so nothing is kept of them."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A row, and who on X it is about as far as that is known."""

    row: ContactRow
    external_id: str | None
    visitor_id: int | None


def place(session: Session, rows: Sequence[Row], imported: Imported) -> tuple[list[Placed], list[tuple[int, str]]]:
    """Find who the rows are about, and what is wrong with which line; those who were erased are left out."""
    kept = _without_erased(session, rows, imported)
    ids = visitors.with_ids(session, {row.external_id for _, row in kept if row.external_id})
    handles = visitors.with_usernames(
        session, {row.username for _, row in kept if row.username and not row.external_id}
    )
    known = visitors.external_ids(session, [visitor_id for found in handles.values() for visitor_id in found])
    known_services = _services(session)
    placed, problems = list[Placed](), list[tuple[int, str]]()
    for line, row in kept:
        found = [ids[row.external_id]] if row.external_id in ids else []
        found = found or ([] if row.external_id else handles.get(row.username, []))
        if len(found) > 1:
            problems.append((line, f"@{row.username} is the handle of several people: write external_id"))
            continue
        visitor_id = found[0] if found else None
        placed.append(Placed(row, row.external_id or known.get(visitor_id or 0), visitor_id))
        problems += [(line, problem) for problem in _consent_problems(placed[-1], known_services)]
    return placed, problems


def _without_erased(session: Session, rows: Sequence[Row], imported: Imported) -> list[Row]:
    kept = list(rows)
    for names in (_id_of, _email_of, _handle_of):
        named = [each for each in kept if names(each[1])]
        staying = erasures.without_erased(session, named, lambda each, names=names: names(each[1]))  # type: ignore[misc]
        gone = {line for line, _ in named} - {line for line, _ in staying}
        imported.erased += [row.person for line, row in kept if line in gone]
        kept = [each for each in kept if each[0] not in gone]
    return kept


def _id_of(row: ContactRow) -> str:
    return row.external_id


def _email_of(row: ContactRow) -> str:
    return erasures.email_name(row.email) if row.email else ""


def _handle_of(row: ContactRow) -> str:
    """Only where nothing surer is known: handles change hands."""
    return erasures.handle_name(row.username) if row.username and not row.external_id else ""


def _services(session: Session) -> dict[str, Service]:
    return {service.internal_name.lower(): service for service in services.list_known(session)}


def _consent_problems(placed: Placed, known_services: Collection[str]) -> Iterator[str]:
    consent = placed.row.consent
    if consent and consent.service not in known_services:
        yield f"there is no service {consent.service}, or it has not been synchronised yet"
    elif consent and placed.external_id is None:
        yield "nobody can be written to whose X user id is not known: write external_id, or leave the consent out"


def write(session: Session, placed: Sequence[Placed], imported: Imported, now: datetime) -> None:
    """Write the contacts and their consents, in the caller's transaction; raises NotPossible when others just did."""
    known = KnownContacts(session, [one.row for one in placed], [one.external_id for one in placed])
    for one in placed:
        contact = known.of(one.row, one.external_id)
        if contact is None:
            contact = Contact(created_at=now, updated_at=now)
            imported.made += 1
        elif contact.id:
            imported.changed += 1
        _fill(contact, one, now)
        session.add(contact)
        known.add(contact)
    try:
        session.flush()
    except IntegrityError:
        raise NotPossible("Somebody wrote one of these contacts at the same moment; import the list again.") from None
    imported.consents = sum(
        agree_all(session, service.id, _agreements(session, service, given, imported, now))
        for service, given in _by_service(session, placed)
    )


def _fill(contact: Contact, one: Placed, now: datetime) -> None:
    """What the list says replaces what was known; what it leaves empty stays."""
    told: Mapping[str, str] = {**one.row.profile, "username": one.row.username, "email": one.row.email}
    for name, value in told.items():
        if value:
            setattr(contact, name, value)
    contact.external_id = one.external_id or contact.external_id
    contact.visitor_id = one.visitor_id or contact.visitor_id
    contact.updated_at = now


def _by_service(
    session: Session, placed: Iterable[Placed]
) -> Iterator[tuple[Service, list[tuple[Placed, ConsentGiven]]]]:
    given: dict[str, list[tuple[Placed, ConsentGiven]]] = defaultdict(list)
    for one in placed:
        if one.row.consent:
            given[one.row.consent.service].append((one, one.row.consent))
    known = _services(session)
    for name, consents in given.items():
        yield known[name], consents


def _agreements(
    session: Session,
    service: Service,
    given: Sequence[tuple[Placed, ConsentGiven]],
    imported: Imported,
    now: datetime,
) -> Iterator[Agreement]:
    never = suppressed_by(session, service.id)
    for one, consent in given:
        visitor_id = one.visitor_id or visitor_of(session, one.external_id or "", service.visitor_folder, now)
        if visitor_id in never:
            imported.suppressed.append(one.row.person)
        elif visitor_id:
            yield Agreement(visitor_id, ConsentSource.IMPORT, consent.source, consent.at)
