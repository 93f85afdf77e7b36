"""The audit: who did what, when, to which delivery, service, template, consent or account."""

from datetime import datetime

from sqlmodel import Session

from models import AuditEntry


def record(session: Session, actor: str, subject: str, action: str, now: datetime, detail: str = "") -> None:
    """Records what a person did, where that is no delivery: `service acme`, `user ann`; never a text that was sent."""
    session.add(AuditEntry(at=now, actor=actor, subject=subject[:120], action=action, detail=detail))
