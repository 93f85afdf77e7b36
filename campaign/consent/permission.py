"""Why a visitor may not be written to by a service, as conditions over `visitor` left joined with `subscription`.

The same at the analysis and in the statement that arms a message: permission is asked for at the last moment.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, null, or_, select, text, true, union_all
from sqlmodel import col

from models import (
    EVERY_SERVICE,
    MAIN,
    Consent,
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
from models.message import REACHED

REACHED_MESSAGE = REACHED.replace("visitor_id", "message.visitor_id").replace("state", "message.state")
REACHED_STATES = (MessageState.SENDING, MessageState.SENT, MessageState.UNCERTAIN)
Reasons = list[tuple[ExclusionReason, ColumnElement[bool]]]
Range = tuple[int, int]
"""Visitors by their ids, from the first to before the second."""
_VISITOR = col(Visitor.id)


def always(service: Service, within: Range | None = None) -> Reasons:
    """What holds for everything that is sent, proofs included; asked of a range of visitors at once, or of a few."""
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
    """What holds for every message of a broadcast."""
    wanted = [
        *always(service, within),
        (
            ExclusionReason.NOT_A_FOLLOWER,
            or_(col(Subscription.id).is_(None), col(Subscription.ended_at).is_not(None)),
        ),
    ]
    if service.message_policy is MessagePolicy.CONSENTED_ONLY:
        wanted.append((ExclusionReason.NO_CONSENT, ~consented(service.id, within)))
    if service.frequency_cap:
        often = _got_enough(service, now) if at_the_cap is None else at_the_cap
        wanted.append((ExclusionReason.FREQUENCY_CAP, often))
    return in_order(wanted)


def in_order(reasons: Reasons) -> Reasons:
    """The reasons in the order in which the first that holds is told."""
    order = list(ExclusionReason)
    return sorted(reasons, key=lambda pair: order.index(pair[0]))


def consented(service_id: int, within: Range | None = None) -> ColumnElement[bool]:
    """Whether the visitor has agreed to be written to by the service."""
    agreed = select(col(Consent.visitor_id)).where(
        col(Consent.service_id) == service_id, col(Consent.ended_at).is_(None)
    )
    return is_among(agreed, col(Consent.visitor_id), within)


def is_among(rows: Select[Any], visitor_id: Any, within: Range | None) -> ColumnElement[bool]:
    """Whether the visitor is one of those in the rows, whose column that is.

    With a range the database lists those of it once, and looks there; without, it looks up each visitor.
    """
    if within is None:
        return rows.where(visitor_id == _VISITOR).correlate(Visitor).exists()
    return _VISITOR.in_(rows.where(*in_range(visitor_id, within)))


def _got_enough(service: Service, now: datetime) -> ColumnElement[bool]:
    """Whether the visitor got as many messages lately as the service allows; looked up for a few at a time."""
    got = (
        select(func.count())
        .select_from(Message)
        # Without statistics SQLite would rather read all messages of the service.
        .with_hint(Message, "INDEXED BY ix_message_reached", "sqlite")
        .where(*_recently_reached(service, now), col(Message.visitor_id) == _VISITOR)
        # Asked of messages too: their table is another one than this.
        .correlate(Visitor)
    )
    return got.scalar_subquery() >= service.frequency_cap


def at_the_cap(service: Service, now: datetime, open_deliveries: Sequence[int], within: Range) -> ColumnElement[bool]:
    """The same for all visitors of a range at once; what is pending in `open_deliveries` counts too."""
    recently = _messages_to(service, within).where(*_recently_reached(service, now))
    scheduled = _messages_to(service, within).where(
        col(Message.service_id) == service.id,
        col(Message.state) == MessageState.PENDING,
        col(Message.delivery_id).in_(open_deliveries),
        col(Message.proof_number) == MAIN,
    )
    counted = union_all(recently, scheduled) if open_deliveries else recently
    everybody = counted.subquery()
    often = select(everybody.c.visitor_id).group_by(everybody.c.visitor_id)
    return _VISITOR.in_(often.having(func.count() >= service.frequency_cap))


def _messages_to(service: Service, within: Range) -> Select[tuple[int]]:
    messages = select(col(Message.visitor_id)).where(col(Message.service_id) == service.id)
    return messages.where(*in_range(col(Message.visitor_id), within))


def in_range(visitor_id: Any, within: Range) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Whether a visitor is of a range: lists of visitors are kept to it, so that they are small enough to be hashed."""
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
    """The first reason that holds, NULL when none does."""
    pairs = [(condition, reason.value) for reason, condition in reasons]
    return case(*pairs, else_=null()) if pairs else null()


def none_of(reasons: Iterable[tuple[ExclusionReason, ColumnElement[bool]]]) -> ColumnElement[bool]:
    """Whether no reason holds."""
    return and_(true(), *(~condition for _, condition in reasons))
