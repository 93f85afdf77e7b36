"""Erased people: checked wherever people are saved, so that no sync or list brings an erased person back."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import String, exists, insert, select, text
from sqlmodel import Session, col

from campaign.db.json_rows import among, is_on_postgresql
from campaign.db.signing import mark_of
from models import ErasedPerson

_ONE = TypeVar("_ONE")
_HAS_ANY = select(exists().where(col(ErasedPerson.mark).is_not(None)))


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
