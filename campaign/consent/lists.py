"""Consents as lists: shown to people and scripts, and imported from a file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, exists, func
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from campaign.audience import visitors
from campaign.consent.store import Agreement, agree_all
from campaign.errors import WrongUsage
from models import EVERY_SERVICE, Consent, ConsentSource, Service, Suppression, Visitor

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
        sa_select(*_PERSON, *(getattr(Consent, name) for name in names), suppressed)
        .join(Visitor, col(Visitor.id) == col(Consent.visitor_id))
        .where(*_chosen(service_id, ended=ended))
        .order_by(col(Consent.id).desc())
        .limit(limit)
    )
    for row in session.execute(rows.execution_options(yield_per=1000)):
        yield ListedConsent(*row)


def count_consents(session: Session, service_id: int, *, ended: bool) -> int:
    """Count the consents of a service."""
    return session.scalar(sa_select(func.count()).select_from(Consent).where(*_chosen(service_id, ended=ended))) or 0


def _chosen(service_id: int, *, ended: bool) -> list[ColumnElement[bool]]:
    of_service = col(Consent.service_id) == service_id
    return [of_service] if ended else [of_service, col(Consent.ended_at).is_(None)]


def suppressions(session: Session, limit: int | None = None) -> Iterator[ListedSuppression]:
    """Everybody who is never written to, the newest first."""
    names = ("reason", "proof", "at")
    rows = (
        sa_select(*_PERSON, col(Service.internal_name), *(getattr(Suppression, name) for name in names))
        .join(Visitor, col(Visitor.id) == col(Suppression.visitor_id))
        .outerjoin(Service, col(Service.id) == col(Suppression.service_id))
        .order_by(col(Suppression.at).desc(), col(Suppression.visitor_id).desc())
        .limit(limit)
    )
    for row in session.execute(rows.execution_options(yield_per=1000)):
        yield ListedSuppression(*row)


def count_suppressions(session: Session) -> int:
    """Count the suppressions."""
    return session.scalar(sa_select(func.count()).select_from(Suppression)) or 0


COLUMNS = ("external_id", "username", "given_at", "source", "proof")
_SOURCES = (ConsentSource.IMPORT, ConsentSource.OPT_IN_FORM)
_ID, _USERNAME = re.compile(r"[0-9]{1,20}"), re.compile(r"[a-z0-9_]{1,50}")
#: Nobody agreed to anything on X before its first day.
_X_BEGAN = datetime(2006, 3, 21, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """That a person agreed, as a list says: by X user id, or by username where that is empty."""

    external_id: str
    username: str
    """In lower case, without the @."""
    source: ConsentSource
    proof: str
    given_at: datetime

    @property
    def person(self) -> str:
        """The person as the list names them."""
        return self.external_id or f"@{self.username}"


def read_row(cells: Mapping[str, str], note: str, now: datetime) -> ConsentRow:
    """Read a row; raises WrongUsage saying what is wrong with it. What proves it is the note where it has no proof."""
    external_id, username = cells.get("external_id", ""), cells.get("username", "").removeprefix("@").lower()
    if not external_id and not username:
        raise WrongUsage("names nobody")
    if external_id and not _ID.fullmatch(external_id):
        raise WrongUsage(f"{external_id!r} is no X user id")
    if username and not _USERNAME.fullmatch(username):
        raise WrongUsage(f"{username!r} is no handle")
    source, given_at = _source(cells.get("source", "")), _moment(cells.get("given_at", ""), now)
    return ConsentRow(external_id, username, source, cells.get("proof") or note, given_at)


def _source(text: str) -> ConsentSource:
    if text and text not in _SOURCES:
        raise WrongUsage(f"the source {text!r} is neither {' nor '.join(_SOURCES)}")
    return ConsentSource(text or ConsentSource.IMPORT)


def _moment(text: str, now: datetime) -> datetime:
    if not text:
        return now
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(f"the moment {text!r} is not written as in 2026-11-24 or 2026-11-24T09:00") from None
    moment = said if said.tzinfo else said.replace(tzinfo=UTC)
    if not _X_BEGAN <= moment <= now:
        raise WrongUsage(f"the moment {text!r} is {'in the future' if moment > now else 'before X began'}")
    return moment


@dataclass
class Imported:
    """What came of a list; people are told as it names them."""

    rows: int
    given: int = 0
    unchanged: int = 0
    """Agreed before, stand in the list twice, or took it back after what the list says."""
    suppressed: list[str] = field(default_factory=list)
    """Never written to, so nothing is kept of them."""
    unknown: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)
    """Handles of several visitors."""


def import_consents(session: Session, service_id: int, rows: Sequence[ConsentRow]) -> Imported:
    """Begin the consents of everybody in a list who is known and not suppressed."""
    imported = Imported(len(rows))
    agreements = list(_agreements(session, service_id, rows, imported))
    imported.given = agree_all(session, service_id, agreements)
    imported.unchanged = len(agreements) - imported.given
    return imported


def _agreements(
    session: Session, service_id: int, rows: Sequence[ConsentRow], imported: Imported
) -> Iterator[Agreement]:
    ids = visitors.with_ids(session, {row.external_id for row in rows if row.external_id})
    usernames = visitors.with_usernames(session, {row.username for row in rows if not row.external_id})
    suppressed = suppressed_by(session, service_id)
    for row in rows:
        found = [ids[row.external_id]] if row.external_id in ids else []
        if not row.external_id:
            found = usernames.get(row.username, [])
        if len(found) != 1:
            (imported.ambiguous if found else imported.unknown).append(row.person)
        elif found[0] in suppressed:
            imported.suppressed.append(row.person)
        else:
            yield Agreement(found[0], row.source, row.proof, row.given_at)


def suppressed_by(session: Session, service_id: int) -> set[int]:
    """The visitors whom this service never writes to."""
    by = col(Suppression.service_id).in_([service_id, EVERY_SERVICE])
    return set(session.exec(select(Suppression.visitor_id).where(by)))
