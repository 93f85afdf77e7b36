"""Contacts: profiles recovered from X, and what tells that one belongs to somebody who is known already."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from campaign.domain.profiles import Profile
from models import ORIGIN, Agreement, AgreementState, Contact, ReconciledBy, Visitor

#: What X tells of a person, by the columns of a contact; the X user id is not among it.
_LEARNT = tuple(field.name for field in fields(Profile) if field.name != "external_id")


def keys_of(reconciliation: str) -> list[ReconciledBy]:
    """The keys that a service names, the first first."""
    return [ReconciledBy(key.strip()) for key in reconciliation.split(",") if key.strip()]


def learn(
    session: Session, profile: Profile, keys: Sequence[ReconciledBy], now: datetime, *, may_link: bool
) -> tuple[Contact, ReconciledBy]:
    """Keep a profile with the contact that it belongs to, or as a new one; returns it and what told.

    Without `may_link` nobody is looked for outside X: only the X user id tells then.
    """
    try:
        with session.begin_nested():
            return _learn(session, profile, keys, now, may_link=may_link)
    except IntegrityError:  # somebody else wrote the contact of this X user id at the same moment
        return _learn(session, profile, keys, now, may_link=may_link)


def _learn(
    session: Session, profile: Profile, keys: Sequence[ReconciledBy], now: datetime, *, may_link: bool
) -> tuple[Contact, ReconciledBy]:
    contact, told_by = _known(session, profile, keys if may_link else [], now)
    for name, value in _told(profile).items():
        # What a contact was known by before stays as it was written.
        if told_by is ReconciledBy.X_USER_ID or getattr(contact, name) is None:
            setattr(contact, name, value)
    contact.external_id, contact.visitor_id = profile.external_id, _visitor(session, profile.external_id)
    contact.updated_at = now
    session.add(contact)
    session.flush()
    return contact, told_by


def _known(
    session: Session, profile: Profile, keys: Sequence[ReconciledBy], now: datetime
) -> tuple[Contact, ReconciledBy]:
    same = session.scalar(select(Contact).where(col(Contact.external_id) == profile.external_id).with_for_update())
    if same:
        return same, ReconciledBy.X_USER_ID
    for key in keys:
        if found := _found(session, key, profile):
            return found, key
    return Contact(created_at=now, updated_at=now), ReconciledBy.NOTHING


def _found(session: Session, key: ReconciledBy, profile: Profile) -> Contact | None:
    """The one contact, not on X yet, that has this; of several nobody is guessed."""
    sought = {ReconciledBy.EMAIL: profile.email, ReconciledBy.USERNAME: profile.username}.get(key)
    if not sought:
        return None
    column = col(Contact.email) if key is ReconciledBy.EMAIL else func.lower(col(Contact.username))
    wanted = select(Contact).where(col(Contact.external_id).is_(None), column == sought.lower())
    found = list(session.scalars(wanted.limit(2).with_for_update()))
    return found[0] if len(found) == 1 else None


def _told(profile: Profile) -> dict[str, Any]:
    told = {name: getattr(profile, name) for name in _LEARNT if getattr(profile, name) is not None}
    return told | ({"email": profile.email.lower()} if profile.email else {})


def _visitor(session: Session, external_id: str) -> int | None:
    met = select(Visitor.id).where(col(Visitor.origin) == ORIGIN, col(Visitor.external_id) == external_id)
    found: int | None = session.scalar(met)
    return found


def unlearn(session: Session, external_id: str, now: datetime) -> None:
    """Remove what X had told of a person, unless another agreement of that person still runs.

    A contact that came from X keeps only the X user id. One that was known before loses that too, and keeps what it
    was known by: nobody can tell any more what else of it did not come from X.
    """
    of_person = col(Agreement.external_id) == external_id
    if session.scalar(select(exists().where(of_person, col(Agreement.state) == AgreementState.RECOVERED))):
        return
    forgotten: dict[str, Any] = dict.fromkeys(_LEARNT)
    known_by = session.scalar(select(Agreement.reconciled_by).where(of_person, col(Agreement.reconciled_by).in_(_OLD)))
    if known_by:
        forgotten.pop(known_by.value)
        forgotten |= {"external_id": None, "visitor_id": None}
    session.execute(update(Contact).where(col(Contact.external_id) == external_id).values(**forgotten, updated_at=now))


_OLD = (ReconciledBy.EMAIL, ReconciledBy.USERNAME)
