"""One person: what is known for the page of the desk, and the erasure, which removes it or makes it anonymous."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, func, literal, update
from sqlalchemy import select as sa_select
from sqlmodel import Session, SQLModel, col, select

from campaign.audience import visitors as erasures
from campaign.contacts.store import SECTIONS, Person, as_document, is_about
from campaign.db.engine import empty_write_ahead_log, transaction
from campaign.deliveries.draft import Broadcast, Draft
from campaign.deliveries.findings import Analysis
from campaign.errors import NotPossible
from campaign.users import store as users
from models import (
    EVERY_SERVICE,
    MAIN,
    OVER,
    Agreement,
    AgreementState,
    AuditEntry,
    Click,
    Consent,
    Delivery,
    DeliveryKind,
    DeliveryTemplate,
    Exclusion,
    ExclusionReason,
    Link,
    Message,
    MessageState,
    Moment,
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
    about = sa_select(table).where(is_about(person, table), col(table.service_id).in_(service_ids))
    newest = about.order_by(col(table.id).desc()) if hasattr(table, "id") else about
    return list(session.scalars(newest.limit(limit)))


def _received(session: Session, person: Person, service_ids: Sequence[int]) -> list[Received]:
    """Reads the messages by way of the deliveries: the index of the log begins with those."""
    if person.visitor_id is None:
        return []
    columns = (col(Delivery.name), col(Delivery.label), col(Delivery.id))
    broadcasts = sa_select(*columns).where(col(Delivery.kind) == DeliveryKind.DM)
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
        sa_select(col(Click.clicked_at), col(Delivery.name), col(Link.url), col(Click.is_robot))
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


ERASED_PERSON = "an erased person"


def still_named_in(session: Session, person: Person) -> list[str]:
    """Returns the open deliveries and the templates whose lists name the person: an operator changes those."""
    open_ones = select(Delivery).where(col(Delivery.broadcast) != "", col(Delivery.state).not_in(OVER))
    named = [
        each.name
        for each in session.exec(open_ones.order_by(col(Delivery.id)))
        if _may_name(each.broadcast, person) and _names(Broadcast.model_validate_json(each.broadcast), person)
    ]
    templates = session.exec(select(DeliveryTemplate).order_by(col(DeliveryTemplate.name)))
    broadcasts = ((each.name, Draft.model_validate_json(each.settings).broadcast) for each in templates)
    return [*named, *(f"the template {name}" for name, broadcast in broadcasts if _names(broadcast, person))]


def _remove_mentions(session: Session, person: Person) -> None:
    """Removes the person from all samples and notes, and from the lists of deliveries that are over."""
    for delivery in session.exec(select(Delivery).where(col(Delivery.broadcast) != "").order_by(col(Delivery.id))):
        if _may_name(delivery.analysis, person):
            analysis = Analysis.model_validate_json(delivery.analysis)
            others = [sample for sample in analysis.samples if not _is(person, sample.handle)]
            delivery.analysis = analysis.model_copy(update={"samples": others}).model_dump_json()
        if delivery.is_over and _may_name(delivery.broadcast, person):
            broadcast = Broadcast.model_validate_json(delivery.broadcast)
            people = [text for text in broadcast.audience.people if not _is(person, text)]
            proofs = [text for text in broadcast.proof_recipients if not _is(person, text)]
            audience = broadcast.audience.model_copy(update={"people": people})
            changed = {"audience": audience, "proof_recipients": proofs}
            delivery.broadcast = broadcast.model_copy(update=changed).model_dump_json()
    for note in session.exec(select(AuditEntry).where(col(AuditEntry.action) == "proof")):
        if _may_name(note.detail, person):  # the note of a proof names its recipients
            head, separator, names = note.detail.removesuffix(".").partition(" to ")
            named = (ERASED_PERSON if _is(person, name) else name for name in names.split(", "))
            note.detail = f"{head}{separator}{', '.join(named)}."
    session.flush()


def _all_names(person: Person) -> set[str]:
    return person.handles | ({person.external_id} if person.external_id else set())


def _may_name(text: str, person: Person) -> bool:
    """Returns whether a text is worth parsing: lists are long, and deliveries many."""
    lowered = text.lower()
    return any(name in lowered for name in _all_names(person))


def _is(person: Person, text: str) -> bool:
    return text.strip().removeprefix("@").lower() in _all_names(person)


def _names(broadcast: Broadcast, person: Person) -> bool:
    return any(_is(person, text) for text in [*broadcast.audience.people, *broadcast.proof_recipients])


@dataclass(frozen=True, slots=True)
class Erased:
    """The outcome of an erasure."""

    counts: dict[str, int]
    """Rows by section, see campaign.contacts.store."""
    has_token: bool
    """Whether a token for X may still be saved, of an agreement whose profile is not recovered."""
    still_named_in: list[str]
    """Lists that an operator has to change by hand."""


def count_held(session: Session, person: Person) -> dict[str, int]:
    """Counts the rows of each section that would be erased; sections without any are left out."""
    counted = (
        (name, session.scalar(select(func.count()).select_from(table).where(is_about(person, table))) or 0)
        for name, table in SECTIONS.items()
    )
    return {name: count for name, count in counted if count}


def export_person(find: Callable[[Session], Person], actor: str, now: datetime) -> dict[str, Any]:
    """Returns all data held of one person as one JSON document, which the audit records."""
    with transaction() as session:
        person = find(session)
        document = as_document(session, person)
        subject = f"person {person.visitor_id}" if person.visitor_id else "a contact"
        users.record_audit(session, actor, subject, "exported", now)
    return document


def erase_person(find: Callable[[Session], Person], actor: str, now: datetime) -> Erased:
    """Erases one person for good, in a transaction of its own; the audit records that, and not who it was."""
    with transaction(durable=True) as session:
        lock(session)
        erased = erase(session, find(session), now)
        users.record_audit(session, actor, ERASED_PERSON, "erased", now)
    empty_write_ahead_log()
    return erased


def lock(session: Session) -> None:
    """Locks out every sender, inbox and sync that might save the person during the erasure."""
    session.execute(select(Delivery.id).order_by(col(Delivery.id)).with_for_update())
    erasures.lock(session)


def erase(session: Session, person: Person, now: datetime) -> Erased:
    """Erases a person, in the caller's transaction; raises NotPossible if the outcome of a message is unknown."""
    unknown = (
        select(Delivery.name)
        .join(Message, col(Message.delivery_id) == col(Delivery.id))
        .where(is_about(person, Message), col(Message.state).in_([MessageState.SENDING, MessageState.UNCERTAIN]))
    )
    name = session.scalar(unknown.limit(1))
    if name is not None:
        raise NotPossible(
            f"The outcome of a message of {name} to {person.called} is unknown. Run the delivery again, or decide with"
            f" `campaign delivery settle {name}`, then erase."
        )
    waiting = select(Agreement.id).where(is_about(person, Agreement), col(Agreement.state) == AgreementState.AGREED)
    erased = Erased(
        counts=count_held(session, person),
        has_token=session.scalar(waiting.limit(1)) is not None,
        still_named_in=still_named_in(session, person),
    )
    _remove_mentions(session, person)
    names = [erasures.handle_name(handle) for handle in person.handles]
    names += [erasures.email_name(contact.email) for contact in person.contacts if contact.email]
    erasures.record(session, [*names, person.external_id] if person.external_id else names, now)
    for section, table in reversed(list(SECTIONS.items())):
        if section == "messages":
            # The rows stay as counts. Their visitor becomes the id of the message itself, made negative: not that of a
            # visitor, and different in each delivery. NO_VISITOR would make it the row of a post.
            is_pending = col(Message.state) == MessageState.PENDING
            changed: dict[str, Any] = {
                "state": case((is_pending, MessageState.CANCELLED.value), else_=col(Message.state)),
                "reason_code": case((is_pending, "erased"), else_=col(Message.reason_code)),
                "reason": case((is_pending, "The person was erased."), else_=col(Message.reason)),
                "settled_at": case((is_pending, literal(now, Moment())), else_=col(Message.settled_at)),
                "text": "",
                "x_id": None,
                "visitor_id": -col(Message.id),
            }
            session.execute(
                update(Message).where(is_about(person, Message)).values(changed), execution_options=_UNSYNCHRONIZED
            )
        else:
            session.execute(delete(table).where(is_about(person, table)), execution_options=_UNSYNCHRONIZED)
    return erased


#: The rows are not used again in this session.
_UNSYNCHRONIZED = {"synchronize_session": False}
