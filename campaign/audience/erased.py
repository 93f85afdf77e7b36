"""Who was erased: asked wherever people would be written down, so that nobody comes back by a sync or a list."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, String, exists, insert, select, text
from sqlmodel import Session, col

from campaign.db.json_rows import among, is_on_postgresql
from campaign.db.signing import mark_of
from models import ErasedPerson

_ONE = TypeVar("_ONE")
_HAS_ANY = select(exists().where(col(ErasedPerson.mark).is_not(None)))


def without_erased(session: Session, people: Iterable[_ONE], name_of: Callable[[_ONE], str]) -> list[_ONE]:
    """Everybody but those who were erased, by X user id (or what `email_name` and `handle_name` give).

    Costs nothing worth mentioning as long as nobody was.
    """
    everybody = list(people)
    if not everybody or not session.scalar(_HAS_ANY):
        return everybody
    marks = [mark_of(name_of(one)) for one in everybody]
    known = set(session.scalars(select(col(ErasedPerson.mark)).where(_is_among(session, marks))))
    return [one for one, mark in zip(everybody, marks, strict=True) if mark not in known]


def _is_among(session: Session, marks: Sequence[str]) -> ColumnElement[bool]:
    return among(session, col(ErasedPerson.mark), marks, String())


def is_erased(session: Session, name: str) -> bool:
    """Whether a person was erased, by X user id (or what `email_name` and `handle_name` give)."""
    return not without_erased(session, [name], str)


def email_name(email: str) -> str:
    """What a person without an X user id is known by."""
    return f"email:{email.strip().lower()}"


def handle_name(username: str) -> str:
    """The same for a list that has only handles."""
    return f"@{username.strip().removeprefix('@').lower()}"


def lock(session: Session) -> None:
    """Let nobody ask who was erased until this transaction ends, and wait for those who did and are still writing."""
    if is_on_postgresql(session):  # SQLite has one writer at a time anyway
        session.connection().execute(text("LOCK TABLE erased_person IN ACCESS EXCLUSIVE MODE"))


def keep(session: Session, names: Iterable[str], now: datetime) -> None:
    """Remember that a person was erased, under each name; nobody reads the names from what is kept."""
    unknown = without_erased(session, sorted(set(names)), str)
    if unknown:
        session.execute(insert(ErasedPerson), [{"mark": mark_of(name), "erased_at": now} for name in unknown])
