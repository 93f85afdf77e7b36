"""The recipients of a broadcast: selected, excluded with a reason, and written to the log."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    SQLColumnExpression,
    String,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
)
from sqlmodel import Session, col

from campaign.audience import visitors
from campaign.audience.conditions import parse
from campaign.audience.visitors import PERSON, is_missing, values_of, where
from campaign.broadcasts import waves
from campaign.consent import permission, store
from campaign.consent.permission import Range, Reasons
from campaign.db.engine import (
    among,
    expect_many,
    ids_given,
    is_on_postgresql,
    json_list,
    json_of,
    read_session,
    rows_of,
    transaction,
)
from campaign.deliveries import store as deliveries
from campaign.deliveries.draft import Audience
from campaign.deliveries.templating import BroadcastText
from campaign.errors import NotPossible
from models import (
    MAIN,
    Delivery,
    Exclusion,
    ExclusionReason,
    Message,
    MessageState,
    Service,
    Subscription,
    Visitor,
    Wave,
)

_VISITOR_ID = col(Visitor.id)


@dataclass(frozen=True)
class Target:
    """The audience of a broadcast on one service, with the names and conditions looked up."""

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
    """Whether the delivery goes to more services: each person gets it from one."""
    is_begun: bool = False
    """Whether something of it was sent before it was changed, which is not sent again."""
    is_invitation: bool = False
    """Whether it invites people to become contacts: each once, and no contact."""


def candidates(
    session: Session, target: Target, within: Range, columns: Sequence[SQLColumnExpression[Any]]
) -> Select[Any]:
    """Returns the targeted visitors of a range."""
    follows = (col(Subscription.visitor_id) == _VISITOR_ID) & (col(Subscription.service_id) == target.service.id)
    all_followers = not target.audience.people and target.recipients_of is None
    rows = select(*columns).select_from(Visitor).join(Subscription, follows, isouter=not all_followers)
    rows = rows.where(*permission.in_range(_VISITOR_ID, within))
    if all_followers:
        rows = rows.where(*permission.in_range(col(Subscription.visitor_id), within))
        rows = rows.where(col(Subscription.ended_at).is_(None))
    if target.audience.people:
        ids, handles = visitors.ids_and_handles(target.audience.people)
        is_named = among(session, func.lower(col(Visitor.username)), handles, String())
        rows = rows.where(or_(among(session, col(Visitor.external_id), ids, String()), is_named))
    if target.recipients_of is not None:
        rows = rows.where(_got(target.recipients_of, within))
    return rows if target.where is None else rows.where(target.where)


def exclusion_reasons(target: Target, within: Range) -> Reasons:
    """Returns why visitors of a range get nothing, in the order in which reasons count."""
    often = permission.at_the_cap(target.service, target.now, target.open_deliveries, within)
    found = permission.of_broadcast(target.service, target.now, often, within)
    of_delivery = (col(Message.delivery_id) == target.delivery_id) & (col(Message.proof_number) == MAIN)
    if target.except_where is not None:
        found.append((ExclusionReason.EXCLUDED_CONDITION, target.except_where))
    if target.is_begun:
        is_out = exists().where(
            of_delivery,
            col(Message.service_id) == target.service.id,
            col(Message.visitor_id) == _VISITOR_ID,
            col(Message.state) != MessageState.PENDING,
        )
        found.append((ExclusionReason.ALREADY_RECEIVED, is_out))
    if target.is_invitation:
        found += store.of_invitation(target.service, target.delivery_id, within)
    if target.not_if_received:
        got = (_got(delivery_id, within) for delivery_id in target.not_if_received)
        found.append((ExclusionReason.NOT_IF_RECEIVED, or_(*got)))
    if target.other_services:
        others = select(col(Message.visitor_id)).where(
            of_delivery,
            col(Message.service_id) != target.service.id,
            col(Message.state) != MessageState.CANCELLED,
            *permission.in_range(col(Message.visitor_id), within),
        )
        found.append((ExclusionReason.DUPLICATE, _VISITOR_ID.in_(others)))
    return permission.in_order(found)


def _got(delivery_id: int, within: Range) -> ColumnElement[bool]:
    """Returns whether a delivery was sent to the visitor, from whichever service; what may be out counts."""
    got = select(col(Message.visitor_id)).where(
        col(Message.delivery_id) == delivery_id,
        col(Message.proof_number) == MAIN,
        col(Message.state).in_(permission.REACHED_STATES),
        *permission.in_range(col(Message.visitor_id), within),
    )
    return _VISITOR_ID.in_(got)


#: Visitors of one statement: memory stays flat however many there are, and others may write in between.
AT_ONCE = 10_000


def delete_analysis(session: Session, delivery_id: int) -> None:
    """Deletes an earlier analysis; what is out, or may be, stays, and so does what X refused."""
    session.execute(
        delete(Message).where(
            col(Message.delivery_id) == delivery_id,
            col(Message.proof_number) == MAIN,
            col(Message.state).in_([MessageState.PENDING, MessageState.CANCELLED]),
        )
    )
    session.execute(delete(Exclusion).where(col(Exclusion.delivery_id) == delivery_id))
    session.execute(delete(Wave).where(col(Wave.delivery_id) == delivery_id))
    session.flush()


def visitor_ranges(session: Session) -> Iterator[Range]:
    """Returns the ids of all visitors, a range at a time."""
    newest = session.scalar(select(func.max(_VISITOR_ID))) or 0
    return ((first, first + AT_ONCE) for first in range(0, newest + 1, AT_ONCE))


@dataclass(frozen=True)
class Judged:
    """Who of a range gets it and who does not, as JSON: memory stays flat, and nothing is read that is only passed on.

    Read without holding up those who write.
    """

    chosen: str
    """The ids of the visitors."""
    excluded: str
    """Pairs of an id and the reason."""


def judge(session: Session, target: Target, within: Range, unrenderable: Collection[int]) -> Judged:
    """Finds for every visitor of a range the first reason against a message."""
    on_postgresql = is_on_postgresql(session)
    expect_many(session)
    reasons = exclusion_reasons(target, within)
    if unrenderable:
        reasons.append((ExclusionReason.FIELD_MISSING, among(session, _VISITOR_ID, list(unrenderable), BigInteger())))
    asked = candidates(session, target, within, [_VISITOR_ID.label("id"), permission.first_of(reasons).label("reason")])
    # The offset keeps it a query of its own: else every reason is evaluated twice, whether there is one and which.
    known = asked.offset(0).subquery().c
    is_free = known.reason.is_(None)
    pair = json_list(known.id, known.reason, on_postgresql=on_postgresql)
    found = select(
        json_of(known.id, is_free, on_postgresql=on_postgresql), json_of(pair, ~is_free, on_postgresql=on_postgresql)
    )
    return Judged(*session.execute(found).one())


def write(session: Session, target: Target, judged: Judged, room: int | None) -> int:
    """Writes the exclusions and the recipients of a range; counts the recipients.

    `room` is how many the limit still allows: the others are excluded for it.
    """
    on_postgresql = is_on_postgresql(session)
    if on_postgresql:
        # What a crash undoes is an analysis that was never shown; its end is written after all of it.
        session.execute(text("SET LOCAL synchronous_commit = off"))
    chosen = ids_given(on_postgresql=on_postgresql)
    constants = {"delivery_id": target.delivery_id, "service_id": target.service.id, **MESSAGE_CONSTANTS}
    columns = [chosen.c.id, *(literal(value) for value in constants.values())]
    recipients = select(*columns).order_by(chosen.c.id).limit(room)
    # Without the option psycopg's count of an INSERT is thrown away.
    inserted = insert(Message).from_select(["visitor_id", *constants], recipients)
    counted = inserted.execution_options(preserve_rowcount=True)
    written = int(session.connection().execute(counted, {"ids": judged.chosen}).rowcount)
    pairs = rows_of(["visitor_id", "reason"], on_postgresql=on_postgresql)
    _exclude(session, target, select(pairs.c.visitor_id, pairs.c.reason), {"rows": judged.excluded})
    if written == room:
        rest = select(chosen.c.id, literal(ExclusionReason.LIMIT.value)).order_by(chosen.c.id).offset(room)
        _exclude(session, target, rest, {"ids": judged.chosen})
    return written


def _exclude(session: Session, target: Target, people: Select[Any], parameters: dict[str, str]) -> None:
    excluded = select(literal(target.delivery_id), literal(target.service.id), *people.subquery().c)
    names = ["delivery_id", "service_id", "visitor_id", "reason"]
    session.connection().execute(insert(Exclusion).from_select(names, excluded), parameters)


def lacking(session: Session, target: Target, within: Range, fields: Collection[str]) -> Iterator[Any]:
    """Reads the candidates of a range who lack one of the fields: their id and what is known of them."""
    unknown = or_(*(is_missing(name) for name in sorted(fields)))
    rows = candidates(session, target, within, [_VISITOR_ID, *PERSON]).where(unknown)
    return iter(session.execute(rows.execution_options(yield_per=1000)))


MESSAGE_CONSTANTS: Mapping[str, Any] = {
    "proof_number": MAIN,
    "part": 1,
    "state": MessageState.PENDING.value,
    "text": "",
    "reason_code": "",
    "reason": "",
    "attempts": 0,
}


def is_begun(session: Session, delivery_id: int) -> bool:
    """Returns whether something of a broadcast is out or was refused."""
    known = select(col(Message.id)).where(col(Message.delivery_id) == delivery_id, col(Message.proof_number) == MAIN)
    return session.scalar(known.limit(1)) is not None


def excluded(session: Session, delivery_id: int, service_id: int) -> dict[str, int]:
    """Counts the people in the target of a service who get nothing, by reason."""
    # Counted side by side: grouping would sort them all, in memory.
    counts = [func.count(case((col(Exclusion.reason) == reason, 1))).label(reason.value) for reason in ExclusionReason]
    counted = select(*counts).where(col(Exclusion.delivery_id) == delivery_id, col(Exclusion.service_id) == service_id)
    return {reason: count for reason, count in session.execute(counted).mappings().one().items() if count}


SIDE_BY_SIDE = 2
"""Ranges at once: SQLite takes one writer at a time, and each range takes memory."""


@dataclass
class Selected:
    """The people selected on one service: how many get it, and how many do not, by reason."""

    service: Service
    recipients: int = 0
    excluded: Counter[str] = field(default_factory=Counter)

    @property
    def targeted(self) -> int:
        """Counts all people in the target, those who get nothing included."""
        return self.recipients + self.excluded.total()


def write_recipients(
    delivery: Delivery,
    services: Sequence[Service],
    audience: Audience,
    texts: Sequence[BroadcastText | None],
    now: datetime,
) -> list[Selected]:
    """Replaces what an earlier analysis wrote; a text that is None cannot be personalised."""
    with transaction() as session:
        delete_analysis(session, delivery.id)
    with read_session() as session:
        targets = targets_of(session, delivery.id, services, audience, now, is_invitation=delivery.is_invitation)
        ranges = list(visitor_ranges(session))
    room = audience.limit
    selected = []
    for target, message_text in zip(targets, texts, strict=True):
        select_range = partial(_select_range, target, message_text)
        written = 0
        if room is None:
            # While one range is written, another one is judged.
            with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
                written = sum(workers.map(select_range, ranges))
        else:
            for within in ranges:  # a limit takes the first
                written += select_range(within, room - written)
            room -= written
        selected.append(Selected(target.service, written))
    with transaction() as session:
        if is_on_postgresql(session):
            # Until it knows how many rows were written, it looks each of a million up as if it were alone.
            session.execute(text("ANALYZE message, exclusion"))
    with read_session() as session:
        for one in selected:
            one.excluded.update(excluded(session, delivery.id, one.service.id))
        if selected:
            selected[0].excluded.update(count_unusable(session, audience))
    return selected


def count_unusable(session: Session, audience: Audience) -> dict[str, int]:
    """Counts those of a list who are no visitors or are named twice: once, with the first service."""
    if not audience.people:
        return {}
    named = {person.strip().removeprefix("@").lower() for person in audience.people}
    counts = {
        ExclusionReason.DUPLICATE.value: len(audience.people) - len(named),
        ExclusionReason.UNKNOWN.value: visitors.count_unknown(session, audience.people),
    }
    return {reason: count for reason, count in counts.items() if count}


def _select_range(target: Target, message_text: BroadcastText | None, within: Range, room: int | None = None) -> int:
    """Writes the recipients of a range."""
    with read_session() as session:
        judged = judge(session, target, within, unrenderable(session, target, within, message_text))
    with transaction() as session:
        return write(session, target, judged, room)


def unrenderable(session: Session, target: Target, within: Range, message_text: BroadcastText | None) -> list[int]:
    """Returns the visitors of a range whom a text cannot be written to; only people who lack a field are tried."""
    found: list[int] = []
    if message_text and message_text.visitor_fields:
        for visitor_id, *person in lacking(session, target, within, message_text.visitor_fields):
            try:
                message_text.render(values_of(person))
            except NotPossible:
                found.append(visitor_id)
    return found


def targets_of(
    session: Session,
    delivery_id: int,
    services: Sequence[Service],
    audience: Audience,
    now: datetime,
    *,
    is_invitation: bool,
) -> list[Target]:
    """Returns the audience on each service, with the names and conditions looked up; raises WrongUsage.

    `delivery_id` is 0 for a broadcast that is not saved.
    """
    conditions = [parse(condition) if condition else None for condition in (audience.where, audience.except_where)]

    def target(service: Service) -> Target:
        agreed = permission.consented(service)
        chosen, left_out = (where(one, now, consented=agreed) if one else None for one in conditions)
        return Target(
            delivery_id=delivery_id,
            service=service,
            audience=audience,
            now=now,
            where=chosen,
            except_where=left_out,
            recipients_of=recipients_of,
            not_if_received=not_if_received,
            open_deliveries=open_deliveries,
            other_services=len(services) > 1,
            is_begun=begun,
            is_invitation=is_invitation,
        )

    recipients_of = deliveries.named(session, audience.recipients_of).id if audience.recipients_of else None
    not_if_received = [deliveries.named(session, name).id for name in audience.not_if_received]
    open_deliveries, begun = waves.others_open(session, delivery_id), is_begun(session, delivery_id)
    return [target(service) for service in services]
