"""Listing contacts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlmodel import Session, col

from models import Agreement, AgreementState, Contact, Service

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
    found = list(session.scalars(_chosen(select(Contact), service_id).order_by(*newest).limit(limit)))
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
    return session.scalar(_chosen(select(func.count()).select_from(Contact), service_id)) or 0


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
        select(col(Agreement.external_id), col(Service.internal_name))
        .join(Service, col(Service.id) == col(Agreement.service_id))
        .where(col(Agreement.state).in_(_RUNS))
        .distinct()
        .order_by(col(Service.internal_name))
    )
    names: dict[str, list[str]] = {}
    for external_id, name in session.execute(rows):
        names.setdefault(external_id, []).append(name)
    return names
