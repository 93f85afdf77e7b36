"""Everything that is held of one person, table by table: what an export shows and an erasure removes."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, false, or_
from sqlmodel import Session, SQLModel, col, select

from campaign.store.contact_people import Person
from models import (
    Agreement,
    Click,
    Consent,
    Contact,
    Delivery,
    Exclusion,
    InvitationOpening,
    Link,
    Message,
    PastSubscription,
    Service,
    ShortLink,
    Subscription,
    Suppression,
    Unreachable,
    Visitor,
)

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
