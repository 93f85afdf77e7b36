"""What is known of one person for the page of the desk: followings, consents, messages, clicks, agreements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, SQLModel, col

from campaign.contacts.store import Person, is_about
from models import (
    EVERY_SERVICE,
    MAIN,
    Agreement,
    Click,
    Consent,
    Delivery,
    DeliveryKind,
    Exclusion,
    ExclusionReason,
    Link,
    Message,
    MessageState,
    PastSubscription,
    Subscription,
    Suppression,
    UnclearMessage,
    Unreachable,
)

_MOST = 200
"""Rows of each kind that are shown; the export has all."""
_MESSAGE = (
    col(Message.service_id),
    col(Message.state),
    col(Message.reason),
    col(Message.settled_at),
    col(Message.armed_at),
)


@dataclass(frozen=True, slots=True)
class Following:
    """A time in which the person followed a service; `ended_at` is None while it lasts."""

    service_id: int
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Received:
    """A message of a broadcast to the person, or why there was none."""

    delivery: str
    label: str
    service_id: int
    state: MessageState | None
    reason: str
    at: datetime | None
    excluded: ExclusionReason | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """A click of the person on a link."""

    at: datetime
    delivery: str
    url: str
    is_robot: bool


@dataclass(frozen=True, slots=True)
class History:
    """All of it, of the services that may be seen."""

    followings: Sequence[Following]
    consents: Sequence[Consent]
    suppressions: Sequence[Suppression]
    unclear: Sequence[UnclearMessage]
    unreachable: Sequence[Unreachable]
    agreements: Sequence[Agreement]
    received: Sequence[Received]
    clicks: Sequence[Followed]

    @property
    def is_suppressed_by(self) -> set[int]:
        """Returns the services that never write to the person; EVERY_SERVICE is all of them."""
        return {one.service_id for one in self.suppressions}


def is_known_to(session: Session, person: Person, service_ids: Sequence[int]) -> bool:
    """Tests whether a person follows or followed one of the services, agreed with it, or gets no messages from it."""
    tables: tuple[type[SQLModel], ...] = (Subscription, Consent, Agreement, Suppression, UnclearMessage)
    return any(_rows(session, person, table, service_ids, limit=1) for table in tables)


def read_history(session: Session, person: Person, service_ids: Sequence[int]) -> History:
    """Reads what these services know of a person, the newest first."""
    now_or_before: list[Any] = [
        *_rows(session, person, Subscription, service_ids),
        *_rows(session, person, PastSubscription, service_ids),
    ]
    followings = [Following(one.service_id, one.began_at, one.ended_at) for one in now_or_before]
    return History(
        followings=sorted(followings, key=lambda one: one.began_at, reverse=True),
        consents=_rows(session, person, Consent, service_ids),
        suppressions=_rows(session, person, Suppression, [*service_ids, EVERY_SERVICE]),
        unclear=[one for one in _rows(session, person, UnclearMessage, service_ids) if one.decided_at is None],
        unreachable=_rows(session, person, Unreachable, service_ids),
        agreements=_rows(session, person, Agreement, service_ids),
        received=_received(session, person, service_ids),
        clicks=_clicks(session, person, service_ids),
    )


def _rows(session: Session, person: Person, table: Any, service_ids: Sequence[int], limit: int = _MOST) -> list[Any]:
    about = select(table).where(is_about(person, table), col(table.service_id).in_(service_ids))
    newest = about.order_by(col(table.id).desc()) if hasattr(table, "id") else about
    return list(session.scalars(newest.limit(limit)))


def _received(session: Session, person: Person, service_ids: Sequence[int]) -> list[Received]:
    """Reads the messages by way of the deliveries: the index of the log begins with those."""
    if person.visitor_id is None:
        return []
    columns = (col(Delivery.name), col(Delivery.label), col(Delivery.id))
    broadcasts = select(*columns).where(col(Delivery.kind) == DeliveryKind.DM)
    messages = broadcasts.add_columns(*_MESSAGE).join(
        Message,
        (col(Message.delivery_id) == col(Delivery.id))
        & (col(Message.proof_number) == MAIN)
        & col(Message.service_id).in_(service_ids)
        & (col(Message.visitor_id) == person.visitor_id),
    )
    left_out = broadcasts.add_columns(col(Exclusion.service_id), col(Exclusion.reason)).join(
        Exclusion,
        (col(Exclusion.delivery_id) == col(Delivery.id))
        & col(Exclusion.service_id).in_(service_ids)
        & (col(Exclusion.visitor_id) == person.visitor_id),
    )
    found = [
        (number, Received(name, label, service_id, state, reason, settled_at or armed_at))
        for name, label, number, service_id, state, reason, settled_at, armed_at in session.execute(
            messages.limit(_MOST)
        )
    ]
    found += [
        (number, Received(name, label, service_id, None, "", None, reason))
        for name, label, number, service_id, reason in session.execute(left_out.limit(_MOST))
    ]
    return [one for _, one in sorted(found, key=lambda pair: pair[0], reverse=True)]


def _clicks(session: Session, person: Person, service_ids: Sequence[int]) -> list[Followed]:
    if person.visitor_id is None:
        return []
    clicks = (
        select(col(Click.clicked_at), col(Delivery.name), col(Link.url), col(Click.is_robot))
        .select_from(Delivery)
        .join(
            Message,
            (col(Message.delivery_id) == col(Delivery.id))
            & (col(Message.proof_number) == MAIN)
            & col(Message.service_id).in_(service_ids)
            & (col(Message.visitor_id) == person.visitor_id),
        )
        .join(Click, col(Click.message_id) == col(Message.id))
        .join(Link, col(Link.id) == col(Click.link_id))
        .where(col(Delivery.kind) == DeliveryKind.DM)
        .order_by(col(Click.clicked_at).desc())
    )
    return [Followed(*row) for row in session.execute(clicks.limit(_MOST))]


def profile_of(person: Person) -> Mapping[str, Any]:
    """Returns what is known of the profile; a field that the contact does not have is read from the visitor."""
    names = ["full_name", "username", "email", "location", "description", "website", "language", "followers_count"]
    rows = [*person.contacts, *([person.visitor] if person.visitor else [])]
    profile: dict[str, Any] = {"external_id": person.external_id}
    for name in [*names, "posts_count", "verified", "joined_x_at"]:
        values = (getattr(row, name, None) for row in rows)
        profile[name] = next((value for value in values if value not in {None, ""}), None)
    return {name: value for name, value in profile.items() if value is not None}
