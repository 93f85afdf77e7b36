"""Reasons against a message from a service to a visitor, as conditions over `visitor` left joined with `subscription`.

The same at the analysis and in the statement that arms a message: permission is checked at the last moment.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, null, or_, select, text, true, union_all
from sqlmodel import col

from models import (
    EVERY_SERVICE,
    MAIN,
    REACHED,
    Consent,
    ConsentSource,
    ExclusionReason,
    Message,
    MessagePolicy,
    MessageState,
    Service,
    Subscription,
    Suppression,
    SuppressionReason,
    Unreachable,
    Visitor,
)

REACHED_MESSAGE = REACHED.replace("visitor_id", "message.visitor_id").replace("state", "message.state")
REACHED_STATES = (MessageState.SENDING, MessageState.SENT, MessageState.UNCERTAIN)
Reasons = list[tuple[ExclusionReason, ColumnElement[bool]]]
Range = tuple[int, int]
"""Visitors by their ids, from the first to before the second: all of them are checked by one statement."""
_VISITOR = col(Visitor.id)


def always(service: Service, within: Range | None = None) -> Reasons:
    """Returns the reasons against any message, proofs included."""
    person = col(Suppression.visitor_id)
    suppressed = select(person).where(col(Suppression.service_id).in_([EVERY_SERVICE, service.id]))
    opted_out = suppressed.where(col(Suppression.reason) == SuppressionReason.OPT_OUT)
    unreachable = select(col(Unreachable.visitor_id)).where(col(Unreachable.service_id) == service.id)
    return [
        (ExclusionReason.OPTED_OUT, is_among(opted_out, person, within)),
        (ExclusionReason.SUPPRESSED, is_among(suppressed, person, within)),
        (ExclusionReason.DOES_NOT_RECEIVE, is_among(unreachable, col(Unreachable.visitor_id), within)),
    ]


def of_broadcast(
    service: Service, now: datetime, at_the_cap: ColumnElement[bool] | None = None, within: Range | None = None
) -> Reasons:
    """Returns the reasons against a message of a broadcast."""
    reasons = [
        *always(service, within),
        (
            ExclusionReason.NOT_A_FOLLOWER,
            or_(col(Subscription.id).is_(None), col(Subscription.ended_at).is_not(None)),
        ),
    ]
    if service.message_policy is MessagePolicy.CONSENTED_ONLY:
        reasons.append((ExclusionReason.NO_CONSENT, ~consented(service, within)))
    if service.frequency_cap and at_the_cap is None:
        recent = (
            select(func.count())
            .select_from(Message)
            # Without statistics SQLite would rather read all messages of the service.
            .with_hint(Message, "INDEXED BY ix_message_reached", "sqlite")
            .where(*_recently_reached(service, now), col(Message.visitor_id) == _VISITOR)
            # The condition may stand in an update of messages, which is another use of their table.
            .correlate(Visitor)
        )
        at_the_cap = recent.scalar_subquery() >= service.frequency_cap
    if service.frequency_cap and at_the_cap is not None:
        reasons.append((ExclusionReason.FREQUENCY_CAP, at_the_cap))
    return in_order(reasons)


def in_order(reasons: Reasons) -> Reasons:
    """Returns the reasons in the order of importance: the first that holds is the one that is shown."""
    order = list(ExclusionReason)
    return sorted(reasons, key=lambda pair: order.index(pair[0]))


def consented(service: Service, within: Range | None = None) -> ColumnElement[bool]:
    """Returns whether a consent of the visitor runs that the service counts."""
    running = select(col(Consent.visitor_id)).where(col(Consent.service_id) == service.id, is_counted(service))
    return is_among(running, col(Consent.visitor_id), within)


def is_counted(service: Service) -> ColumnElement[bool]:
    """Returns whether a consent runs and the service counts its source; a first message is no marketing consent."""
    is_running = col(Consent.ended_at).is_(None)
    return is_running if service.wrote_first_counts else and_(is_running, is_marketing_consent())


def is_marketing_consent() -> ColumnElement[bool]:
    """Returns whether a consent is more than a message that the person sent."""
    return col(Consent.source) != ConsentSource.WROTE_FIRST


def is_among(rows: Select[Any], visitor_id: Any, within: Range | None) -> ColumnElement[bool]:
    """Returns whether the visitor is among the rows, by their column `visitor_id`.

    With a range the database lists its visitors once; without, it looks up each of a few visitors.
    """
    if within is None:
        return rows.where(visitor_id == _VISITOR).correlate(Visitor).exists()
    return _VISITOR.in_(rows.where(*in_range(visitor_id, within)))


def at_the_cap(service: Service, now: datetime, open_deliveries: Sequence[int], within: Range) -> ColumnElement[bool]:
    """Returns whether a visitor of a range has reached the frequency cap, with what is pending in `open_deliveries`."""
    of_service = col(Message.service_id) == service.id
    messages = select(col(Message.visitor_id)).where(of_service, *in_range(col(Message.visitor_id), within))
    recent = messages.where(*_recently_reached(service, now))
    scheduled = messages.where(
        col(Message.state) == MessageState.PENDING,
        col(Message.delivery_id).in_(open_deliveries),
        col(Message.proof_number) == MAIN,
    )
    counted = (union_all(recent, scheduled) if open_deliveries else recent).subquery()
    visitors = select(counted.c.visitor_id).group_by(counted.c.visitor_id)
    return _VISITOR.in_(visitors.having(func.count() >= service.frequency_cap))


def in_range(visitor_id: Any, within: Range) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Returns whether a visitor is of a range, so that lists of visitors stay small enough to be hashed."""
    return visitor_id >= within[0], visitor_id < within[1]


def _recently_reached(service: Service, now: datetime) -> list[ColumnElement[bool]]:
    since = now - timedelta(days=service.frequency_days)
    return [
        col(Message.service_id) == service.id,
        text(REACHED_MESSAGE),  # type: ignore[list-item]
        col(Message.proof_number) == MAIN,
        col(Message.armed_at) >= since,
    ]


def first_of(reasons: Iterable[tuple[ExclusionReason, ColumnElement[bool]]]) -> ColumnElement[Any]:
    """Returns the first reason that holds, else NULL."""
    pairs = [(condition, reason.value) for reason, condition in reasons]
    return case(*pairs, else_=null()) if pairs else null()


def none_of(reasons: Iterable[tuple[ExclusionReason, ColumnElement[bool]]]) -> ColumnElement[bool]:
    """Returns whether no reason holds."""
    return and_(true(), *(~condition for _, condition in reasons))
