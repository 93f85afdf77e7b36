"""What operators decide about consents and the denylist, by command or at the desk; each leaves an entry in the audit.

The audit names a person by the number of the visitor, which means nothing once the person is erased.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlmodel import Session

from campaign.audience import visitors
from campaign.audience.people_files import PERSON_COLUMNS, read_rows, without_address
from campaign.consent import lists
from campaign.consent import store as consents
from campaign.errors import NotPossible, WrongUsage
from campaign.users import audit
from models import EVERY_SERVICE, VISITOR_FOLDER, ConsentSource, Service, Visitor


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
    session: Session, service: Service, rows: Sequence[lists.ConsentRow], actor: str, now: datetime
) -> lists.Imported:
    """Begins the consents of a list."""
    imported = lists.import_consents(session, service.id, rows)
    detail = f"{imported.given:,} of {imported.rows:,} rows began a consent."
    audit.record(session, actor, f"service {service.internal_name}", "consents imported", now, detail)
    return imported


def read_consents(file: Path, note: str, now: datetime) -> list[lists.ConsentRow]:
    """Reads a CSV file of consents; raises WrongUsage that names every row that cannot be used."""
    proof = check_note(note)
    rows = read_rows(file, lists.COLUMNS, PERSON_COLUMNS, lambda cells: lists.read_row(cells, proof, now))
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
        row = lists.read_row({"external_id" if name.isdigit() else "username": name}, proof, now)
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


def read_denylist(file: Path, note: str, now: datetime) -> list[lists.ConsentRow]:
    """Reads a CSV file of people for the denylist; raises WrongUsage that names every row that cannot be used."""
    proof, columns = check_note(note), (*PERSON_COLUMNS, "proof")
    rows = read_rows(file, columns, PERSON_COLUMNS, lambda cells: lists.read_row(cells, proof, now))
    return [row for _, row in rows]


def import_denylist(
    session: Session, service: Service | None, rows: Sequence[lists.ConsentRow], actor: str, now: datetime
) -> lists.ImportedSuppressions:
    """Adds the people of a list to the denylist of a service, or of all."""
    by = service.id if service else EVERY_SERVICE
    imported = lists.import_suppressions(session, by, rows, VISITOR_FOLDER, now)
    subject = f"service {service.internal_name}" if service else "all services"
    audit.record(session, actor, subject, "denylist imported", now, f"{imported.rows:,} rows.")
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
    audit.record(session, actor, subject, action, now, f"{where} {detail}".strip())


def _name_of(visitor: Visitor) -> str:
    return f"@{visitor.username}" if visitor.username else visitor.external_id
