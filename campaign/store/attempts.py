"""What services try and have tried: counted for the limits that X did not tell of, and for those it did."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, exists, func, select, text
from sqlmodel import Session, col

from models import MAIN, NOBODY, Delivery, DeliveryState, Message, MessageState, Service
from models.message import TRIED

_TRIED = TRIED.replace("visitor_id", "message.visitor_id").replace("armed_at", "message.armed_at")
#: Far longer than a batch takes, from its arming to its last call.
_LONGEST_BATCH = timedelta(hours=1)
#: Built once, as are the others that run with every message: building one takes ten times as long as running it.
_TRIED_SINCE = select(col(Message.armed_at), col(Message.settled_at), col(Message.attempts)).where(
    col(Message.service_id).in_(bindparam("service_ids", expanding=True)),
    text(_TRIED),
    col(Message.armed_at) > bindparam("since"),
)
_BEING_SENT = (
    select(col(Message.service_id), func.count())
    .where(
        col(Message.service_id).in_(bindparam("service_ids", expanding=True)),
        col(Message.state) == MessageState.SENDING,
        col(Message.visitor_id) != NOBODY,
    )
    .group_by(col(Message.service_id))
)
_OURS = (
    select(func.count())
    .select_from(Message)
    .join(Delivery, col(Delivery.id) == col(Message.delivery_id))
    .where(
        col(Message.id).in_(bindparam("message_ids", expanding=True)),
        col(Message.state) == MessageState.SENDING,
        col(Message.armed_at) == bindparam("armed_at"),
        (col(Message.proof_number) != MAIN) | (col(Delivery.state) == DeliveryState.IN_PROGRESS),
    )
)


def tried_since(session: Session, service_ids: Sequence[int], since: datetime) -> list[datetime]:
    """When these services sent or tried to send their messages: the last moment at which each call can have been made.

    X counts every attempt, and of one that was repeated only the last moment is known.
    """
    given = {"service_ids": list(service_ids), "since": since - _LONGEST_BATCH}
    return [
        max(armed_at, settled_at or armed_at)
        for armed_at, settled_at, attempts in session.execute(_TRIED_SINCE, given)
        for _ in range(attempts)
    ]


def being_sent(session: Session, service_ids: Sequence[int]) -> Counter[int]:
    """How many messages each of these services is sending at this moment."""
    return Counter(dict(session.execute(_BEING_SENT, {"service_ids": list(service_ids)}).tuples().all()))


def may_go_on(session: Session, message_ids: Collection[int], armed_at: datetime) -> bool:
    """Whether an attempt still has all of these messages, and nobody paused or stopped their broadcast."""
    given = {"message_ids": list(message_ids), "armed_at": armed_at}
    return session.scalar(_OURS, given) == len(message_ids)


def with_unsettled(session: Session) -> list[int]:
    """The services with messages of which nobody knows what came."""
    states = col(Message.state).in_([MessageState.SENDING, MessageState.UNCERTAIN])
    rows = select(col(Service.id)).where(
        exists().where(col(Message.service_id) == col(Service.id), states, col(Message.visitor_id) != NOBODY)
    )
    return list(session.scalars(rows))
