"""Contacts: profiles recovered from X, matched with known contacts, listed and exported."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any, ClassVar, cast

from sqlalchemy import ColumnElement, Select, exists, false, func, or_
from sqlalchemy import select as sa_select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, select

from campaign.audience import visitors
from campaign.audience.people_files import without_address
from campaign.consent.store import PROFILE_COLUMNS, suppress_profiles
from campaign.errors import WrongUsage
from campaign.x.types import Profile
from models import (
    ORIGIN,
    VISITOR_FOLDER,
    Agreement,
    AgreementState,
    Click,
    Consent,
    Contact,
    Delivery,
    Exclusion,
    InvitationOpening,
    Link,
    Message,
    PastSubscription,
    ReconciledBy,
    Service,
    ShortLink,
    Subscription,
    SuppressedHandle,
    Suppression,
    UnclearMessage,
    Unreachable,
    Visitor,
)

_LARGEST = 2**63 - 1
#: The types of the columns of a profile that are not text.
_PROFILE_TYPES: dict[str, type] = {
    "followers_count": int,
    "posts_count": int,
    "verified": bool,
    "joined_x_at": datetime,
}


def misfit_of(profile: Profile) -> str:
    """Returns why a profile cannot be stored, without any of its values; empty if it can, on both databases."""
    columns = SQLModel.metadata.tables["contact"].columns
    for name in ("external_id", *PROFILE_COLUMNS):
        value, longest = getattr(profile, name), getattr(columns[name].type, "length", None)
        wanted = _PROFILE_TYPES.get(name, str)
        # True is an int to Python.
        if value is not None and (not isinstance(value, wanted) or isinstance(value, bool) != (wanted is bool)):
            return f"The profile cannot be stored: its {name} is of the wrong type."
        if isinstance(value, str) and ("\x00" in value or any("\ud800" <= sign <= "\udfff" for sign in value)):
            return f"The profile cannot be stored: its {name} has a character that cannot be stored."
        if isinstance(value, str) and longest and len(value) > longest:
            return f"The profile cannot be stored: its {name} has more than {longest} characters."
        if isinstance(value, int) and abs(value) > _LARGEST:
            return f"The profile cannot be stored: its {name} is too large a number."
    return ""


def save_profile(
    session: Session, profile: Profile, keys: Sequence[ReconciledBy], now: datetime
) -> tuple[Contact, ReconciledBy]:
    """Saves a profile in the contact with its X user id, or with one of these keys, or in a new one.

    Returns the contact and what identified it.
    """
    try:
        with session.begin_nested():
            return _save_profile(session, profile, keys, now)
    except IntegrityError:  # another transaction wrote the contact of this X user id at the same time
        return _save_profile(session, profile, keys, now)


def _save_profile(
    session: Session, profile: Profile, keys: Sequence[ReconciledBy], now: datetime
) -> tuple[Contact, ReconciledBy]:
    contact, reconciled_by = _matching_contact(session, profile, keys, now)
    for name in PROFILE_COLUMNS:
        value = getattr(profile, name)
        # A contact that was known before keeps the fields that it has.
        if value is not None and (reconciled_by is ReconciledBy.X_USER_ID or getattr(contact, name) is None):
            setattr(contact, name, value.lower() if name == "email" else value)
    visitor = select(Visitor.id).where(col(Visitor.origin) == ORIGIN, col(Visitor.external_id) == profile.external_id)
    contact.external_id, contact.visitor_id = profile.external_id, session.scalar(visitor)
    contact.updated_at = now
    session.add(contact)
    session.flush()
    suppress_profiles(session, {profile.external_id: profile.username}, VISITOR_FOLDER, now)
    return contact, reconciled_by


def _matching_contact(
    session: Session, profile: Profile, keys: Sequence[ReconciledBy], now: datetime
) -> tuple[Contact, ReconciledBy]:
    same = session.scalar(select(Contact).where(col(Contact.external_id) == profile.external_id).with_for_update())
    if same:
        return same, ReconciledBy.X_USER_ID
    columns = {
        ReconciledBy.EMAIL: (profile.email, col(Contact.email)),
        ReconciledBy.USERNAME: (profile.username, func.lower(col(Contact.username))),
    }
    for key in keys:
        value, column = columns.get(key, (None, None))
        if value:
            unlinked = select(Contact).where(col(Contact.external_id).is_(None), column == value.lower())
            found = list(session.scalars(unlinked.limit(2).with_for_update()))
            if len(found) == 1:  # among several, none is guessed
                return found[0], key
    return Contact(created_at=now, updated_at=now), ReconciledBy.NOTHING


_RUNS = (AgreementState.AGREED, AgreementState.RECOVERED)


@dataclass(frozen=True, slots=True)
class ContactRow(visitors.Row):
    """A contact as listed, with the services that may see the profile."""

    external_id: str | None
    username: str | None
    full_name: str | None
    email: str | None
    location: str | None
    followers_count: int | None
    services: tuple[str, ...]
    updated_at: datetime

    LABELS: ClassVar[dict[str, str]] = {
        "external_id": "External ID",
        "username": "Username",
        "full_name": "Full name",
        "email": "Email",
        "location": "Location",
        "followers_count": "Followers",
        "services": "Agreed with",
        "updated_at": "Changed",
    }


def contacts_of(session: Session, service_id: int | None = None, limit: int | None = None) -> Iterator[ContactRow]:
    """Yields the contacts (of a service: those whose agreement runs), the most recently changed first."""
    newest = col(Contact.updated_at).desc(), col(Contact.id).desc()
    found = list(session.scalars(_chosen(sa_select(Contact), service_id).order_by(*newest).limit(limit)))
    agreements = (
        sa_select(col(Agreement.external_id), col(Service.internal_name))
        .join(Service, col(Service.id) == col(Agreement.service_id))
        .where(col(Agreement.state).in_(_RUNS))
        .distinct()
        .order_by(col(Service.internal_name))
    )
    services: dict[str | None, tuple[str, ...]] = {}
    for external_id, service in session.execute(agreements):
        services[external_id] = (*services.get(external_id, ()), service)
    for contact in found:
        yield ContactRow(
            contact.external_id,
            contact.username,
            contact.full_name,
            contact.email,
            contact.location,
            contact.followers_count,
            services.get(contact.external_id, ()),
            contact.updated_at,
        )


def search_contacts(
    session: Session, text: str, service_ids: Sequence[int] | None, *, limit: int, before_id: int | None = None
) -> list[Contact]:
    """Lists contacts with a text in their handle, name or email address, the newest first.

    With services, only people whose agreement with one of them runs.
    """
    found = select(Contact).order_by(col(Contact.id).desc()).limit(limit)
    if service_ids is not None:
        agreed = exists().where(
            col(Agreement.external_id) == col(Contact.external_id),
            col(Agreement.service_id).in_(service_ids),
            col(Agreement.state).in_(_RUNS),
        )
        found = found.where(agreed)
    if wanted := text.strip().removeprefix("@").replace("\x00", "").lower():
        columns = (col(Contact.username), col(Contact.full_name), col(Contact.email))
        found = found.where(or_(*(func.lower(one).contains(wanted, autoescape=True) for one in columns)))
    if before_id is not None:
        found = found.where(col(Contact.id) < before_id)
    return list(session.exec(found))


def count_contacts(session: Session, service_id: int | None = None) -> int:
    """Counts the contacts (of a service)."""
    return session.scalar(_chosen(sa_select(func.count()).select_from(Contact), service_id)) or 0


def _chosen(query: Select[Any], service_id: int | None) -> Select[Any]:
    if service_id is None:
        return query
    agreed = exists().where(
        col(Agreement.external_id) == col(Contact.external_id),
        col(Agreement.service_id) == service_id,
        col(Agreement.state).in_(_RUNS),
    )
    return query.where(agreed)


@dataclass(frozen=True, slots=True)
class Person:
    """A person with data in the database: as a visitor, as a contact, or only by an agreement."""

    external_id: str | None
    """X user id; None for an imported contact that was never linked to X."""
    visitor: Visitor | None
    contacts: Sequence[Contact]

    @property
    def visitor_id(self) -> int | None:
        """Returns the id of the visitor."""
        return self.visitor.id if self.visitor else None

    @property
    def handles(self) -> set[str]:
        """Returns the known handles of the person, in lower case."""
        names = [self.visitor.username if self.visitor else None, *(contact.username for contact in self.contacts)]
        return {name.lower() for name in names if name}

    @property
    def called(self) -> str:
        """Returns a name of the person for a sentence."""
        names: list[str | None] = [f"@{handle}" for handle in sorted(self.handles)]
        names += [self.external_id, *(contact.email for contact in self.contacts)]
        return next(filter(None, names), "")


def find(session: Session, *, external_id: str = "", username: str = "", email: str = "") -> Person:
    """Finds one person by exactly one of these; raises WrongUsage for none, and for several."""
    given = {"--external-id": external_id.strip(), "--username": username.strip(), "--email": email.strip()}
    named = [(option, text) for option, text in given.items() if text]
    if len(named) != 1:
        raise WrongUsage("Name one person: with --external-id, --username or --email.")
    option, text = named[0]
    if option == "--external-id":
        return _person(session, text, [], option)
    if option == "--username":
        is_address, text = "/" in text, without_address(text)
        if is_address and text.isdigit():
            return _person(session, text, [], option)
        text = text.removeprefix("@").lower()
        if visitors.with_usernames(session, [text]):
            return _person(session, visitors.named(session, f"@{text}").external_id, [], option)
        found = _contacts(session, func.lower(col(Contact.username)) == text)
    else:
        found = _contacts(session, col(Contact.email) == text.lower())
    asked = f"{option} {text}"
    ids = {contact.external_id for contact in found}
    if len(ids) > 1 or (ids == {None} and len(found) > 1):
        listed = " and ".join(sorted(contact.external_id or f"contact {contact.id}" for contact in found))
        raise WrongUsage(f"{asked} is that of several people: {listed}. Name one with --external-id.")
    if not found:
        raise WrongUsage(f"No data is kept of {asked}.")
    return _person(session, found[0].external_id, found, asked)


def _person(session: Session, external_id: str | None, contacts: Sequence[Contact], asked: str) -> Person:
    if external_id is None:
        return Person(None, None, contacts)
    visitor: Visitor | None = session.scalar(
        select(Visitor).where(col(Visitor.origin) == ORIGIN, col(Visitor.external_id) == external_id)
    )
    is_person = col(Contact.external_id) == external_id
    same = _contacts(session, or_(is_person, col(Contact.visitor_id) == visitor.id) if visitor else is_person)
    agreed = session.scalar(select(Agreement.id).where(col(Agreement.external_id) == external_id).limit(1))
    if not (visitor or same or agreed):
        raise WrongUsage(f"No data is kept of {asked} {external_id}.")
    return Person(external_id, visitor, same)


def _contacts(session: Session, is_wanted: ColumnElement[bool]) -> list[Contact]:
    return list(session.exec(select(Contact).where(is_wanted).order_by(col(Contact.id))))


#: In the order in which they are shown; a table that refers to another comes after it.
SECTIONS: Mapping[str, type[SQLModel]] = {
    "visitor": Visitor,
    "subscriptions": Subscription,
    "past_subscriptions": PastSubscription,
    "contact": Contact,
    "agreements": Agreement,
    "consents": Consent,
    "suppressions": Suppression,
    "unclear_messages": UnclearMessage,
    "suppressed_handles": SuppressedHandle,
    "unreachable": Unreachable,
    "messages": Message,
    "short_links": ShortLink,
    "clicks": Click,
    "invitation_openings": InvitationOpening,
    "exclusions": Exclusion,
}


def is_about(person: Person, table: type[SQLModel]) -> ColumnElement[bool]:
    """Returns whether a row of a table is about the person."""
    contacts = [contact.id for contact in person.contacts]
    conditions: dict[type[SQLModel], ColumnElement[bool]] = {
        Visitor: col(Visitor.id) == person.visitor_id,
        Contact: col(Contact.id).in_(contacts),
        SuppressedHandle: col(SuppressedHandle.handle).in_(person.handles),
        Agreement: or_(col(Agreement.external_id) == person.external_id, col(Agreement.contact_id).in_(contacts)),
    }
    if table in conditions:
        return conditions[table]
    if person.visitor_id is None:
        return false()
    columns = table.__table__.c  # type: ignore[attr-defined]
    if table in {ShortLink, Click}:
        messages = select(Message.id).where(col(Message.visitor_id) == person.visitor_id)
        return cast("ColumnElement[bool]", columns.message_id.in_(messages))
    return cast("ColumnElement[bool]", columns.visitor_id == person.visitor_id)


#: Copies that conditions are compared with.
_FOLDED = {"folded_name", "folded_location"}


def as_document(session: Session, person: Person) -> dict[str, Any]:
    """Returns all data held about a person as one JSON document, with names in place of internal ids."""
    records: dict[str, list[Any]] = {
        section: list(session.scalars(select(table).where(is_about(person, table))))
        for section, table in SECTIONS.items()
    }
    links = select(Link.id, Link.url).where(col(Link.id).in_({link.link_id for link in records["short_links"]}))
    names: dict[str, dict[int, str]] = {
        "service": dict(session.execute(select(Service.id, Service.internal_name)).tuples().all()),
        "delivery": dict(session.execute(select(Delivery.id, Delivery.name)).tuples().all()),
        "link": dict(session.execute(links).tuples().all()),
    }
    document: dict[str, Any] = {"external_id": person.external_id}
    for section, rows in records.items():
        document[section] = [row.model_dump(mode="json", exclude=_FOLDED) for row in rows]
        for row, (name, known) in product(document[section], names.items()):
            if f"{name}_id" in row:
                row[name] = known.get(row.pop(f"{name}_id"))
    return document
