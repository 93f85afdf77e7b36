"""Contacts: profiles recovered from X, and what tells that one belongs to somebody who is known already."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, exists, false, func, or_
from sqlalchemy import select as sa_select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, select

from campaign.audience import visitors
from campaign.consent.agreements import LEARNT
from campaign.errors import WrongUsage
from campaign.x.types import Profile
from models import (
    ORIGIN,
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
    Suppression,
    Unreachable,
    Visitor,
)


def keys_of(reconciliation: str) -> list[ReconciledBy]:
    """The keys that a service names, the first first."""
    return [ReconciledBy(key.strip()) for key in reconciliation.split(",") if key.strip()]


def learn(
    session: Session, profile: Profile, keys: Sequence[ReconciledBy], now: datetime, *, may_link: bool
) -> tuple[Contact, ReconciledBy]:
    """Keep a profile with the contact that it belongs to, or as a new one; returns it and what told.

    Without `may_link` nobody is looked for outside X: only the X user id tells then.
    """
    try:
        with session.begin_nested():
            return _learn(session, profile, keys, now, may_link=may_link)
    except IntegrityError:  # somebody else wrote the contact of this X user id at the same moment
        return _learn(session, profile, keys, now, may_link=may_link)


def _learn(
    session: Session, profile: Profile, keys: Sequence[ReconciledBy], now: datetime, *, may_link: bool
) -> tuple[Contact, ReconciledBy]:
    contact, told_by = _known(session, profile, keys if may_link else [], now)
    for name, value in _told(profile).items():
        # What a contact was known by before stays as it was written.
        if told_by is ReconciledBy.X_USER_ID or getattr(contact, name) is None:
            setattr(contact, name, value)
    contact.external_id, contact.visitor_id = profile.external_id, _visitor(session, profile.external_id)
    contact.updated_at = now
    session.add(contact)
    session.flush()
    return contact, told_by


def _known(
    session: Session, profile: Profile, keys: Sequence[ReconciledBy], now: datetime
) -> tuple[Contact, ReconciledBy]:
    same = session.scalar(select(Contact).where(col(Contact.external_id) == profile.external_id).with_for_update())
    if same:
        return same, ReconciledBy.X_USER_ID
    for key in keys:
        if found := _found(session, key, profile):
            return found, key
    return Contact(created_at=now, updated_at=now), ReconciledBy.NOTHING


def _found(session: Session, key: ReconciledBy, profile: Profile) -> Contact | None:
    """The one contact, not on X yet, that has this; of several nobody is guessed."""
    sought = {ReconciledBy.EMAIL: profile.email, ReconciledBy.USERNAME: profile.username}.get(key)
    if not sought:
        return None
    column = col(Contact.email) if key is ReconciledBy.EMAIL else func.lower(col(Contact.username))
    wanted = select(Contact).where(col(Contact.external_id).is_(None), column == sought.lower())
    found = list(session.scalars(wanted.limit(2).with_for_update()))
    return found[0] if len(found) == 1 else None


def _told(profile: Profile) -> dict[str, Any]:
    told = {name: getattr(profile, name) for name in LEARNT if getattr(profile, name) is not None}
    return told | ({"email": profile.email.lower()} if profile.email else {})


def _visitor(session: Session, external_id: str) -> int | None:
    met = select(Visitor.id).where(col(Visitor.origin) == ORIGIN, col(Visitor.external_id) == external_id)
    found: int | None = session.scalar(met)
    return found


_RUNS = (AgreementState.AGREED, AgreementState.RECOVERED)


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact as listed, with the services that may see the profile."""

    external_id: str | None
    username: str | None
    full_name: str | None
    email: str | None
    location: str | None
    followers_count: int | None
    services: tuple[str, ...]
    updated_at: datetime

    def as_row(self) -> dict[str, str]:
        """The contact as text."""
        return {
            "External ID": self.external_id or "",
            "Username": self.username or "",
            "Full name": self.full_name or "",
            "Email": self.email or "",
            "Location": self.location or "",
            "Followers": "" if self.followers_count is None else f"{self.followers_count:,}",
            "Agreed with": ", ".join(self.services),
            "Changed": f"{self.updated_at:%Y-%m-%d %H:%M}",
        }

    def as_json(self) -> dict[str, Any]:
        """The contact under the names of the columns."""
        names = ("external_id", "username", "full_name", "email", "location", "followers_count", "services")
        return {name: getattr(self, name) for name in names} | {"updated_at": self.updated_at.isoformat()}


def contacts_of(session: Session, service_id: int | None = None, limit: int | None = None) -> Iterator[ContactRow]:
    """The contacts (of a service: whoever agreed, and did not take it back), those changed last first."""
    newest = col(Contact.updated_at).desc(), col(Contact.id).desc()
    found = list(session.scalars(_chosen(sa_select(Contact), service_id).order_by(*newest).limit(limit)))
    names = _services_of(session)
    for contact in found:
        yield ContactRow(
            contact.external_id,
            contact.username,
            contact.full_name,
            contact.email,
            contact.location,
            contact.followers_count,
            tuple(names.get(contact.external_id or "", ())),
            contact.updated_at,
        )


def count_contacts(session: Session, service_id: int | None = None) -> int:
    """Count the contacts (of a service)."""
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


def _services_of(session: Session) -> dict[str, list[str]]:
    """The names of the services with which each person has a running agreement."""
    rows = (
        sa_select(col(Agreement.external_id), col(Service.internal_name))
        .join(Service, col(Service.id) == col(Agreement.service_id))
        .where(col(Agreement.state).in_(_RUNS))
        .distinct()
        .order_by(col(Service.internal_name))
    )
    names: dict[str, list[str]] = {}
    for external_id, name in session.execute(rows):
        names.setdefault(external_id, []).append(name)
    return names


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of whom something is held: as a visitor, as a contact, or only by an agreement."""

    external_id: str | None
    """X user id; None for an imported contact that was never linked to X."""
    visitor: Visitor | None
    contacts: Sequence[Contact]

    @property
    def visitor_id(self) -> int | None:
        """The id of the visitor."""
        return self.visitor.id if self.visitor else None

    @property
    def handles(self) -> set[str]:
        """The handles the person is known by, in lower case."""
        names = [self.visitor.username if self.visitor else None, *(contact.username for contact in self.contacts)]
        return {name.lower() for name in names if name}

    @property
    def called(self) -> str:
        """What to call the person in a sentence."""
        names = [f"@{handle}" for handle in sorted(self.handles)]
        return next(iter([*names, self.external_id or "", *(contact.email or "" for contact in self.contacts)]), "")


def find(session: Session, *, external_id: str = "", username: str = "", email: str = "") -> Person:
    """Find one person by exactly one of these; raises WrongUsage for nobody, and for several."""
    given = {"--external-id": external_id.strip(), "--username": username.strip(), "--email": email.strip()}
    named = [(option, text) for option, text in given.items() if text]
    if len(named) != 1:
        raise WrongUsage("Name one person: with --external-id, --username or --email.")
    option, text = named[0]
    if option == "--external-id":
        return _person(session, text, [], option)
    if option == "--username":
        return _by_username(session, text)
    found = _contacts(session, col(Contact.email) == text.lower())
    return _of_contacts(session, found, f"{option} {text}")


def _by_username(session: Session, username: str) -> Person:
    """By the visitor of that name; a contact who is no visitor by what the contact says."""
    handle = username.removeprefix("@").lower()
    known = visitors.with_usernames(session, [handle])
    if known:
        return _person(session, visitors.named(session, f"@{handle}").external_id, [], "--username")
    found = _contacts(session, func.lower(col(Contact.username)) == handle)
    return _of_contacts(session, found, f"--username {handle}")


def _of_contacts(session: Session, found: list[Contact], asked: str) -> Person:
    ids = {contact.external_id for contact in found}
    if len(ids) > 1 or (ids == {None} and len(found) > 1):
        listed = " and ".join(sorted(contact.external_id or f"contact {contact.id}" for contact in found))
        raise WrongUsage(f"{asked} is that of several people: {listed}. Name one with --external-id.")
    if not found:
        raise WrongUsage(f"Nothing is held of {asked}.")
    return _person(session, found[0].external_id, found, asked)


def _person(session: Session, external_id: str | None, contacts: Sequence[Contact], asked: str) -> Person:
    """Everything that has this X user id, and the contacts that were found."""
    if external_id is None:
        return Person(None, None, contacts)
    found = session.scalar(
        select(Visitor).where(col(Visitor.origin) == ORIGIN, col(Visitor.external_id) == external_id)
    )
    visitor: Visitor | None = found
    is_person = col(Contact.external_id) == external_id
    same = _contacts(session, or_(is_person, col(Contact.visitor_id) == visitor.id) if visitor else is_person)
    agreed = session.scalar(select(Agreement.id).where(col(Agreement.external_id) == external_id).limit(1))
    if not (visitor or same or agreed):
        raise WrongUsage(f"Nothing is held of {asked} {external_id}.")
    return Person(external_id, visitor, same)


def _contacts(session: Session, is_wanted: ColumnElement[bool]) -> list[Contact]:
    return list(session.exec(select(Contact).where(is_wanted).order_by(col(Contact.id))))


#: In the order in which they are shown; whatever leans on another comes after it.
SECTIONS: Mapping[str, type[SQLModel]] = {
    "visitor": Visitor,
    "subscriptions": Subscription,
    "past_subscriptions": PastSubscription,
    "contact": Contact,
    "agreements": Agreement,
    "consents": Consent,
    "suppressions": Suppression,
    "unreachable": Unreachable,
    "messages": Message,
    "short_links": ShortLink,
    "clicks": Click,
    "invitation_openings": InvitationOpening,
    "exclusions": Exclusion,
}


def records_of(session: Session, person: Person) -> dict[str, list[Any]]:
    """The rows of each section; none of another person."""
    return {name: list(session.scalars(rows_of(person, table))) for name, table in SECTIONS.items()}


def rows_of(person: Person, table: type[SQLModel]) -> Select[Any]:
    """The rows of a table that are about the person."""
    return select(table).where(is_about(person, table))


def is_about(person: Person, table: type[SQLModel]) -> ColumnElement[bool]:
    """Whether a row of a table is about the person."""
    contacts = [contact.id for contact in person.contacts]
    if table is Visitor:
        return col(Visitor.id) == person.visitor_id
    if table is Contact:
        return col(Contact.id).in_(contacts)
    if table is Agreement:
        is_of_person = col(Agreement.external_id) == person.external_id
        return or_(is_of_person, col(Agreement.contact_id).in_(contacts))
    if person.visitor_id is None:
        return false()
    columns = table.__table__.c  # type: ignore[attr-defined]
    if table in {ShortLink, Click}:
        messages = select(Message.id).where(col(Message.visitor_id) == person.visitor_id)
        return cast("ColumnElement[bool]", columns.message_id.in_(messages))
    return cast("ColumnElement[bool]", columns.visitor_id == person.visitor_id)


def as_document(session: Session, person: Person) -> dict[str, Any]:
    """Everything held about a person as one JSON document, with names where the tables have numbers."""
    records = records_of(session, person)
    services = dict(session.execute(select(Service.id, Service.internal_name)).tuples().all())
    deliveries = dict(session.execute(select(Delivery.id, Delivery.name)).tuples().all())
    addresses = _addresses(session, [link.link_id for link in records["short_links"]])
    names = {"service": services, "delivery": deliveries, "link": addresses}
    return {
        "external_id": person.external_id,
        **{section: [_plain(row, names) for row in rows] for section, rows in records.items()},
    }


def _addresses(session: Session, link_ids: Iterable[int]) -> dict[int, str]:
    found = select(Link.id, Link.url).where(col(Link.id).in_(set(link_ids)))
    return dict(session.execute(found).tuples().all())


def _plain(row: SQLModel, names: Mapping[str, Mapping[int, str]]) -> dict[str, Any]:
    """A row as JSON; services, deliveries and links by what people know them by."""
    plain = row.model_dump(mode="json")
    for name, known in names.items():
        if f"{name}_id" in plain:
            number = plain.pop(f"{name}_id")
            plain[name] = known.get(number) if number else None
    return plain
