"""At whom a broadcast is aimed, and why somebody of them gets nothing, as conditions for the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Exists, Select, SQLColumnExpression, String, exists, func, or_, select
from sqlmodel import Session, col

from campaign.domain.broadcasts import Audience
from campaign.store import invitations, people, permission
from campaign.store.lists import among
from campaign.store.permission import Range, Reasons
from models import MAIN, ExclusionReason, Message, MessageState, Service, Subscription, Visitor

_VISITOR = col(Visitor.id)


@dataclass(frozen=True)
class Target:
    """What a broadcast is aimed at, on one service: its audience with the names and conditions looked up."""

    delivery_id: int
    service: Service
    audience: Audience
    now: datetime
    where: ColumnElement[bool] | None = None
    except_where: ColumnElement[bool] | None = None
    recipients_of: int | None = None
    not_if_received: Sequence[int] = ()
    open_deliveries: Sequence[int] = ()
    """Other deliveries that are confirmed or under way: what is pending in them counts for the frequency cap."""
    other_services: bool = False
    """Whether the delivery goes to more services: nobody gets it from two."""
    is_begun: bool = False
    """Whether something of it was sent before it was changed: nobody gets it again."""
    is_invitation: bool = False
    """Whether it invites people to become contacts: nobody twice, and no contact."""


def candidates(
    session: Session, target: Target, within: Range, columns: Sequence[SQLColumnExpression[Any]]
) -> Select[Any]:
    """Everybody of a range at whom it is aimed."""
    follows = (col(Subscription.visitor_id) == _VISITOR) & (col(Subscription.service_id) == target.service.id)
    everybody = not target.audience.people and target.recipients_of is None
    rows = select(*columns).select_from(Visitor).join(Subscription, follows, isouter=not everybody)
    rows = rows.where(*permission.in_range(_VISITOR, within))
    if everybody:
        rows = rows.where(*permission.in_range(col(Subscription.visitor_id), within))
        rows = rows.where(col(Subscription.ended_at).is_(None))
    if target.audience.people:
        ids, handles = people.ids_and_handles(target.audience.people)
        is_named = among(session, func.lower(col(Visitor.username)), handles, String())
        rows = rows.where(or_(among(session, col(Visitor.external_id), ids, String()), is_named))
    if target.recipients_of is not None:
        rows = rows.where(_got(target.recipients_of, within))
    return rows if target.where is None else rows.where(target.where)


def reasons(target: Target, within: Range) -> Reasons:
    """Why somebody of a range gets nothing, in the order in which it is told."""
    often = permission.at_the_cap(target.service, target.now, target.open_deliveries, within)
    found = permission.of_broadcast(target.service, target.now, often, within)
    if target.except_where is not None:
        found.append((ExclusionReason.EXCLUDED_CONDITION, target.except_where))
    if target.is_begun:
        is_out = col(Message.state) != MessageState.PENDING
        found.append((ExclusionReason.ALREADY_RECEIVED, has_row(target).where(is_out)))
    if target.is_invitation:
        found += invitations.of_invitation(target.service, target.delivery_id, within)
    if target.not_if_received:
        got = (_got(delivery_id, within) for delivery_id in target.not_if_received)
        found.append((ExclusionReason.NOT_IF_RECEIVED, or_(*got)))
    if target.other_services:
        found.append((ExclusionReason.DUPLICATE, _gets_it_from_another(target, within)))
    return permission.in_order(found)


def has_row(target: Target) -> Exists:
    """Whether the log has a line of this delivery to the visitor from this service."""
    return exists().where(
        col(Message.delivery_id) == target.delivery_id,
        col(Message.proof_number) == MAIN,
        col(Message.service_id) == target.service.id,
        col(Message.visitor_id) == _VISITOR,
    )


def _got(delivery_id: int, within: Range) -> ColumnElement[bool]:
    """Whether a delivery was sent to the visitor, from whichever service; what may be out counts."""
    got = select(col(Message.visitor_id)).where(
        col(Message.delivery_id) == delivery_id,
        col(Message.proof_number) == MAIN,
        col(Message.state).in_(permission.REACHED_STATES),
        *permission.in_range(col(Message.visitor_id), within),
    )
    return _VISITOR.in_(got)


def _gets_it_from_another(target: Target, within: Range) -> ColumnElement[bool]:
    others = select(col(Message.visitor_id)).where(
        col(Message.delivery_id) == target.delivery_id,
        col(Message.proof_number) == MAIN,
        col(Message.service_id) != target.service.id,
        col(Message.state) != MessageState.CANCELLED,
        *permission.in_range(col(Message.visitor_id), within),
    )
    return _VISITOR.in_(others)
