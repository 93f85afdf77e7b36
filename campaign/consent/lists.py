"""Lists of consents and suppressions, and the import of consents from a file."""

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


@dataclass(frozen=True, slots=True)
class ListedConsent(visitors.Row):
    """A consent as listed."""

    external_id: str
    username: str | None
    source: str
    proof: str
    given_at: datetime
    ended_at: datetime | None
    ended_because: str
    suppressed: bool

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
class ListedSuppression(visitors.Row):
    """A suppression as listed."""

    external_id: str
    username: str | None
    service: str | None
    """None for all services."""
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
    """Yields the running consents of a service, with those that ended if wanted, the newest first."""
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
    """Counts the consents of a service."""
    return session.scalar(sa_select(func.count()).select_from(Consent).where(*_chosen(service_id, ended=ended))) or 0


def _chosen(service_id: int, *, ended: bool) -> list[ColumnElement[bool]]:
    of_service = col(Consent.service_id) == service_id
    return [of_service] if ended else [of_service, col(Consent.ended_at).is_(None)]


def suppressions(session: Session, limit: int | None = None) -> Iterator[ListedSuppression]:
    """Yields the suppressions, the newest first."""
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
    """Counts the suppressions."""
    return session.scalar(sa_select(func.count()).select_from(Suppression)) or 0


COLUMNS = ("external_id", "username", "given_at", "source", "proof")
_SOURCES = (ConsentSource.IMPORT, ConsentSource.OPT_IN_FORM)
_ID, _USERNAME = re.compile(r"[0-9]{1,20}"), re.compile(r"[a-z0-9_]{1,50}")
_X_BEGAN = datetime(2006, 3, 21, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """A person's consent in a list: by X user id, or by username if that is empty."""

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
    """Reads a row; raises WrongUsage for an invalid one. The note is the proof of a row that has none."""
    external_id, username = cells.get("external_id", ""), cells.get("username", "").removeprefix("@").lower()
    if not external_id and not username:
        raise WrongUsage("external_id and username are empty; fill one of them")
    if external_id and not _ID.fullmatch(external_id):
        raise WrongUsage(f"invalid X user id {external_id!r}; write 1 to 20 digits")
    if username and not _USERNAME.fullmatch(username):
        raise WrongUsage(f"invalid handle {username!r}; write letters, digits and underscores only")
    source = cells.get("source") or ConsentSource.IMPORT
    if source not in _SOURCES:
        raise WrongUsage(f"invalid source {source!r}; write {' or '.join(_SOURCES)}")
    given_at = read_moment(cells["given_at"], now) if cells.get("given_at") else now
    return ConsentRow(external_id, username, ConsentSource(source), cells.get("proof") or note, given_at)


def read_moment(text: str, now: datetime) -> datetime:
    """Reads when a consent was given; raises WrongUsage for a time that is invalid, in the future or before X."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(f"invalid time {text!r}; write it as in 2026-11-24 or 2026-11-24T09:00") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not _X_BEGAN <= moment <= now:
        raise WrongUsage(f"the time {text!r} is {'in the future' if moment > now else 'before X began'}")
    return moment


@dataclass
class Imported:
    """The outcome of an import; people are named as in the list."""

    rows: int
    given: int = 0
    unchanged: int = 0
    """Agreed before, stand in the list twice, or took the consent back after the time in the list."""
    suppressed: list[str] = field(default_factory=list)
    """No consent of theirs is recorded."""
    unknown: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)
    """Handles of several visitors."""


def import_consents(session: Session, service_id: int, rows: Sequence[ConsentRow]) -> Imported:
    """Begins the consents of all people in a list who are known and not suppressed."""
    imported, agreements = Imported(len(rows)), list[Agreement]()
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
            agreements.append(Agreement(found[0], row.source, row.proof, row.given_at))
    imported.given = agree_all(session, service_id, agreements)
    imported.unchanged = len(agreements) - imported.given
    return imported


def suppressed_by(session: Session, service_id: int) -> set[int]:
    """Returns the visitors who get no messages from this service."""
    by = col(Suppression.service_id).in_([service_id, EVERY_SERVICE])
    return set(session.exec(select(Suppression.visitor_id).where(by)))
