"""Listing visitors."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

import pendulum
from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlmodel import Session, col

from campaign.domain.conditions import Condition
from campaign.errors import WrongUsage
from campaign.store import conditions, services
from models import Consent, Service, Subscription, Visitor

_FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Selection:
    """Whose visitors, and which."""

    service_id: int | None
    new_since: datetime | None
    ended: bool
    fulfilling: ColumnElement[bool] | None = None


@dataclass(frozen=True, slots=True)
class VisitorRow:
    """A visitor as listed, once per service followed: whom they follow, who they are, since when."""

    service: str
    origin: str
    external_id: str
    username: str | None
    full_name: str | None
    followers_count: int | None
    verified: bool | None
    folder: str
    began_at: datetime | None
    ended_at: datetime | None

    LABELS: ClassVar[dict[str, str]] = {
        "service": "Service",
        "origin": "Origin",
        "external_id": "External ID",
        "username": "Username",
        "full_name": "Full name",
        "followers_count": "Number of friends",
        "verified": "Checked",
        "folder": "Folder",
        "began_at": "Follows since",
        "ended_at": "No longer since",
    }

    def as_row(self) -> dict[str, str]:
        """The visitor under Campaign's labels, as text."""
        return {label: _text(getattr(self, name)) for name, label in self.LABELS.items()}

    def as_csv(self) -> dict[str, str]:
        """The visitor under Campaign's labels, with no name that a spreadsheet would take for a formula."""
        return {label: f"'{text}" if text.startswith(_FORMULA) else text for label, text in self.as_row().items()}

    def as_json(self) -> dict[str, Any]:
        """The visitor under the names of the columns."""
        values = ((name, getattr(self, name)) for name in self.LABELS)
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values}


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case _:
            return str(value)


def selection_of(session: Session, service: str | None, new_since: datetime | None, *, ended: bool) -> Selection:
    """Read what a person asked for; raises WrongUsage for a service nobody knows."""
    row = services.named(session, service) if service else None
    if service and row is None:
        raise WrongUsage(f"There is no service {service}, or it has not been synchronised yet.")
    since = pendulum.instance(new_since, tz="UTC") if new_since else None
    return Selection(row.id if row else None, since, ended)


def narrowed(selection: Selection, condition: Condition, now: datetime) -> Selection:
    """Of a selection, those who fulfil the condition."""
    return replace(selection, fulfilling=conditions.where(condition, now, consented=_CONSENTED))


def select_visitors(session: Session, selection: Selection, limit: int | None = None) -> Iterator[VisitorRow]:
    """Give the visitors of a selection, the newest followings first, however many in the same memory."""
    profile = (getattr(Visitor, name) for name in list(VisitorRow.LABELS)[1:8])
    ordered = (
        _chosen(select(col(Service.internal_name), *profile, _BEGAN, _ENDED), selection)
        .order_by(_BEGAN.desc(), col(Subscription.id).desc())
        .limit(limit)
    )
    for row in session.execute(ordered.execution_options(yield_per=1000)):
        yield VisitorRow(*row)


def count_visitors(session: Session, selection: Selection) -> int:
    """Count the visitors of a selection."""
    return session.scalar(_chosen(select(func.count()).select_from(Visitor), selection)) or 0


_BEGAN, _ENDED = col(Subscription.began_at), col(Subscription.ended_at)
_CONSENTED = exists().where(
    col(Consent.service_id) == col(Subscription.service_id),
    col(Consent.visitor_id) == col(Visitor.id),
    col(Consent.ended_at).is_(None),
)


def _chosen(query: Select[Any], selection: Selection) -> Select[Any]:
    query = query.join(Subscription, col(Subscription.visitor_id) == col(Visitor.id))
    query = query.join(Service, col(Service.id) == col(Subscription.service_id))
    query = query.where(_ENDED.is_not(None) if selection.ended else _ENDED.is_(None))
    if selection.service_id is not None:
        query = query.where(col(Subscription.service_id) == selection.service_id)
    if selection.new_since is not None:
        query = query.where(selection.new_since <= _BEGAN)
    if selection.fulfilling is not None:
        query = query.where(selection.fulfilling)
    return query
