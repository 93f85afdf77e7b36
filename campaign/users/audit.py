"""The audit: who did what, when, to which delivery, service, template, consent or account."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, or_, select

from models import AuditEntry, Delivery


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry, with the name of its delivery."""

    id: int
    at: datetime
    actor: str
    subject: str
    """`delivery post-2026-11-26-launch`, `service acme`, `user ann`."""
    action: str
    detail: str

    def as_cells(self) -> list[str]:
        """Returns the cells of a CSV file, under `COLUMNS`."""
        return [self.at.isoformat(), self.actor, self.subject, self.action, self.detail]


COLUMNS = ("at", "who", "what", "action", "detail")


def record(session: Session, actor: str, subject: str, action: str, now: datetime, detail: str = "") -> None:
    """Records what a person did, where that is no delivery: `service acme`, `user ann`; never a text that was sent."""
    session.add(AuditEntry(at=now, actor=actor, subject=subject[:120], action=action, detail=detail))


def list_entries(
    session: Session, *, actor: str = "", search: str = "", before_id: int | None = None, limit: int | None = None
) -> Iterator[AuditRow]:
    """Lists entries, the newest first: of one person, or with a word in what was changed or how."""
    entries = select(AuditEntry, Delivery.name).join(Delivery, col(Delivery.id) == AuditEntry.delivery_id, isouter=True)
    if actor:
        entries = entries.where(AuditEntry.actor == actor)
    if search:
        columns = (col(AuditEntry.subject), col(AuditEntry.action), col(AuditEntry.detail), col(Delivery.name))
        entries = entries.where(or_(*(func.lower(one).contains(search.lower(), autoescape=True) for one in columns)))
    if before_id:
        entries = entries.where(col(AuditEntry.id) < before_id)
    entries = entries.order_by(col(AuditEntry.id).desc()).limit(limit).execution_options(yield_per=1_000)
    for entry, name in session.exec(entries):
        subject = f"delivery {name}" if name else entry.subject
        yield AuditRow(entry.id, entry.at, entry.actor, subject, entry.action, entry.detail)


def list_actors(session: Session) -> list[str]:
    """Lists those who did something, people and runs, by name."""
    return list(session.exec(select(AuditEntry.actor).distinct().order_by(AuditEntry.actor).limit(500)))
