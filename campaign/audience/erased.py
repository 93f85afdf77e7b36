"""Erased people and handles on the denylist: checked wherever people are saved, by a sync, a message or a list."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import BigInteger, String, delete, exists, func, insert, select, text
from sqlmodel import Session, col

from campaign.db.engine import among, is_on_postgresql
from campaign.db.vault import mark_of
from models import ErasedPerson, SuppressedHandle, Suppression, SuppressionReason, Visitor

_ONE = TypeVar("_ONE")
_HAS_ANY = select(exists().where(col(ErasedPerson.mark).is_not(None)))
_HAS_HANDLES = select(exists().where(col(SuppressedHandle.handle).is_not(None)))


def without_erased(session: Session, people: Iterable[_ONE], name_of: Callable[[_ONE], str]) -> list[_ONE]:
    """Returns the people who were not erased, by X user id (or a name from `email_name` or `handle_name`)."""
    listed = list(people)
    if not listed or not session.scalar(_HAS_ANY):
        return listed
    marks = [mark_of(name_of(one)) for one in listed]
    is_among = among(session, col(ErasedPerson.mark), marks, String())
    erased = set(session.scalars(select(col(ErasedPerson.mark)).where(is_among)))
    return [one for one, mark in zip(listed, marks, strict=True) if mark not in erased]


def is_erased(session: Session, name: str) -> bool:
    """Returns whether a person was erased, by X user id (or a name from `email_name` or `handle_name`)."""
    return not without_erased(session, [name], str)


def email_name(email: str) -> str:
    """Returns the name of a person who is known by an email address."""
    return f"email:{email.strip().lower()}"


def handle_name(username: str) -> str:
    """Returns the name of a person who is known by a handle only."""
    return f"@{username.strip().removeprefix('@').lower()}"


def lock(session: Session) -> None:
    """Locks the table until this transaction ends, after the transactions that read it have ended."""
    if is_on_postgresql(session):  # SQLite has one writer at a time anyway
        session.connection().execute(text("LOCK TABLE erased_person IN ACCESS EXCLUSIVE MODE"))


def record(session: Session, names: Iterable[str], now: datetime) -> None:
    """Records that a person was erased, as a keyed hash of each name."""
    unknown = without_erased(session, sorted(set(names)), str)
    if unknown:
        session.execute(insert(ErasedPerson), [{"mark": mark_of(name), "erased_at": now} for name in unknown])


def suppress_followers(session: Session, visitor_ids: Sequence[int]) -> None:
    """Suppresses those of the visitors whose handle is on the denylist; from then on their ids are."""
    if not visitor_ids or not session.scalar(_HAS_HANDLES):
        return
    username = func.lower(col(Visitor.username))
    columns: tuple[Any, ...] = (SuppressedHandle.service_id, SuppressedHandle.proof, SuppressedHandle.at)
    found = (
        select(col(Visitor.id), username, *columns)
        .join(SuppressedHandle, col(SuppressedHandle.handle) == username)
        .where(among(session, col(Visitor.id), visitor_ids, BigInteger()))
    )
    rows = session.execute(found).all()
    if not rows:
        return
    known = {
        (row.service_id, row.visitor_id)
        for row in session.scalars(
            select(Suppression).where(col(Suppression.visitor_id).in_({visitor_id for visitor_id, *_ in rows}))
        )
    }
    reason = SuppressionReason.DENYLIST
    session.add_all(
        Suppression(service_id=service_id, visitor_id=visitor_id, reason=reason, proof=proof, at=at)
        for visitor_id, _, service_id, proof, at in rows
        if (service_id, visitor_id) not in known
    )
    handles = {handle for _, handle, *_ in rows}
    session.execute(delete(SuppressedHandle).where(col(SuppressedHandle.handle).in_(handles)))
    session.flush()
