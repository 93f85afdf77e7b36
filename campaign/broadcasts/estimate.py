"""What a broadcast would be if it were analysed now: counted, listed and shown from a draft; nothing is written."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Select, and_, case, func, select
from sqlmodel import Session, col

from campaign.audience import visitors
from campaign.broadcasts.analysis import EXCLUSION_SENTENCES, analyse_broadcast
from campaign.broadcasts.prepare import figures_of, file_price_of, sample_for, text_for
from campaign.broadcasts.recipients import (
    SIDE_BY_SIDE,
    Selected,
    Target,
    candidates,
    count_unusable,
    exclusion_reasons,
    targets_of,
    unrenderable,
    visitor_ranges,
)
from campaign.broadcasts.schedule import split
from campaign.consent import permission
from campaign.consent.permission import Range
from campaign.db.engine import among, read_session
from campaign.deliveries.draft import Draft
from campaign.deliveries.findings import Analysis, Sample
from campaign.deliveries.templating import BroadcastText
from campaign.errors import NotPossible
from campaign.settings import load_settings
from models import Consent, ExclusionReason, Service, Visitor

NOT_IN_TARGET = "The person is not in the target."


def estimate(draft: Draft, services: Sequence[Service], delivery_id: int, now: datetime) -> Analysis:
    """Analyses a draft without saving anything; `delivery_id` is 0 for a broadcast that is not saved.

    Its samples are missing. Raises WrongUsage when a condition or a name in it cannot be used.
    """
    texts, problem = _texts(draft, services, delivery_id)
    with read_session() as session:
        targets = _targets(session, draft, services, delivery_id, now)
        ranges = list(visitor_ranges(session))
        unusable = count_unusable(session, draft.broadcast.audience)
    room = draft.broadcast.audience.limit
    selected, consents = list[Selected](), list[tuple[int, int]]()
    taken: dict[Range, list[int]] = {within: [] for within in ranges}
    for target, text in zip(targets, texts, strict=True):
        needs_ids = target is not targets[-1]
        tallies = []
        if room is None:
            with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
                given = [(target, text, within, taken[within], None, needs_ids) for within in ranges]
                tallies = list(workers.map(lambda one: _tally(*one), given))
        else:
            for within in ranges:  # a limit takes the first
                tallies.append(_tally(target, text, within, taken[within], room, needs_ids))
                room -= tallies[-1].recipients
        one = Selected(target.service, sum(each.recipients for each in tallies))
        for within, each in zip(ranges, tallies, strict=True):
            one.excluded.update(each.excluded)
            taken[within] += each.ids
        selected.append(one)
        consents.append((sum(each.agreed for each in tallies), sum(each.wrote_first for each in tallies)))
    if selected:
        selected[0].excluded.update(unusable)
    shares = split(draft.broadcast.waves, [one.recipients for one in selected])
    with read_session() as session:
        figures = [figures_of(session, now, *each) for each in zip(selected, shares, consents, strict=True)]
    figures = [replace(one, file_price=file_price_of(draft)) for one in figures]
    address = load_settings().public_url
    return analyse_broadcast(draft, figures, problem, [], proofs_sent=1, now=now, public_url=address)


@dataclass(frozen=True, slots=True)
class _Tally:
    """The people of a range: how many get it, and why others do not."""

    recipients: int
    excluded: Counter[str]
    agreed: int
    wrote_first: int
    ids: Sequence[int]


def _tally(
    target: Target, text: BroadcastText | None, within: Range, taken: Sequence[int], room: int | None, needs_ids: bool
) -> _Tally:
    with read_session() as session:
        known = _judged(session, target, text, within, taken).subquery()
        rows = session.execute(select(known.c.reason, *_consents(known, target.service)).group_by(known.c.reason))
        counts = {reason: figures for reason, *figures in rows}
        free, agreed, wrote_first = counts.pop(None, (0, 0, 0))
        excluded = Counter({reason: figures[0] for reason, figures in counts.items()})
        got = select(known.c.id).where(known.c.reason.is_(None)).order_by(known.c.id).limit(room)
        if room is not None and free > room:
            excluded[ExclusionReason.LIMIT.value] += free - room
            cut = got.subquery()
            free, agreed, wrote_first = session.execute(select(*_consents(cut, target.service)).select_from(cut)).one()
        return _Tally(free, excluded, agreed, wrote_first, session.scalars(got).all() if needs_ids else [])


def _consents(people: Any, service: Service) -> tuple[Any, ...]:
    """Returns the counts of people, of those who agreed, and of those who only wrote first."""
    running = select(col(Consent.id)).where(
        col(Consent.service_id) == service.id, col(Consent.visitor_id) == people.c.id, col(Consent.ended_at).is_(None)
    )
    has_agreed = running.where(permission.is_marketing_consent()).exists()
    wrote_first = running.where(~permission.is_marketing_consent()).exists()
    return func.count(), func.count(case((has_agreed, 1))), func.count(case((and_(wrote_first, ~has_agreed), 1)))


def _judged(
    session: Session, target: Target, text: BroadcastText | None, within: Range, taken: Sequence[int]
) -> Select[Any]:
    """Selects the targeted people of a range with the first reason against a message; `taken` get it elsewhere."""
    visitor_id = col(Visitor.id)
    reasons = exclusion_reasons(replace(target, other_services=False), within)
    for code, ids in (
        (ExclusionReason.FIELD_MISSING, unrenderable(session, target, within, text)),
        (ExclusionReason.DUPLICATE, taken),
    ):
        if ids:
            reasons.append((code, among(session, visitor_id, list(ids), BigInteger())))
    reason = permission.first_of(permission.in_order(reasons)).label("reason")
    # The offset keeps it a query of its own: else every reason is evaluated twice.
    return candidates(session, target, within, [visitor_id.label("id"), reason]).offset(0)


def _targets(
    session: Session, draft: Draft, services: Sequence[Service], delivery_id: int, now: datetime
) -> list[Target]:
    audience = draft.broadcast.audience
    return targets_of(session, delivery_id, services, audience, now, is_invitation=draft.is_invitation)


def _texts(
    draft: Draft, services: Sequence[Service], delivery_id: int
) -> tuple[list[BroadcastText | None], str | None]:
    """Returns the text of each service, and why there is none."""
    if not draft.content.parts:
        return [None] * len(services), None
    try:
        return [text_for(draft, service, delivery_id) for service in services], None
    except NotPossible as error:
        return [None] * len(services), str(error)


@dataclass(frozen=True, slots=True)
class Person:
    """A person of the target, and why the message does not go there; `reason` is empty where it does."""

    visitor_id: int
    handle: str
    full_name: str
    reason: str


def list_people(
    draft: Draft,
    service: Service,
    delivery_id: int,
    now: datetime,
    *,
    after: int = 0,
    left_out: bool = False,
    limit: int = 50,
) -> list[Person]:
    """Returns the next people on one service who would get a draft, or who are left out; by id, those after one.

    The limit of the draft, and its other services, are not counted here. Raises WrongUsage like `estimate`.
    """
    (text,), _ = _texts(draft, [service], delivery_id)
    found: list[Person] = []
    with read_session() as session:
        (target,) = _targets(session, draft, [service], delivery_id, now)
        for first, end in visitor_ranges(session):
            if end <= after + 1 or len(found) >= limit:
                continue
            known = _judged(session, target, text, (max(first, after + 1), end), ()).subquery()
            is_wanted = known.c.reason.is_not(None) if left_out else known.c.reason.is_(None)
            named = (
                select(known.c.id, col(Visitor.username), col(Visitor.full_name), known.c.reason)
                .join(Visitor, col(Visitor.id) == known.c.id)
                .where(is_wanted)
                .order_by(known.c.id)
                .limit(limit - len(found))
            )
            for visitor_id, handle, full_name, reason in session.execute(named):
                why = EXCLUSION_SENTENCES[ExclusionReason(reason)] if reason else ""
                found.append(Person(visitor_id, handle or "", full_name or "", why))
    return found


def message_to(draft: Draft, service: Service, delivery_id: int, now: datetime, handle: str) -> tuple[Sample, str]:
    """Returns the message of a draft to one person, and why the person would not get it.

    Raises WrongUsage for an unknown handle, NotPossible when the text cannot be personalised for the person.
    """
    with read_session() as session:
        visitor = visitors.named(session, handle)
        (target,) = _targets(session, draft, [service], delivery_id, now)
        within = (visitor.id, visitor.id + 1)
        row = session.execute(_judged(session, target, None, within, ())).one_or_none()
    sample = sample_for(draft, service, visitor, delivery_id)
    if row is None:
        return sample, NOT_IN_TARGET
    return sample, EXCLUSION_SENTENCES[ExclusionReason(row.reason)] if row.reason else ""
