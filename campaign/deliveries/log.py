"""The delivery log: what is planned, under way, sent, refused or unknown, also after a backup was restored."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import ColumnElement, Select, Update, bindparam, case, func, literal, null, or_, update
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from campaign.db.engine import as_ids, as_rows, ids_given, is_on_postgresql, rows_of
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import RenderedPart
from models import (
    MAIN,
    NO_VISITOR,
    OVER,
    AuditEntry,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Inbox,
    Message,
    MessageState,
    Moment,
    UploadedFile,
)

#: A file that X deletes so soon is uploaded again.
_STILL_GOOD = timedelta(minutes=10)
FOR_A_PERSON = "untold"
"""The reason code of an unknown outcome that no look-up can find: a person decides it."""
RESTORED = "restored"
"""The reason code of a message that was pending in a backup: it may have gone out since, with a text of its own."""
_UNKNOWN = (MessageState.SENDING, MessageState.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt to send a message; the attempt is known by the moment it was armed."""

    message_id: int
    armed_at: datetime
    state: MessageState
    x_id: str | None = None
    reason: str = ""
    reason_code: str = ""
    is_tried: bool = True
    """False when the request surely did not reach X: it uses up no limit."""


def plan(session: Session, delivery: Delivery, parts: Iterable[RenderedPart], proof_number: int = MAIN) -> None:
    """Writes a row for every part; rows that are in the log already are corrected while they are not out."""
    known = {(one.service_id, one.part): one for one in of_delivery(session, delivery, proof_number)}
    for part in parts:
        message = known.pop((part.service_id, part.part), None)
        if message is None:
            message = Message(delivery_id=delivery.id, service_id=part.service_id, part=part.part, text=part.text)
            message.proof_number = proof_number
            session.add(message)
        elif message.state in {MessageState.PENDING, MessageState.REFUSED}:
            if message.state is MessageState.REFUSED:
                message.become(MessageState.PENDING)
            message.text, message.reason, message.reason_code = part.text, "", ""
    for left_over in known.values():
        if left_over.state in {MessageState.PENDING, MessageState.REFUSED}:
            left_over.become(MessageState.CANCELLED)
    session.flush()


def of_delivery(session: Session, delivery: Delivery, proof_number: int | None = MAIN) -> list[Message]:
    """Returns the log of a delivery by account and part; with `proof_number` None also that of its proofs."""
    rows = select(Message).where(col(Message.delivery_id) == delivery.id)
    if proof_number is not None:
        rows = rows.where(col(Message.proof_number) == proof_number)
    return list(session.exec(rows.order_by(col(Message.proof_number), col(Message.service_id), col(Message.part))))


#: Built once, for it is looked for with every part.
_OF_ACCOUNT = (
    select(Message)
    .where(
        col(Message.delivery_id) == bindparam("delivery_id"),
        col(Message.proof_number) == bindparam("proof_number"),
        col(Message.service_id) == bindparam("service_id"),
    )
    .order_by(col(Message.part))
)


def of_account(session: Session, delivery_id: int, service_id: int, proof_number: int = MAIN) -> list[Message]:
    """Returns the log of one account, by part."""
    place = {"delivery_id": delivery_id, "proof_number": proof_number, "service_id": service_id}
    return list(session.scalars(_OF_ACCOUNT, place))


def get(session: Session, message_id: int) -> Message:
    """Reads one message, and locks it."""
    return session.get_one(Message, message_id, with_for_update=True)


def arm(session: Session, message: Message, now: datetime) -> None:
    """Records, to be committed by the caller before it, that the call to X is about to be made."""
    message.become(MessageState.SENDING)
    message.armed_at, message.settled_at = now, None
    message.first_armed_at = message.first_armed_at or now
    message.attempts += 1
    message.reason = message.reason_code = ""
    session.add(message)


def record_outcome(
    session: Session,
    message: Message,
    state: MessageState,
    now: datetime,
    *,
    x_id: str | None = None,
    reason: str = "",
    reason_code: str = "",
) -> None:
    """Records the outcome of one message that the caller has locked."""
    message.become(state)
    message.x_id, message.settled_at = x_id, now
    message.reason, message.reason_code = reason, reason_code
    session.add(message)


def record_outcomes(session: Session, outcomes: Sequence[Outcome], now: datetime) -> list[tuple[MessageState, Outcome]]:
    """Records the outcomes of attempts; returns the state before and the outcome of those that were written.

    An attempt with a known outcome is left alone: a newer one may be under way. What did not go out of a delivery
    that is over never does.
    """
    if not outcomes:
        return []
    by_id, on_postgresql = {one.message_id: one for one in outcomes}, is_on_postgresql(session)
    locked = session.execute(_locked_unknown(on_postgresql=on_postgresql), as_ids(list(by_id)))
    written = list[tuple[MessageState, Outcome]]()
    for message_id, before, armed_at, delivery_state in locked:
        outcome = by_id[message_id]
        if armed_at == outcome.armed_at:
            if outcome.state is MessageState.PENDING and delivery_state in OVER:
                outcome = replace(outcome, state=MessageState.CANCELLED, reason="The delivery is over.")
            written.append((before, outcome))
    if written:
        rows = [
            [one.message_id, one.state, one.x_id, one.reason, one.reason_code, int(one.is_tried)] for _, one in written
        ]
        session.connection().execute(_recording(on_postgresql=on_postgresql), as_rows(rows) | {"now": now})
    return written


@lru_cache
def _locked_unknown(*, on_postgresql: bool) -> Select[tuple[int, MessageState, datetime | None, DeliveryState]]:
    asked = ids_given(on_postgresql=on_postgresql)
    return (
        sa_select(col(Message.id), col(Message.state), col(Message.armed_at), col(Delivery.state))
        .join(asked, asked.c.id == col(Message.id))
        .join(Delivery, col(Delivery.id) == col(Message.delivery_id))
        .where(col(Message.state).in_(_UNKNOWN))
        .order_by(col(Message.id))
        # The delivery too: stopping it cancels what is pending either before or after this, never between.
        .with_for_update(of=[Message, Delivery])
    )


@lru_cache
def _recording(*, on_postgresql: bool) -> Update:
    names = ["id", "state", "x_id", "reason", "reason_code", "is_tried"]
    rows = rows_of(names, on_postgresql=on_postgresql)
    is_tried = rows.c.is_tried == "1"
    # After a first attempt that X did not receive there is nothing that it may show late, or counts; an earlier attempt
    # counts in X's limits all the same.
    is_any_tried = is_tried | (col(Message.attempts) > 1)
    values = {name: rows.c[name] for name in names[1:-1]} | {
        "armed_at": case((is_any_tried, col(Message.armed_at)), else_=null()),
        "attempts": col(Message.attempts) - case((is_tried, 0), else_=1),
        "first_armed_at": case((is_any_tried, col(Message.first_armed_at)), else_=null()),
        "settled_at": bindparam("now"),
    }
    return update(Message).values(values).where(col(Message.id) == rows.c.id)


_OWNED = select(Message.x_id).where(col(Message.x_id).in_(bindparam("x_ids", expanding=True)))


def owned_ids(session: Session, x_ids: Sequence[str]) -> set[str]:
    """Returns which of these X ids are a message of ours already."""
    return {x_id for x_id in session.scalars(_OWNED, {"x_ids": list(x_ids)}) if x_id}


def cancel_pending(session: Session, delivery: Delivery, now: datetime, reason: str = "") -> int:
    """Cancels the messages that are not out, of a post also refused parts; unknown outcomes are still looked up.

    Returns how many were pending.
    """
    cancelled = {"state": MessageState.CANCELLED, "settled_at": now}
    own = update(Message).where(col(Message.delivery_id) == delivery.id)
    pending = own.where(col(Message.state) == MessageState.PENDING).values(**cancelled, reason=reason)
    refused = own.where(col(Message.state) == MessageState.REFUSED, col(Message.visitor_id) == NO_VISITOR)
    session.execute(refused.values(**cancelled))
    return int(session.connection().execute(pending).rowcount)


def free_all(session: Session, delivery: Delivery, now: datetime) -> dict[int, list[int]]:
    """Makes the messages that were left to a person pending again; returns their ids by service."""
    left = (
        update(Message)
        .where(
            col(Message.delivery_id) == delivery.id,
            col(Message.state) == MessageState.UNCERTAIN,
            col(Message.reason_code) == FOR_A_PERSON,
        )
        .values(state=MessageState.PENDING, reason="", reason_code="", settled_at=now)
        .returning(col(Message.service_id), col(Message.id))
    )
    found: dict[int, list[int]] = defaultdict(list)
    for service_id, message_id in session.connection().execute(left).tuples():
        found[service_id].append(message_id)
    return found


def left_behind(session: Session) -> list[Message]:
    """Returns the parts with an unknown outcome of posts that do not go on, and of their proofs, the oldest first."""
    unknown = select(Message).join(Delivery, col(Delivery.id) == col(Message.delivery_id))
    goes_on = (col(Delivery.state) == DeliveryState.IN_PROGRESS) & (col(Message.proof_number) == MAIN)
    left = unknown.where(col(Message.state).in_(_UNKNOWN), ~goes_on, col(Message.visitor_id) == NO_VISITOR)
    return list(session.exec(left.order_by(col(Message.id))))


def uploaded(session: Session, service_id: int, sha256: str, category: str, alt_text: str, now: datetime) -> str | None:
    """Returns X's id of a file that was uploaded for this account and that X stores for long enough still."""
    known = session.get(UploadedFile, (service_id, sha256, category, alt_text))
    return known.media_id if known and known.expires_at > now + _STILL_GOOD else None


def save_upload(session: Session, upload: UploadedFile) -> None:
    """Saves X's id of an uploaded file."""
    session.merge(upload)


def delete_uploads(session: Session, service_id: int, sha256s: Iterable[str]) -> None:
    """Deletes X's ids of files that X no longer knows."""
    known = select(UploadedFile).where(
        col(UploadedFile.service_id) == service_id, col(UploadedFile.sha256).in_(list(sha256s))
    )
    for upload in session.exec(known):
        session.delete(upload)


def first(session: Session, delivery: Delivery, visitor_id: int | None = None) -> Message | None:
    """Returns the first uncertain part or message of a delivery (to a visitor), those of its proofs included."""
    rows = select(Message).where(col(Message.delivery_id) == delivery.id, col(Message.state) == MessageState.UNCERTAIN)
    if visitor_id is not None:
        rows = rows.where(col(Message.visitor_id) == visitor_id)
    ordered = rows.order_by(col(Message.proof_number), col(Message.service_id), col(Message.part), col(Message.id))
    return session.scalar(ordered.limit(1))


def purpose_of(message_id: int) -> str:
    """Names the reserved budget of a message while its outcome is unknown."""
    return f"publishing message {message_id}"


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
    for delivery in session.scalars(sa_select(Delivery).where(_is(_WITHOUT_LOG)).order_by(col(Delivery.id))).all():
        reason = f"Restored from the backup of {since}: it may be out since. Look on X, then analyse or stop it."
        deliveries.void(session, delivery, reason, "campaign restore", now)
        returned += 1
    session.execute(update(Inbox).values(read_at=taken_at - _A_DAY))
    open_ones = sa_select(col(Delivery.id)).where(or_(_is(_WITH_LOG), _is(_WITHOUT_LOG)))
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
        & col(Message.delivery_id).in_(sa_select(col(Delivery.id)).where(_is(_WITH_LOG)))
    )
    is_open = col(Message.state).in_([MessageState.SENDING, MessageState.UNCERTAIN])
    # A decision of a person was asked for already.
    in_doubt = or_(is_pending, is_open & (col(Message.reason_code) != FOR_A_PERSON))
    is_post = col(Message.delivery_id).in_(sa_select(col(Delivery.id)).where(col(Delivery.kind) == DeliveryKind.POST))
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
