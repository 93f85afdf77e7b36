"""The waves of a broadcast: ranges of its messages, and what an analysis counts."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import BigInteger, bindparam, cast, func, select
from sqlmodel import Session, col

from campaign.domain.waves import WaveShare
from campaign.store.persons import PERSON
from models import MAIN, Consent, Delivery, Message, MessageState, Visitor, Wave

_FAR = 1_000_000_000_000
"""More than there are messages: the length of a name and an id are compared as one number."""
#: Built once, for it is asked with every batch.
_OF_SERVICE = (
    select(Wave)
    .where(col(Wave.delivery_id) == bindparam("delivery_id"), col(Wave.service_id) == bindparam("service_id"))
    .order_by(col(Wave.number))
)


def write(session: Session, delivery_id: int, service_id: int, shares: Sequence[WaveShare]) -> None:
    """Let the recipients of a service fall into its waves, in the order of their messages."""
    first: int | None = session.scalar(_pending(delivery_id, service_id, func.min(col(Message.id))))
    for place, share in enumerate(shares, start=1):
        if first is None:
            return
        session.add(
            Wave(
                delivery_id=delivery_id,
                service_id=service_id,
                number=share.number,
                first_message_id=first,
                recipients=share.recipients,
                offset_seconds=share.offset_seconds,
            )
        )
        if place < len(shares):
            rest = _pending(delivery_id, service_id, col(Message.id)).where(col(Message.id) >= first)
            first = session.scalar(rest.order_by(col(Message.id)).limit(1).offset(share.recipients))
    session.flush()


def _pending(delivery_id: int, service_id: int, column: Any) -> Any:
    return (
        select(column)
        .select_from(Message)
        .where(
            col(Message.service_id) == service_id,
            col(Message.state) == MessageState.PENDING,
            col(Message.delivery_id) == delivery_id,
            col(Message.proof_number) == MAIN,
        )
    )


def of_service(session: Session, delivery_id: int, service_id: int) -> list[Wave]:
    """The waves of a broadcast on one service, by number."""
    return list(session.scalars(_OF_SERVICE, {"delivery_id": delivery_id, "service_id": service_id}))


def recipients(session: Session, delivery_id: int, service_id: int) -> int:
    """How many people an analysis found for a service."""
    return sum(wave.recipients for wave in of_service(session, delivery_id, service_id))


def begins_at(delivery: Delivery, wave: Wave) -> datetime | None:
    """When a wave of a delivery that has started may go out; None before it has."""
    return delivery.started_at and delivery.started_at + timedelta(seconds=wave.offset_seconds)


def unconsented(session: Session, delivery_id: int, service_id: int) -> int:
    """How many recipients never agreed to be written to."""
    agreed = select(col(Consent.id)).where(
        col(Consent.service_id) == service_id,
        col(Consent.visitor_id) == col(Message.visitor_id),
        col(Consent.ended_at).is_(None),
    )
    return session.scalar(_pending(delivery_id, service_id, func.count()).where(~agreed.exists())) or 0


def samples(session: Session, delivery_id: int, service_id: int, seed: int) -> list[tuple[str, Any]]:
    """Three recipients: with the shortest and the longest name, and a random one, the same for the same seed."""
    length = func.length(func.coalesce(col(Visitor.full_name), "")) + func.length(
        func.coalesce(col(Visitor.username), "")
    )
    key = cast(length, BigInteger) * _FAR + col(Message.id)
    joined = _pending(delivery_id, service_id, func.min(key)).add_columns(
        func.max(key), func.min(col(Message.id)), func.max(col(Message.id))
    )
    shortest, longest, first, last = session.execute(
        joined.join(Visitor, col(Visitor.id) == col(Message.visitor_id))
    ).one()
    if shortest is None:
        return []
    chosen = {"shortest": shortest % _FAR, "longest": longest % _FAR}
    lot = Random(seed).randint(first, last)  # noqa: S311 - repeatable on purpose
    rest = _pending(delivery_id, service_id, col(Message.id)).where(col(Message.id) >= lot)
    chosen["random"] = session.scalar(rest.order_by(col(Message.id)).limit(1)) or first
    return [(why, _person(session, message_id)) for why, message_id in chosen.items()]


def _person(session: Session, message_id: int) -> Any:
    who = select(*PERSON).join(Message, col(Message.visitor_id) == col(Visitor.id))
    return session.execute(who.where(col(Message.id) == message_id)).one()


def count_by_state(session: Session, delivery_id: int, service_id: int | None = None) -> Counter[MessageState]:
    """How many messages of a broadcast are in which state."""
    counted = select(col(Message.state), func.count()).where(
        col(Message.delivery_id) == delivery_id, col(Message.proof_number) == MAIN
    )
    if service_id is not None:
        counted = counted.where(col(Message.service_id) == service_id)
    return Counter(dict(session.execute(counted.group_by(col(Message.state))).tuples().all()))
