"""Lists of consents and suppressions, their import from a file, and what operators decide about them.

Each decision, by command or at the desk, leaves an entry in the audit, which names a person by the number of the
visitor: it means nothing once the person is erased.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import BigInteger, ColumnElement, String, exists, func, literal, union_all
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from campaign.audience import visitors
from campaign.audience.people_files import PERSON_COLUMNS, read_rows, without_address
from campaign.consent import store as consents
from campaign.consent.store import GivenConsent, agree_all, suppress_all, suppress_handles, visitors_of
from campaign.errors import NotPossible, WrongUsage
from campaign.users import store as users
from models import (
    EVERY_SERVICE,
    VISITOR_FOLDER,
    Consent,
    ConsentSource,
    Service,
    SuppressedHandle,
    Suppression,
    SuppressionReason,
    UnclearMessage,
    Visitor,
    stored_as_text,
)

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
    id: int = 0
    visitor_id: int = 0

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
    """Empty for a handle that no visitor has yet."""
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


@dataclass(frozen=True, slots=True)
class ListedUnclear(visitors.Row):
    """A message that may be an opt-out, as listed."""

    service: str
    external_id: str
    username: str | None
    message: str
    """X's id of it."""
    at: datetime
    conversation: str
    visitor_id: int = 0

    LABELS: ClassVar[dict[str, str]] = {
        "service": "Service",
        "external_id": "External ID",
        "username": "Username",
        "message": "Message",
        "at": "Sent",
        "conversation": "Conversation",
    }


def unclear_messages(
    session: Session, service_id: int | None = None, limit: int | None = None
) -> Iterator[ListedUnclear]:
    """Yields the messages that may be opt-outs and wait for a decision, the oldest first."""
    columns: tuple[Any, ...] = (
        UnclearMessage.event_id,
        UnclearMessage.at,
        Service.x_user_id,
        UnclearMessage.visitor_id,
    )
    rows = (
        sa_select(col(Service.internal_name), *_PERSON, *columns)
        .join(Visitor, col(Visitor.id) == col(UnclearMessage.visitor_id))
        .join(Service, col(Service.id) == col(UnclearMessage.service_id))
        .where(*_undecided(service_id))
        .order_by(col(UnclearMessage.at), col(UnclearMessage.visitor_id))
        .limit(limit)
    )
    for service, external_id, username, event_id, at, account, visitor_id in session.execute(rows):
        both = sorted([external_id, account or ""], key=lambda x_id: (len(x_id), x_id))
        address = f"https://x.com/messages/{'-'.join(both)}"
        yield ListedUnclear(service, external_id, username, event_id, at, address, visitor_id)


def count_unclear(session: Session, service_id: int | None = None) -> int:
    """Counts the messages that wait for a decision."""
    counted = sa_select(func.count()).select_from(UnclearMessage).where(*_undecided(service_id))
    return session.scalar(counted) or 0


def _undecided(service_id: int | None) -> list[ColumnElement[bool]]:
    undecided = col(UnclearMessage.decided_at).is_(None)
    return [undecided] if service_id is None else [undecided, col(UnclearMessage.service_id) == service_id]


def consents_of(
    session: Session, service_id: int, *, ended: bool, limit: int | None = None, before_id: int | None = None
) -> Iterator[ListedConsent]:
    """Yields the running consents of a service, with those that ended if wanted, the newest first."""
    suppressed = exists().where(
        col(Suppression.service_id).in_([service_id, EVERY_SERVICE]),
        col(Suppression.visitor_id) == col(Consent.visitor_id),
    )
    names = ("source", "proof", "given_at", "ended_at", "ended_because")
    older = [] if before_id is None else [col(Consent.id) < before_id]
    rows = (
        sa_select(
            *_PERSON, *(getattr(Consent, name) for name in names), suppressed, col(Consent.id), col(Consent.visitor_id)
        )
        .join(Visitor, col(Visitor.id) == col(Consent.visitor_id))
        .where(*_chosen(service_id, ended=ended), *older)
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
    columns: tuple[Any, ...] = (Suppression.reason, Suppression.proof, Suppression.at, Suppression.visitor_id)
    visitors_rows = (
        sa_select(*_PERSON, col(Service.internal_name), *columns)
        .join(Visitor, col(Visitor.id) == col(Suppression.visitor_id))
        .outerjoin(Service, col(Service.id) == col(Suppression.service_id))
    )
    reason = literal(SuppressionReason.DENYLIST, stored_as_text(SuppressionReason))
    handle: tuple[Any, ...] = (SuppressedHandle.handle, Service.internal_name)
    kept: tuple[Any, ...] = (SuppressedHandle.proof, SuppressedHandle.at)
    handle_rows = (
        sa_select(literal("", String()), handle[0], handle[1], reason, *kept, literal(0, BigInteger()))
        .select_from(SuppressedHandle)
        .outerjoin(Service, col(Service.id) == col(SuppressedHandle.service_id))
    )
    rows = union_all(visitors_rows, handle_rows).subquery()
    newest = sa_select(*list(rows.c)[:-1]).order_by(rows.c.at.desc(), rows.c.visitor_id.desc()).limit(limit)
    for row in session.execute(newest.execution_options(yield_per=1000)):
        yield ListedSuppression(*row)


@dataclass(frozen=True, slots=True)
class SuppressedPerson:
    """A person on the suppression list of a service, or of all."""

    visitor_id: int
    external_id: str
    username: str | None
    full_name: str | None
    reason: SuppressionReason
    proof: str
    at: datetime


def suppressed_people(
    session: Session, service_id: int, *, limit: int, before: int | None = None
) -> list[SuppressedPerson]:
    """Lists the people on one suppression list, those who were met last first."""
    columns = (Suppression.visitor_id, *_PERSON, Visitor.full_name)
    kept: tuple[Any, ...] = (Suppression.reason, Suppression.proof, Suppression.at)
    rows = (
        sa_select(*columns, *kept)
        .join(Visitor, col(Visitor.id) == col(Suppression.visitor_id))
        .where(col(Suppression.service_id) == service_id)
        .order_by(col(Suppression.visitor_id).desc())
        .limit(limit)
    )
    rows = rows if before is None else rows.where(col(Suppression.visitor_id) < before)
    return [SuppressedPerson(*row) for row in session.execute(rows)]


def suppressed_handles(session: Session, service_id: int, *, limit: int) -> list[SuppressedHandle]:
    """Lists the handles on one suppression list that no visitor has yet, the newest first."""
    listed = select(SuppressedHandle).where(col(SuppressedHandle.service_id) == service_id)
    return list(
        session.exec(listed.order_by(col(SuppressedHandle.at).desc(), col(SuppressedHandle.handle)).limit(limit))
    )


def count_suppressions(session: Session) -> int:
    """Counts the suppressions."""
    tables = (Suppression, SuppressedHandle)
    return sum(session.scalar(sa_select(func.count()).select_from(table)) or 0 for table in tables)


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
        raise WrongUsage(
            f"the time {text!r} is in the future" if moment > now else f"the time {text!r} is before X began"
        )
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


def begin_consents(session: Session, service_id: int, rows: Sequence[ConsentRow]) -> Imported:
    """Begins the consents of all people in a list who are known and not suppressed."""
    imported, agreements = Imported(len(rows)), list[GivenConsent]()
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
            agreements.append(GivenConsent(found[0], row.source, row.proof, row.given_at))
    imported.given = agree_all(session, service_id, agreements)
    imported.unchanged = len(agreements) - imported.given
    return imported


@dataclass
class ImportedSuppressions:
    """The outcome of an import to the denylist."""

    rows: int
    suppressed: int = 0
    """Visitors, also those who were met by this list."""
    handles: int = 0
    """Handles that no visitor has yet."""
    erased: list[str] = field(default_factory=list)
    """Nothing of them is saved; they get no messages anyway."""
    cancelled_messages: int = 0


def import_suppressions(
    session: Session, service_id: int, rows: Sequence[ConsentRow], folder: str, now: datetime
) -> ImportedSuppressions:
    """Adds all people of a list to the denylist; all visitors of a handle that several have."""
    imported = ImportedSuppressions(len(rows))
    usernames = visitors.with_usernames(session, {row.username for row in rows if not row.external_id})
    ids = visitors_of(session, {row.external_id for row in rows if row.external_id}, folder, now)
    proofs, handles = dict[int, str](), dict[str, str]()
    for row in rows:
        if row.external_id in ids:
            proofs[ids[row.external_id]] = row.proof
        elif row.external_id:
            imported.erased.append(row.person)
        elif row.username in usernames:
            proofs |= dict.fromkeys(usernames[row.username], row.proof)
        else:
            handles[row.username] = row.proof
    imported.handles = suppress_handles(session, handles, now, service_id)
    imported.suppressed = len(proofs)
    imported.cancelled_messages = suppress_all(session, proofs, now, service_id)
    return imported


def suppressed_by(session: Session, service_id: int) -> set[int]:
    """Returns the visitors who get no messages from this service."""
    by = col(Suppression.service_id).in_([service_id, EVERY_SERVICE])
    return set(session.exec(select(Suppression.visitor_id).where(by)))


def check_note(text: str) -> str:
    """Returns a note without the spaces around it; raises WrongUsage for an empty one."""
    if not text.strip():
        raise WrongUsage("The note is empty; give the evidence, such as where the form is kept.")
    return text.strip().replace("\x00", "")


def grant_consent(session: Session, service: Service, visitor: Visitor, note: str, actor: str, now: datetime) -> bool:
    """Records a person's consent on an operator's evidence; False if one was running.

    Raises NotPossible for a person on the denylist.
    """
    proof = check_note(note)
    if consents.is_suppressed(session, service.id, visitor.id):
        raise NotPossible(
            f"{_name_of(visitor)} is on the denylist of {service.internal_name} (campaign denylist list); remove the"
            " person with campaign denylist remove if the person asks for it."
        )
    has_begun = consents.agree(session, service.id, visitor.id, ConsentSource.OPERATOR, proof, now)
    _record(session, actor, visitor.id, "consent granted", now, service)
    return has_begun


def withdraw_consent(session: Session, service: Service, visitor: Visitor, note: str, actor: str, now: datetime) -> int:
    """Records that a person wants no more messages of a service; returns how many pending ones are cancelled."""
    cancelled = consents.opt_out(session, service.id, visitor.id, check_note(note), now)
    _record(session, actor, visitor.id, "consent withdrawn", now, service)
    return cancelled


def decide_unclear(
    session: Session, service: Service, visitor: Visitor, actor: str, now: datetime, *, is_opt_out: bool
) -> tuple[str, int]:
    """Decides whether an unclear message is an opt-out, else an ordinary one; returns its id and the cancelled ones.

    Raises NotPossible if the person has none.
    """
    message = consents.decide(session, service.id, visitor.id, now)
    if message is None:
        raise NotPossible(
            f"{_name_of(visitor)} has no unclear message to {service.internal_name}; see campaign consent unclear."
        )
    (event_id, at), cancelled = message, 0
    if is_opt_out:
        cancelled = consents.opt_out(session, service.id, visitor.id, event_id, at)
    else:
        consents.agree(session, service.id, visitor.id, ConsentSource.WROTE_FIRST, event_id, at)
    decided = "an opt-out" if is_opt_out else "no opt-out"
    _record(session, actor, visitor.id, "unclear message decided", now, service, f"It was {decided}.")
    return event_id, cancelled


def import_consents(
    session: Session, service: Service, rows: Sequence[ConsentRow], actor: str, now: datetime
) -> Imported:
    """Begins the consents of a list."""
    imported = begin_consents(session, service.id, rows)
    detail = f"{imported.given:,} of {imported.rows:,} rows began a consent."
    users.record_audit(session, actor, f"service {service.internal_name}", "consents imported", now, detail)
    return imported


def read_consents(file: Path, note: str, now: datetime) -> list[ConsentRow]:
    """Reads a CSV file of consents; raises WrongUsage that names every row that cannot be used."""
    proof = check_note(note)
    rows = read_rows(file, COLUMNS, PERSON_COLUMNS, lambda cells: read_row(cells, proof, now))
    return [row for _, row in rows]


@dataclass(frozen=True, slots=True)
class Denied:
    """A person who was added to the denylist, or removed from it."""

    external_id: str
    username: str | None
    cancelled_messages: int = 0


def add_to_denylist(
    session: Session, person: str, note: str, service: Service | None, actor: str, now: datetime
) -> Denied:
    """Adds a person (by handle, X user id or address of the profile) to the denylist of a service, or of all.

    Raises WrongUsage for something else, NotPossible for a person who was erased.
    """
    proof, by = check_note(note), service.id if service else EVERY_SERVICE
    visitor = visitors.find(session, person)
    if visitor:
        denied = Denied(visitor.external_id, visitor.username)
        visitor_id: int | None = visitor.id
    else:
        name = without_address(person)
        row = read_row({"external_id" if name.isdigit() else "username": name}, proof, now)
        denied, visitor_id = Denied(row.external_id, row.username or None), None
        if row.external_id:
            visitor_id = consents.visitor_of(session, row.external_id, VISITOR_FOLDER, now)
            if visitor_id is None:
                raise NotPossible(f"{person} was erased: nothing is saved of the person, who gets no messages.")
        else:
            consents.suppress_handles(session, {row.username: proof}, now, by)
    cancelled = consents.suppress(session, visitor_id, proof, now, by) if visitor_id else 0
    _record(session, actor, visitor_id, "added to denylist", now, service)
    return Denied(denied.external_id, denied.username, cancelled)


def remove_from_denylist(session: Session, person: str, service: Service | None, actor: str, now: datetime) -> Denied:
    """Removes a person from the denylist of a service (the person's own opt-out too), or of all.

    Raises NotPossible if the person is not on it.
    """
    by, handle = service.id if service else EVERY_SERVICE, without_address(person).removeprefix("@")
    visitor = visitors.find(session, person)
    is_lifted = consents.lift_suppression(session, visitor.id, by) if visitor else False
    if not (consents.delete_handle(session, handle, by) or is_lifted):
        of = service.internal_name if service else "all services"
        raise NotPossible(f"{person} is not on the denylist of {of}; see campaign denylist list.")
    _record(session, actor, visitor.id if visitor else None, "removed from denylist", now, service)
    return Denied(visitor.external_id, visitor.username) if visitor else Denied("", handle)


def read_denylist(file: Path, note: str, now: datetime) -> list[ConsentRow]:
    """Reads a CSV file of people for the denylist; raises WrongUsage that names every row that cannot be used."""
    proof, columns = check_note(note), (*PERSON_COLUMNS, "proof")
    rows = read_rows(file, columns, PERSON_COLUMNS, lambda cells: read_row(cells, proof, now))
    return [row for _, row in rows]


def import_denylist(
    session: Session, service: Service | None, rows: Sequence[ConsentRow], actor: str, now: datetime
) -> ImportedSuppressions:
    """Adds the people of a list to the denylist of a service, or of all."""
    by = service.id if service else EVERY_SERVICE
    imported = import_suppressions(session, by, rows, VISITOR_FOLDER, now)
    subject = f"service {service.internal_name}" if service else "all services"
    users.record_audit(session, actor, subject, "denylist imported", now, f"{imported.rows:,} rows.")
    return imported


def _record(
    session: Session,
    actor: str,
    visitor_id: int | None,
    action: str,
    now: datetime,
    service: Service | None,
    detail: str = "",
) -> None:
    subject = f"person {visitor_id}" if visitor_id else "a person without a number"
    where = f"For {service.internal_name}." if service else "For all services."
    users.record_audit(session, actor, subject, action, now, f"{where} {detail}".strip())


def _name_of(visitor: Visitor) -> str:
    return f"@{visitor.username}" if visitor.username else visitor.external_id
