"""Who gets a broadcast, written down service by service, a range of visitors at a time."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from sqlmodel import Session

from campaign.domain.broadcast_text import BroadcastText
from campaign.domain.broadcasts import Audience
from campaign.domain.conditions import parse
from campaign.errors import NotPossible
from campaign.store import broadcasts, deliveries, people, permission, recipients
from campaign.store.conditions import where
from campaign.store.engine import reading, writing
from campaign.store.permission import Range
from campaign.store.persons import values_of
from campaign.store.targeting import Target
from models import Delivery, ExclusionReason, Service

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
        """Everybody in the target, those who get nothing included."""
        return self.recipients + self.excluded.total()


def write_recipients(
    delivery: Delivery,
    services: Sequence[Service],
    audience: Audience,
    texts: Sequence[BroadcastText | None],
    now: datetime,
) -> list[Aimed]:
    """Replace what an earlier analysis wrote; a text that is None cannot be personalised for anybody."""
    with writing() as session:
        recipients.forget(session, delivery.id)
    with reading() as session:
        targets = [_target(session, delivery, service, audience, now, many=len(services) > 1) for service in services]
    room = audience.limit
    aimed = []
    for target, text in zip(targets, texts, strict=True):
        aimed.append(Aimed(target.service, _write(target, text, room)))
        room = None if room is None else room - aimed[-1].recipients
    with writing() as session:
        recipients.refresh_statistics(session)
    with reading() as session:
        for one in aimed:
            one.excluded.update(recipients.excluded(session, delivery.id, one.service.id))
        _count_what_is_no_visitor(session, audience, aimed)
    return aimed


def _write(target: Target, text: BroadcastText | None, room: int | None) -> int:
    """Write down who gets it from one service, and who does not; how many get it."""
    with reading() as session:
        ranges = list(recipients.ranges(session))
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
    with reading() as session:
        unrenderable = _unrenderable(session, target, within, text) if text else []
        judged = recipients.judge(session, target, within, unrenderable)
    with writing() as session:
        return recipients.write(session, target, judged, room)


def _unrenderable(session: Session, target: Target, within: Range, text: BroadcastText) -> list[int]:
    """Those for whom the text cannot be personalised: only people who lack one of its fields are tried."""
    if not text.visitor_fields:
        return []
    failing = []
    for visitor_id, *person in recipients.lacking(session, target, within, text.visitor_fields):
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
        open_deliveries=broadcasts.others_open(session, delivery.id),
        other_services=many,
        is_begun=recipients.is_begun(session, delivery.id),
        is_invitation=delivery.is_invitation,
    )


def _count_what_is_no_visitor(session: Session, audience: Audience, aimed: Sequence[Aimed]) -> None:
    """People of a list whom no visitor is, or who stand in it twice: counted once, with the first service."""
    if not audience.people or not aimed:
        return
    twice = len(audience.people) - len({person.strip().removeprefix("@").lower() for person in audience.people})
    unknown = people.count_unknown(session, audience.people)
    counts = {ExclusionReason.DUPLICATE.value: twice, ExclusionReason.UNKNOWN.value: unknown}
    aimed[0].excluded.update({reason: count for reason, count in counts.items() if count})
