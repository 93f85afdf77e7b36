"""The recipients of a broadcast: selected, excluded with a reason, and written to the log."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Exists,
    Insert,
    Select,
    SQLColumnExpression,
    String,
    Subquery,
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
from campaign.audience.conditions_sql import where
from campaign.audience.visitors import PERSON, is_missing, values_of
from campaign.broadcasts import waves
from campaign.consent import agreements, permission
from campaign.consent.permission import Range, Reasons
from campaign.db.engine import read_session, transaction
from campaign.db.json_rows import among, expect_many, ids_given, is_on_postgresql, json_list, json_of, rows_of
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

_VISITOR = col(Visitor.id)


@dataclass(frozen=True)
class Target:
    """What a broadcast is aimed at, on one service: its audience with the names and conditions looked up."""

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
    follows = (col(Subscription.visitor_id) == _VISITOR) & (col(Subscription.service_id) == target.service.id)
    everybody = not target.audience.people and target.recipients_of is None
    rows = select(*columns).select_from(Visitor).join(Subscription, follows, isouter=not everybody)
    rows = rows.where(*permission.in_range(_VISITOR, within))
    if everybody:
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
    if target.except_where is not None:
        found.append((ExclusionReason.EXCLUDED_CONDITION, target.except_where))
    if target.is_begun:
        is_out = col(Message.state) != MessageState.PENDING
        found.append((ExclusionReason.ALREADY_RECEIVED, has_row(target).where(is_out)))
    if target.is_invitation:
        found += agreements.of_invitation(target.service, target.delivery_id, within)
    if target.not_if_received:
        got = (_got(delivery_id, within) for delivery_id in target.not_if_received)
        found.append((ExclusionReason.NOT_IF_RECEIVED, or_(*got)))
    if target.other_services:
        found.append((ExclusionReason.DUPLICATE, _gets_it_from_another(target, within)))
    return permission.in_order(found)


def has_row(target: Target) -> Exists:
    """Returns whether the log has a line of this delivery to the visitor from this service."""
    return exists().where(
        col(Message.delivery_id) == target.delivery_id,
        col(Message.proof_number) == MAIN,
        col(Message.service_id) == target.service.id,
        col(Message.visitor_id) == _VISITOR,
    )


def _got(delivery_id: int, within: Range) -> ColumnElement[bool]:
    """Returns whether a delivery was sent to the visitor, from whichever service; what may be out counts."""
    got = select(col(Message.visitor_id)).where(
        col(Message.delivery_id) == delivery_id,
        col(Message.proof_number) == MAIN,
        col(Message.state).in_(permission.REACHED_STATES),
        *permission.in_range(col(Message.visitor_id), within),
    )
    return _VISITOR.in_(got)


def _gets_it_from_another(target: Target, within: Range) -> ColumnElement[bool]:
    others = select(col(Message.visitor_id)).where(
        col(Message.delivery_id) == target.delivery_id,
        col(Message.proof_number) == MAIN,
        col(Message.service_id) != target.service.id,
        col(Message.state) != MessageState.CANCELLED,
        *permission.in_range(col(Message.visitor_id), within),
    )
    return _VISITOR.in_(others)


#: Visitors looked at by one statement: memory stays flat however many there are, and others may write in between.
AT_ONCE = 25_000
_VISITOR_ID = col(Visitor.id)


def forget(session: Session, delivery_id: int) -> None:
    """Takes an earlier analysis back; what is out, or may be, stays, and so does what X refused."""
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

    Asked without holding up those who write.
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
    # The offset keeps it a query of its own: else every reason is asked for twice, whether there is one and which.
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
        # What a crash takes back is an analysis that was never shown; its end is written after all of it.
        session.execute(text("SET LOCAL synchronous_commit = off"))
    chosen = ids_given(on_postgresql=on_postgresql)
    recipients = select(*_message_columns(target, chosen)).order_by(chosen.c.id).limit(room)
    names = ["delivery_id", "service_id", "visitor_id", *(name for name, _ in _MESSAGE_CONSTANTS)]
    given = {"ids": judged.chosen}
    written = _rowcount(session, insert(Message).from_select(names, recipients), given)
    pairs = rows_of(["visitor_id", "reason"], on_postgresql=on_postgresql)
    _exclude(session, target, select(pairs.c.visitor_id, pairs.c.reason), {"rows": judged.excluded})
    if written == room:
        rest = select(chosen.c.id, literal(ExclusionReason.LIMIT.value)).order_by(chosen.c.id).offset(room)
        _exclude(session, target, rest, given)
    return written


def _exclude(session: Session, target: Target, people: Select[Any], given: dict[str, str]) -> None:
    constants = literal(target.delivery_id), literal(target.service.id)
    names = ["delivery_id", "service_id", "visitor_id", "reason"]
    whom = people.subquery()
    session.connection().execute(insert(Exclusion).from_select(names, select(*constants, *whom.c)), given)


def refresh_statistics(session: Session) -> None:
    """Tells PostgreSQL how many rows were written; until then it looks each of a million up as if it were alone."""
    if is_on_postgresql(session):
        session.execute(text("ANALYZE message, exclusion"))


def lacking(session: Session, target: Target, within: Range, fields: Collection[str]) -> Iterator[Any]:
    """Candidates of a range who lack one of the fields: their id and what is known of them."""
    unknown = or_(*(is_missing(name) for name in sorted(fields)))
    rows = candidates(session, target, within, [_VISITOR_ID, *PERSON]).where(unknown)
    return iter(session.execute(rows.execution_options(yield_per=1000)))


_MESSAGE_CONSTANTS: list[tuple[str, Any]] = [
    ("proof_number", MAIN),
    ("part", 1),
    ("state", MessageState.PENDING.value),
    ("text", ""),
    ("reason_code", ""),
    ("reason", ""),
    ("attempts", 0),
]


def _message_columns(target: Target, people: Subquery) -> list[SQLColumnExpression[Any]]:
    constants = [literal(value) for _, value in _MESSAGE_CONSTANTS]
    return [literal(target.delivery_id), literal(target.service.id), people.c.id, *constants]


def is_begun(session: Session, delivery_id: int) -> bool:
    """Returns whether something of a broadcast is out or was refused."""
    known = select(col(Message.id)).where(col(Message.delivery_id) == delivery_id, col(Message.proof_number) == MAIN)
    return session.scalar(known.limit(1)) is not None


def _rowcount(session: Session, statement: Insert, given: dict[str, str]) -> int:
    # Without it psycopg's count of an INSERT is thrown away.
    counted = statement.execution_options(preserve_rowcount=True)
    return int(session.connection().execute(counted, given).rowcount)


def excluded(session: Session, delivery_id: int, service_id: int) -> dict[str, int]:
    """Counts the people in the target of a service who get nothing, by reason."""
    # Counted side by side: grouping would sort them all, in memory.
    counts = [func.count(case((col(Exclusion.reason) == reason, 1))).label(reason.value) for reason in ExclusionReason]
    counted = select(*counts).where(col(Exclusion.delivery_id) == delivery_id, col(Exclusion.service_id) == service_id)
    return {reason: count for reason, count in session.execute(counted).mappings().one().items() if count}


SIDE_BY_SIDE = 2
"""Ranges at once: SQLite takes one writer at a time, and each range takes memory."""


@dataclass
class Aimed:
    """What came of aiming at the people of one service."""

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
) -> list[Aimed]:
    """Replaces what an earlier analysis wrote; a text that is None cannot be personalised."""
    with transaction() as session:
        forget(session, delivery.id)
    with read_session() as session:
        targets = [_target(session, delivery, service, audience, now, many=len(services) > 1) for service in services]
    room = audience.limit
    aimed = []
    for target, message_text in zip(targets, texts, strict=True):
        aimed.append(Aimed(target.service, _write(target, message_text, room)))
        room = None if room is None else room - aimed[-1].recipients
    with transaction() as session:
        refresh_statistics(session)
    with read_session() as session:
        for one in aimed:
            one.excluded.update(excluded(session, delivery.id, one.service.id))
        _count_what_is_no_visitor(session, audience, aimed)
    return aimed


def _write(target: Target, text: BroadcastText | None, room: int | None) -> int:
    """Writes down who gets it from one service, and who does not; how many get it."""
    with read_session() as session:
        ranges = list(visitor_ranges(session))
    write = partial(_write_range, target, text)
    if room is None:
        # While one range is written, another one is judged.
        with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
            return sum(workers.map(write, ranges))
    written = 0
    for within in ranges:  # a limit takes the first
        written += write(within, room - written)
    return written


def _write_range(target: Target, text: BroadcastText | None, within: Range, room: int | None = None) -> int:
    with read_session() as session:
        unrenderable = _unrenderable(session, target, within, text) if text else []
        judged = judge(session, target, within, unrenderable)
    with transaction() as session:
        return write(session, target, judged, room)


def _unrenderable(session: Session, target: Target, within: Range, text: BroadcastText) -> list[int]:
    """Returns those for whom the text cannot be personalised: only people who lack one of its fields are tried."""
    if not text.visitor_fields:
        return []
    failing = []
    for visitor_id, *person in lacking(session, target, within, text.visitor_fields):
        try:
            text.render(values_of(person))
        except NotPossible:
            failing.append(visitor_id)
    return failing


def _target(
    session: Session, delivery: Delivery, service: Service, audience: Audience, now: datetime, *, many: bool
) -> Target:
    agreed = permission.consented(service.id)
    wanted = where(parse(audience.where), now, consented=agreed) if audience.where else None
    unwanted = where(parse(audience.except_where), now, consented=agreed) if audience.except_where else None
    source = deliveries.named(session, audience.recipients_of).id if audience.recipients_of else None
    return Target(
        delivery_id=delivery.id,
        service=service,
        audience=audience,
        now=now,
        where=wanted,
        except_where=unwanted,
        recipients_of=source,
        not_if_received=[deliveries.named(session, name).id for name in audience.not_if_received],
        open_deliveries=waves.others_open(session, delivery.id),
        other_services=many,
        is_begun=is_begun(session, delivery.id),
        is_invitation=delivery.is_invitation,
    )


def _count_what_is_no_visitor(session: Session, audience: Audience, aimed: Sequence[Aimed]) -> None:
    """People of a list whom no visitor is, or who stand in it twice: counted once, with the first service."""
    if not audience.people or not aimed:
        return
    twice = len(audience.people) - len({person.strip().removeprefix("@").lower() for person in audience.people})
    unknown = visitors.count_unknown(session, audience.people)
    counts = {ExclusionReason.DUPLICATE.value: twice, ExclusionReason.UNKNOWN.value: unknown}
    aimed[0].excluded.update({reason: count for reason, count in counts.items() if count})
