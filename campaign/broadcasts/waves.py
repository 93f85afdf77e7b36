"""The waves of broadcasts, their states and last outcomes, and their messages: chosen, and armed a batch at a time."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, case, cast, exists, func, literal, update
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from campaign.audience.visitors import PERSON, values_of
from campaign.broadcasts.schedule import WaveShare
from campaign.consent import permission
from campaign.consent.permission import Reasons
from campaign.db.engine import as_rows, is_on_postgresql, rows_of
from models import (
    MAIN,
    Consent,
    Delivery,
    DeliveryKind,
    DeliveryState,
    DeliveryTarget,
    ExclusionReason,
    Message,
    MessageState,
    Moment,
    Priority,
    Subscription,
    Visitor,
    Wave,
)

_FAR = 1_000_000_000_000
"""More than there are messages: the length of a name and an id are compared as one number."""
#: Built once, for it is read with every batch.
_OF_SERVICE = (
    sa_select(Wave)
    .where(col(Wave.delivery_id) == bindparam("delivery_id"), col(Wave.service_id) == bindparam("service_id"))
    .order_by(col(Wave.number))
)


def write(session: Session, delivery_id: int, service_id: int, shares: Sequence[WaveShare]) -> None:
    """Splits the recipients of a service into its waves, in the order of their messages."""
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
        sa_select(column)
        .select_from(Message)
        .where(
            col(Message.service_id) == service_id,
            col(Message.state) == MessageState.PENDING,
            col(Message.delivery_id) == delivery_id,
            col(Message.proof_number) == MAIN,
        )
    )


def of_service(session: Session, delivery_id: int, service_id: int) -> list[Wave]:
    """Returns the waves of a broadcast on one service, by number."""
    return list(session.scalars(_OF_SERVICE, {"delivery_id": delivery_id, "service_id": service_id}))


def recipients(session: Session, delivery_id: int, service_id: int) -> int:
    """Counts the people that an analysis found for a service."""
    return sum(wave.recipients for wave in of_service(session, delivery_id, service_id))


def begins_at(delivery: Delivery, wave: Wave) -> datetime | None:
    """Returns when a wave of a delivery that has started may go out; None before it has."""
    return delivery.started_at and delivery.started_at + timedelta(seconds=wave.offset_seconds)


def count_consents(session: Session, delivery_id: int, service_id: int) -> tuple[int, int]:
    """Counts the recipients who agreed to be written to, and those who only wrote first."""
    has_agreed = permission.is_marketing_consent()
    is_running = (
        (col(Consent.service_id) == service_id)
        & (col(Consent.visitor_id) == col(Message.visitor_id))
        & col(Consent.ended_at).is_(None)
    )
    counted = _pending(delivery_id, service_id, func.count(case((has_agreed, 1)))).join(Consent, is_running)
    agreed, wrote_first = session.execute(counted.add_columns(func.count(case((~has_agreed, 1))))).one()
    return agreed, wrote_first


def samples(session: Session, delivery_id: int, service_id: int, seed: int) -> list[tuple[str, Any]]:
    """Returns three recipients: with the shortest and the longest name, and a random one by the seed."""
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
    people = sa_select(*PERSON).join(Message, col(Message.visitor_id) == col(Visitor.id))
    return [
        (why, session.execute(people.where(col(Message.id) == message_id)).one()) for why, message_id in chosen.items()
    ]


def count_by_service(session: Session, delivery_id: int) -> dict[int, Counter[MessageState]]:
    """Counts the messages of each service by state."""
    counted = sa_select(col(Message.service_id), col(Message.state), func.count()).where(
        col(Message.delivery_id) == delivery_id, col(Message.proof_number) == MAIN
    )
    found: dict[int, Counter[MessageState]] = defaultdict(Counter)
    for service_id, state, count in session.execute(counted.group_by(col(Message.service_id), col(Message.state))):
        found[service_id][state] = count
    return dict(found)


def count_by_state(session: Session, delivery_id: int) -> Counter[MessageState]:
    """Counts the messages of a broadcast by state."""
    return sum(count_by_service(session, delivery_id).values(), Counter[MessageState]())


_ORDER = case({priority.value: place for place, priority in enumerate(Priority)}, value=col(Delivery.priority))
_OPEN = (DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS, DeliveryState.PAUSED)
#: So many of the last outcomes count, see campaign.broadcasts.context.
_LAST = 100
_UNDER_WAY = (
    select(Delivery)
    .where(col(Delivery.kind) == DeliveryKind.DM, col(Delivery.state) == DeliveryState.IN_PROGRESS)
    .order_by(_ORDER.desc(), col(Delivery.id))
)
_UNDER_WAY_ON = _UNDER_WAY.join(DeliveryTarget, col(DeliveryTarget.delivery_id) == col(Delivery.id)).where(
    col(DeliveryTarget.service_id) == bindparam("service_id")
)


def under_way(session: Session, service_id: int | None = None) -> list[Delivery]:
    """Returns the broadcasts in progress (on a service), the one that goes first before the others."""
    if service_id is None:
        return list(session.scalars(_UNDER_WAY))
    return list(session.scalars(_UNDER_WAY_ON, {"service_id": service_id}))


def lock_under_way(session: Session, service_id: int) -> list[Delivery]:
    """Returns the broadcasts in progress on a service, locked, so that a pause does not undo a stop."""
    held = _UNDER_WAY_ON.with_for_update(of=Delivery).execution_options(populate_existing=True)
    return list(session.scalars(held, {"service_id": service_id}))


def lock(session: Session, delivery_id: int) -> Delivery:
    """Reads and locks one broadcast, whatever its state."""
    return session.get_one(Delivery, delivery_id, with_for_update=True, populate_existing=True)


def due(session: Session, now: datetime) -> list[Delivery]:
    """Returns the broadcasts that are confirmed or under way and whose time has come, the oldest first."""
    ready = col(Delivery.state).in_([DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS])
    is_time = col(Delivery.contact_date).is_(None) | (col(Delivery.contact_date) <= now)
    found = select(Delivery).where(ready, is_time, col(Delivery.kind) == DeliveryKind.DM)
    return list(session.scalars(found.order_by(col(Delivery.id))))


def others_open(session: Session, delivery_id: int) -> list[int]:
    """Returns the other broadcasts that are confirmed and not over."""
    found = select(col(Delivery.id)).where(
        col(Delivery.kind) == DeliveryKind.DM, col(Delivery.state).in_(_OPEN), col(Delivery.id) != delivery_id
    )
    return list(session.scalars(found))


def last_outcomes(session: Session, delivery_id: int, service_ids: Sequence[int]) -> list[bool]:
    """Returns whether X took the last messages of a broadcast or refused them, the newest last."""
    known: list[tuple[datetime | None, bool]] = []
    for service_id in service_ids:
        for state in (MessageState.SENT, MessageState.REFUSED):
            rows = select(col(Message.settled_at)).where(
                col(Message.service_id) == service_id,
                col(Message.state) == state,
                col(Message.delivery_id) == delivery_id,
                col(Message.proof_number) == MAIN,
            )
            newest = session.scalars(rows.order_by(col(Message.id).desc()).limit(_LAST))
            known += [(at, state is MessageState.SENT) for at in newest]
    return [is_sent for _, is_sent in sorted(known, key=lambda one: str(one[0]))][-_LAST:]


#: An id that no message has.
_BEYOND_ALL = 2**62


@dataclass(frozen=True, slots=True)
class Span:
    """Some messages of one delivery on one service: those of a wave, or of a proof."""

    delivery_id: int
    service_id: int
    first_id: int = 0
    beyond_id: int | None = None
    proof_number: int = MAIN


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pending message: to whom, what is known of the person, and why it may not go out after all."""

    message_id: int
    visitor_id: int
    text: str
    """Of a proof, and of what was tried before; empty before a message is personalised."""
    reason: ExclusionReason | None
    person: Mapping[str, str | None]

    @property
    def recipient(self) -> str:
        """Returns the X user id."""
        return self.person["external_id"] or ""


def _in_span(*columns: Any) -> Select[Any]:
    pending = (
        sa_select(*columns)
        .select_from(Message)
        .where(
            col(Message.service_id) == bindparam("service_id"),
            col(Message.state) == MessageState.PENDING,
            col(Message.id) >= bindparam("first_id"),
            col(Message.id) < bindparam("beyond_id"),
            col(Message.delivery_id) == bindparam("delivery_id"),
            col(Message.proof_number) == bindparam("proof_number"),
        )
    )
    return pending.order_by(col(Message.id))


#: Built once, for it is read with every batch.
_FIRST = _in_span(col(Message.id)).limit(1)


def _within(span: Span) -> dict[str, int]:
    """Returns the parameters of `_in_span`."""
    same = {name: getattr(span, name) for name in ("service_id", "first_id", "delivery_id", "proof_number")}
    return same | {"beyond_id": span.beyond_id or _BEYOND_ALL}


def pending(session: Session, span: Span) -> int | None:
    """Returns the first message of a span that has not gone out; None when there is none."""
    first: int | None = session.connection().scalar(_FIRST, _within(span))
    return first


def candidates(session: Session, span: Span, reasons: Reasons, at_most: int) -> list[Candidate]:
    """Returns the next messages of a span, with the first reason that holds for each."""
    chosen = _in_span(
        col(Message.id), col(Message.visitor_id), col(Message.text), permission.first_of(reasons), *PERSON
    )
    follows = (col(Subscription.visitor_id) == col(Visitor.id)) & (col(Subscription.service_id) == span.service_id)
    joined = chosen.join(Visitor, col(Visitor.id) == col(Message.visitor_id)).join(Subscription, follows, isouter=True)
    return [
        Candidate(message_id, visitor_id, text, ExclusionReason(reason) if reason else None, values_of(person))
        for message_id, visitor_id, text, reason, *person in session.execute(joined.limit(at_most), _within(span))
    ]


def arm(session: Session, texts: Mapping[int, str], reasons: Reasons, now: datetime) -> set[int]:
    """Records, in the caller's transaction, that these messages are about to be sent; returns which.

    Messages that may not go out any more, and those that another process armed meanwhile, are left out. From then on
    `now` identifies the attempt.
    """
    armed = rows_of(["id", "text"], on_postgresql=is_on_postgresql(session))
    follows = (col(Subscription.visitor_id) == col(Visitor.id)) & (
        col(Subscription.service_id) == col(Message.service_id)
    )
    permitted = (
        sa_select(col(Visitor.id))
        .select_from(Visitor)
        .join(Subscription, follows, isouter=True)
        .where(col(Visitor.id) == col(Message.visitor_id), permission.none_of(reasons))
        .correlate(Message)
    )
    statement = (
        update(Message)
        .values(
            state=MessageState.SENDING,
            text=armed.c.text,
            armed_at=now,
            first_armed_at=func.coalesce(col(Message.first_armed_at), literal(now, Moment())),
            attempts=col(Message.attempts) + 1,
            settled_at=None,
        )
        .where(col(Message.id) == armed.c.id, col(Message.state) == MessageState.PENDING, exists(permitted))
        .returning(col(Message.id))
    )
    rows = as_rows([[message_id, text] for message_id, text in texts.items()])
    return set(session.connection().execute(statement, rows).scalars())


def drop(session: Session, reasons: Mapping[int, tuple[str, str]], now: datetime) -> int:
    """Cancels pending messages to people who may not get them after all, each with its code and sentence."""
    if not reasons:
        return 0
    why = rows_of(["id", "reason_code", "reason"], on_postgresql=is_on_postgresql(session))
    statement = (
        update(Message)
        .values(state=MessageState.CANCELLED, reason_code=why.c.reason_code, reason=why.c.reason, settled_at=now)
        .where(col(Message.id) == why.c.id, col(Message.state) == MessageState.PENDING)
        .returning(col(Message.id))
    )
    rows = as_rows([[message_id, code, sentence] for message_id, (code, sentence) in reasons.items()])
    return len(session.connection().execute(statement, rows).all())


def plan(session: Session, delivery: Delivery, service_id: int, visitors: Sequence[int], text: str) -> None:
    """Writes the messages of the newest proof of a delivery."""
    session.add_all(
        Message(
            delivery_id=delivery.id,
            proof_number=delivery.proofs,
            service_id=service_id,
            visitor_id=visitor_id,
            text=text,
        )
        for visitor_id in visitors
    )
    session.flush()


def log_of(session: Session, span: Span) -> list[Message]:
    """Returns the messages of a proof."""
    rows = select(Message).where(
        col(Message.delivery_id) == span.delivery_id,
        col(Message.proof_number) == span.proof_number,
        col(Message.service_id) == span.service_id,
    )
    return list(session.scalars(rows.order_by(col(Message.id))))
