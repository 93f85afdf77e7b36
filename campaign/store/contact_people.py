"""One person in everything that is held: found by X user id, handle or email address."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_
from sqlmodel import Session, col, select

from campaign.errors import WrongUsage
from campaign.store import people
from models import ORIGIN, Agreement, Contact, Visitor


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
    known = people.with_usernames(session, [handle])
    if known:
        return _person(session, people.named(session, f"@{handle}").external_id, [], "--username")
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
