"""Agreements to share a profile: given on the page, kept with what it said, and taken back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, text
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from campaign.store import contacts
from campaign.store.signatures import signed
from models import Agreement, AgreementState, Visitor
from models.base import Moment

_OPENED = text("""
INSERT INTO invitation_opening (delivery_id, visitor_id, opened_at) VALUES (:delivery_id, :visitor_id, :opened_at)
ON CONFLICT (delivery_id, visitor_id) DO NOTHING
""").bindparams(bindparam("opened_at", type_=Moment()))


@dataclass(frozen=True, slots=True)
class Yes:
    """That a person agreed to share the profile, and to what exactly."""

    service_id: int
    external_id: str
    delivery_id: int
    """The invitation, or NO_INVITATION."""
    text: str
    """What the page said."""
    text_version: str
    scopes: str
    may_link: bool
    at: datetime


def invitation_of(link: str) -> tuple[int, int] | None:
    """Which delivery and visitor the signed part of an invitation's link names; None when it is none of ours."""
    found = signed("invitation", link)
    return (int(found[0]), int(found[1])) if isinstance(found, list) and len(found) == 2 else None  # noqa: PLR2004


def note_opening(session: Session, delivery_id: int, visitor_id: int, at: datetime) -> bool:
    """Keep that a personal link was opened; False when it had been before."""
    given = {"delivery_id": delivery_id, "visitor_id": visitor_id, "opened_at": at}
    return bool(session.connection().execute(_OPENED, given).rowcount)


def keep(session: Session, yes: Yes) -> tuple[Agreement, bool]:
    """Write an agreement; one of the same person whose profile is not recovered yet becomes it.

    Returns it, and whether it is a new one.
    """
    known = session.scalar(_of(yes.service_id, yes.external_id).where(_IS_WAITING).with_for_update())
    row = known or Agreement(
        service_id=yes.service_id,
        external_id=yes.external_id,
        text=yes.text,
        text_version=yes.text_version,
        scopes=yes.scopes,
        agreed_at=yes.at,
    )
    row.delivery_id = yes.delivery_id or row.delivery_id
    row.text, row.text_version = yes.text, yes.text_version
    row.scopes, row.may_link, row.agreed_at = yes.scopes, yes.may_link, yes.at
    session.add(row)
    session.flush()
    return row, known is None


def forget(session: Session, agreement_id: int) -> None:
    """Remove an agreement of which nothing can come: its token could not be kept."""
    session.execute(delete(Agreement).where(col(Agreement.id) == agreement_id, _IS_WAITING))


def waiting(session: Session) -> list[Agreement]:
    """The agreements whose profile is not recovered yet, the oldest first."""
    return list(session.scalars(select(Agreement).where(_IS_WAITING).order_by(col(Agreement.id))))


def still_waiting(session: Session, agreement_ids: Collection[int]) -> set[int]:
    """Which of these are not recovered yet, nor withdrawn."""
    return set(session.scalars(select(Agreement.id).where(col(Agreement.id).in_(agreement_ids), _IS_WAITING)))


def lock(session: Session, agreement_id: int) -> Agreement | None:
    """Read an agreement whose profile is not recovered yet, so that nobody changes it meanwhile."""
    wanted = select(Agreement).where(col(Agreement.id) == agreement_id, _IS_WAITING)
    found: Agreement | None = session.scalar(wanted.with_for_update())
    return found


def withdraw(session: Session, service_id: int, external_id: str, at: datetime) -> int:
    """End all agreements of a person with a service and remove what they had brought; returns how many there were."""
    running = _of(service_id, external_id).where(col(Agreement.state) != AgreementState.WITHDRAWN)
    ended = list(session.scalars(running.with_for_update()))
    for agreement in ended:
        agreement.become(AgreementState.WITHDRAWN)
        agreement.withdrawn_at = at
        session.add(agreement)
    session.flush()
    if ended:
        contacts.unlearn(session, external_id, at)
    return len(ended)


def withdraw_of_visitor(session: Session, service_id: int, visitor_id: int, at: datetime) -> int:
    """The same for a visitor."""
    external_id: str | None = session.scalar(select(Visitor.external_id).where(col(Visitor.id) == visitor_id))
    return withdraw(session, service_id, external_id, at) if external_id else 0


_IS_WAITING = col(Agreement.state) == AgreementState.AGREED


def _of(service_id: int, external_id: str) -> SelectOfScalar[Agreement]:
    return select(Agreement).where(col(Agreement.service_id) == service_id, col(Agreement.external_id) == external_id)
