"""What a restored backup does not know: which messages went out after it was made, and what was confirmed since."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, literal, or_, select, update
from sqlmodel import Session, col

from campaign.deliveries import store as deliveries
from campaign.deliveries.log import FOR_A_PERSON, RESTORED
from models import MAIN, AuditEntry, Delivery, DeliveryKind, DeliveryState, Inbox, Message, MessageState, Moment

#: X shows direct messages for so long (docs.x.com, direct messages): of an older backup no look-up can tell.
SHOWN_FOR = timedelta(days=30)
#: Its next reading of message events is due at once.
_A_DAY = timedelta(days=1)
#: The log has a row for every message of these: one that was pending may be out.
_WITH_LOG = {
    DeliveryKind.DM: [
        DeliveryState.ANALYSED,
        DeliveryState.CONFIRMED,
        DeliveryState.IN_PROGRESS,
        DeliveryState.PAUSED,
        DeliveryState.FAILED,
    ],
    DeliveryKind.POST: [DeliveryState.IN_PROGRESS, DeliveryState.PAUSED, DeliveryState.FAILED],
}
#: Without rows no look-up can tell, so a person does.
_WITHOUT_LOG = {
    DeliveryKind.DM: [DeliveryState.BEING_EDITED],
    DeliveryKind.POST: [DeliveryState.BEING_EDITED, DeliveryState.ANALYSED, DeliveryState.CONFIRMED],
}


@dataclass(frozen=True, slots=True)
class Doubts:
    """How much a restored backup leaves open."""

    unknown: int = 0
    """Posts and messages that are looked up on X before they go out."""
    for_a_person: int = 0
    """Messages that no look-up can find, because the backup is too old."""
    returned: int = 0
    """Deliveries that went back to editing, or were there: a person looks whether they went out since."""


def mark_unknown(session: Session, taken_at: datetime, now: datetime) -> Doubts:
    """Marks everything as unknown that may have gone out after a backup was taken, so that nothing is sent blindly."""
    is_too_old = taken_at < now - SHOWN_FOR
    unknown, for_a_person = _mark_messages(session, taken_at, now, is_too_old=is_too_old)
    returned = 0
    since = f"{taken_at:%Y-%m-%d %H:%M} UTC"
    for delivery in session.scalars(select(Delivery).where(_is(_WITHOUT_LOG)).order_by(col(Delivery.id))).all():
        reason = f"Restored from the backup of {since}: it may be out since. Look on X, then analyse or stop it."
        deliveries.void(session, delivery, reason, "campaign restore", now)
        returned += 1
    session.execute(update(Inbox).values(read_at=taken_at - _A_DAY))
    open_ones = select(col(Delivery.id)).where(or_(_is(_WITH_LOG), _is(_WITHOUT_LOG)))
    session.add_all(
        AuditEntry(
            at=now, actor="campaign restore", delivery_id=delivery_id, action="restored", detail=f"As of {since}."
        )
        for delivery_id in session.scalars(open_ones).all()
    )
    session.flush()
    return Doubts(unknown, for_a_person, returned)


def _mark_messages(session: Session, taken_at: datetime, now: datetime, *, is_too_old: bool) -> tuple[int, int]:
    is_pending = (
        (col(Message.state) == MessageState.PENDING)
        & (col(Message.proof_number) == MAIN)
        & col(Message.delivery_id).in_(select(col(Delivery.id)).where(_is(_WITH_LOG)))
    )
    is_open = col(Message.state).in_([MessageState.SENDING, MessageState.UNCERTAIN])
    # A decision of a person was asked for already.
    in_doubt = or_(is_pending, is_open & (col(Message.reason_code) != FOR_A_PERSON))
    is_post = col(Message.delivery_id).in_(select(col(Delivery.id)).where(col(Delivery.kind) == DeliveryKind.POST))
    marked = update(Message).values(
        state=MessageState.UNCERTAIN,
        first_armed_at=func.coalesce(col(Message.first_armed_at), literal(taken_at, Moment())),
        # A call may have been made until this moment.
        armed_at=now,
        settled_at=now,
    )
    looked_up, by_hand = in_doubt, None
    if is_too_old:
        looked_up, by_hand = in_doubt & is_post, in_doubt & ~is_post
    code = case((col(Message.state) == MessageState.PENDING, RESTORED), else_=col(Message.reason_code))
    why = "Restored from a backup: it is looked up on X whether it went out since."
    unknown = session.connection().execute(marked.where(looked_up).values(reason_code=code, reason=why)).rowcount
    if by_hand is None:
        return unknown, 0
    why = "Restored from a backup: X does not show messages of that time any more. `campaign delivery settle` decides."
    left = marked.where(by_hand).values(reason_code=FOR_A_PERSON, reason=why)
    return unknown, session.connection().execute(left).rowcount


def _is(states: dict[DeliveryKind, list[DeliveryState]]) -> ColumnElement[bool]:
    return or_(*((col(Delivery.kind) == kind) & col(Delivery.state).in_(among) for kind, among in states.items()))
