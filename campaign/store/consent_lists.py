"""Consents and suppressions as people and scripts see them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, exists, func, select
from sqlmodel import Session, col

from models import EVERY_SERVICE, Consent, Service, Suppression, Visitor

_PERSON: tuple[Any, ...] = (Visitor.external_id, Visitor.username)


class _Listed:
    """A row of a list: its columns, with the words that people read."""

    LABELS: ClassVar[dict[str, str]]

    def as_row(self) -> dict[str, str]:
        """The columns under their labels, as text."""
        return {label: _text(getattr(self, name)) for name, label in self.LABELS.items()}

    def as_json(self) -> dict[str, Any]:
        """The columns under their names."""
        values = ((name, getattr(self, name)) for name in self.LABELS)
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value or "")


@dataclass(frozen=True, slots=True)
class ListedConsent(_Listed):
    """A consent: whose, what proves it, from when to when."""

    external_id: str
    username: str | None
    source: str
    proof: str
    given_at: datetime
    ended_at: datetime | None
    ended_because: str
    suppressed: bool
    """Nothing is sent all the same."""

    LABELS: ClassVar[dict[str, str]] = {
        "external_id": "External ID",
        "username": "Username",
        "source": "Source",
        "proof": "Proof",
        "given_at": "Given",
        "ended_at": "Ended",
        "ended_because": "Because",
        "suppressed": "Suppressed",
    }


@dataclass(frozen=True, slots=True)
class ListedSuppression(_Listed):
    """A suppression: whose, by which service (all of them when there is none), why, what proves it, since when."""

    external_id: str
    username: str | None
    service: str | None
    reason: str
    proof: str
    at: datetime

    LABELS: ClassVar[dict[str, str]] = {
        "external_id": "External ID",
        "username": "Username",
        "service": "Service",
        "reason": "Reason",
        "proof": "Proof",
        "at": "Since",
    }


def consents_of(session: Session, service_id: int, *, ended: bool, limit: int | None = None) -> Iterator[ListedConsent]:
    """The consents of a service, the newest first: the running ones, or with those that ended."""
    suppressed = exists().where(
        col(Suppression.service_id).in_([service_id, EVERY_SERVICE]),
        col(Suppression.visitor_id) == col(Consent.visitor_id),
    )
    names = ("source", "proof", "given_at", "ended_at", "ended_because")
    rows = (
        select(*_PERSON, *(getattr(Consent, name) for name in names), suppressed)
        .join(Visitor, col(Visitor.id) == col(Consent.visitor_id))
        .where(*_chosen(service_id, ended=ended))
        .order_by(col(Consent.id).desc())
        .limit(limit)
    )
    for row in session.execute(rows.execution_options(yield_per=1000)):
        yield ListedConsent(*row)


def count_consents(session: Session, service_id: int, *, ended: bool) -> int:
    """Count the consents of a service."""
    return session.scalar(select(func.count()).select_from(Consent).where(*_chosen(service_id, ended=ended))) or 0


def _chosen(service_id: int, *, ended: bool) -> list[ColumnElement[bool]]:
    of_service = col(Consent.service_id) == service_id
    return [of_service] if ended else [of_service, col(Consent.ended_at).is_(None)]


def suppressions(session: Session, limit: int | None = None) -> Iterator[ListedSuppression]:
    """Everybody who is never written to, the newest first."""
    names = ("reason", "proof", "at")
    rows = (
        select(*_PERSON, col(Service.internal_name), *(getattr(Suppression, name) for name in names))
        .join(Visitor, col(Visitor.id) == col(Suppression.visitor_id))
        .outerjoin(Service, col(Service.id) == col(Suppression.service_id))
        .order_by(col(Suppression.at).desc(), col(Suppression.visitor_id).desc())
        .limit(limit)
    )
    for row in session.execute(rows.execution_options(yield_per=1000)):
        yield ListedSuppression(*row)


def count_suppressions(session: Session) -> int:
    """Count the suppressions."""
    return session.scalar(select(func.count()).select_from(Suppression)) or 0
