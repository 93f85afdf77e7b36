"""What services try and have tried: counted for the limits that X did not tell of, and for those it did."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select, text
from sqlmodel import Session, col

from models import NOBODY, Message, MessageState, Service
from models.message import TRIED

_TRIED = TRIED.replace("visitor_id", "message.visitor_id").replace("armed_at", "message.armed_at")
#: Far longer than a batch takes, from its arming to its last call.
_LONGEST_BATCH = timedelta(hours=1)


def tried_since(session: Session, service_ids: Sequence[int], since: datetime) -> list[datetime]:
    """When these services sent or tried to send their messages: the last moment at which each call can have been made.

    X counts every attempt, and of one that was repeated only the last moment is known.
    """
    rows = select(col(Message.armed_at), col(Message.settled_at), col(Message.attempts)).where(
        col(Message.service_id).in_(service_ids), text(_TRIED), col(Message.armed_at) > since - _LONGEST_BATCH
    )
    return [
        max(armed_at, settled_at or armed_at)
        for armed_at, settled_at, attempts in session.execute(rows)
        for _ in range(attempts)
    ]


def being_sent(session: Session, service_ids: Sequence[int]) -> Counter[int]:
    """How many messages each of these services is sending at this moment."""
    sending = select(col(Message.service_id), func.count()).where(
        col(Message.service_id).in_(service_ids),
        col(Message.state) == MessageState.SENDING,
        col(Message.visitor_id) != NOBODY,
    )
    return Counter(dict(session.execute(sending.group_by(col(Message.service_id))).tuples().all()))


def are_ours(session: Session, message_ids: Collection[int], armed_at: datetime) -> bool:
    """Whether all of these are still being sent by the attempt of that moment: nobody else took them over."""
    held = select(func.count()).where(
        col(Message.id).in_(message_ids),
        col(Message.state) == MessageState.SENDING,
        col(Message.armed_at) == armed_at,
    )
    return session.scalar(held) == len(message_ids)


def with_unsettled(session: Session) -> list[int]:
    """The services with messages of which nobody knows what came."""
    states = col(Message.state).in_([MessageState.SENDING, MessageState.UNCERTAIN])
    rows = select(col(Service.id)).where(
        exists().where(col(Message.service_id) == col(Service.id), states, col(Message.visitor_id) != NOBODY)
    )
    return list(session.scalars(rows))
