"""A broadcast from its draft to its preview, saved or not: rendered, analysed, and shown as one person gets it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pendulum
from sqlalchemy import BigInteger, Select, and_, case, func, select
from sqlmodel import Session, col

from campaign.audience import visitors
from campaign.broadcasts import log, waves
from campaign.broadcasts.analysis import EXCLUSION_SENTENCES, analyse_broadcast
from campaign.broadcasts.context import quiet_hours_of
from campaign.broadcasts.inbox import process_dm_events
from campaign.broadcasts.preview import preview_of
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
    write_recipients,
)
from campaign.broadcasts.schedule import BroadcastTarget, WaveShare, split
from campaign.consent import permission, store
from campaign.consent.opt_out import opt_out_line_of, opt_out_words, with_leave_link
from campaign.consent.permission import Range
from campaign.consent.store import count_unclear
from campaign.db.engine import Claim, among, claim, expect_many, read_session, transaction
from campaign.deliveries import approval, media
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import broadcast_fingerprint
from campaign.deliveries.draft import Draft, LoadedFile
from campaign.deliveries.findings import NO_JOIN_LINK, NO_PUBLIC_ADDRESS, Analysis, Sample, with_price_warning
from campaign.deliveries.kind import Analysed, Files, Progress, Rendered, Sent
from campaign.deliveries.templating import BroadcastText, service_fields
from campaign.errors import CampaignError, NotPossible
from campaign.limits import rate_limits, spend_cap
from campaign.limits.rate_limits import allowance_of
from campaign.posts.documents import attachment
from campaign.reporting.document import Attachment, Document
from campaign.services.store import read_balance
from campaign.settings import load_settings
from campaign.x.gateway import current_price_warning, message_terms
from campaign.x.types import MEDIA_FINALIZE, MEDIA_METADATA, NO_MESSAGES
from models import Consent, Delivery, DeliveryState, ExclusionReason, Service, Visitor


def samples_of(
    session: Session, delivery: Delivery, services: Sequence[Service], texts: Sequence[BroadcastText | None]
) -> list[Sample]:
    """Returns three messages of the first service that has any: the shortest, the longest, and a random one."""
    samples = []
    for service, text in zip(services, texts, strict=True):
        for why, row in waves.samples(session, delivery.id, service.id, seed=delivery.id) if text else []:
            person = visitors.example_of(row)
            try:
                written = text.render(person) if text else ""
            except NotPossible as error:
                written = f"({error})"
            samples.append(_sample_of(why, service, person, written))
        if samples:
            break
    return samples


def _sample_of(why: str, service: Service, person: Mapping[str, str | None], text: str) -> Sample:
    return Sample(
        why=why,
        service=service.internal_name,
        handle=person["username"] or person["external_id"] or "",
        full_name=person["full_name"] or "",
        text=text,
    )


def figures_of(
    session: Session, now: datetime, selected: Selected, shares: Sequence[WaveShare], consents: tuple[int, int]
) -> BroadcastTarget:
    """Returns the recipients on a service, what X and the service allow, and what prevents sending.

    `consents` are how many of the recipients agreed, and how many only wrote first.
    """
    service = selected.service
    terms, quiet = message_terms(service.api_version.value), quiet_hours_of(service)
    latest = {window.name: window.limit for window in rate_limits.windows_of(session, service, terms.message_endpoint)}
    removed = "" if service.is_connected else f"The service {service.internal_name} has been removed."
    agreed, wrote_first = consents
    return BroadcastTarget(
        service_id=service.id,
        internal_name=service.internal_name,
        label=service.label,
        recipients=selected.recipients,
        targeted=selected.targeted,
        waves=shares,
        limits={**terms.message_limits, **latest},
        allowance=allowance_of(session, service, terms, quiet, now),
        excluded=dict(selected.excluded),
        unconsented=selected.recipients - agreed - (wrote_first if service.wrote_first_counts else 0),
        agreed=agreed,
        wrote_first=wrote_first,
        wrote_first_counts=service.wrote_first_counts,
        unclear=count_unclear(session, service.id),
        policy=service.message_policy,
        blocked_because=service.problems if service.blocked else removed,
        can_send_messages=service.access_level not in NO_MESSAGES,
        opt_out_line=opt_out_line_of(service.opt_out_line, with_link=bool(load_settings().public_url)),
        left=spend_cap.left(session, service.id, now),
        message_price=terms.message_price.usd,
        event_price=terms.event_price.usd,
        sender_price=terms.shown_event_price.usd - terms.event_price.usd,
        app=service.app,
        quiet=quiet,
        daily_limit=service.daily_limit,
    )


def render_broadcast(name: str) -> Rendered:
    """Reads a broadcast, its file and how many recipients were selected; raises WrongUsage for an unknown name."""
    with read_session() as session:
        delivery = deliveries.named(session, name)
        draft, services = deliveries.draft_of(session, delivery), deliveries.targets_of(session, delivery)
        files = media.load_all(item for part in draft.content.parts for item in part.media)
        return _rendered(session, delivery, draft, services, files, deliveries.version_of(session, delivery))


def _rendered(
    session: Session,
    delivery: Delivery,
    draft: Draft,
    services: list[Service],
    files: Files,
    version: str,
    unconsented: int | None = None,
) -> Rendered:
    if unconsented is None:
        unconsented = approval.saved_analysis(delivery, has_proof=False).unconsented
    fingerprint = partial(
        broadcast_fingerprint,
        draft,
        {service.id: waves.recipients(session, delivery.id, service.id) for service in services},
        unconsented,
        files=[file for file in files.values() if isinstance(file, LoadedFile)],
    )
    address, lines = load_settings().public_url, {service.id: service.opt_out_line for service in services}
    as_read = {
        service_id: with_leave_link(opt_out_line_of(line, with_link=bool(address)), address)
        for service_id, line in lines.items()
    }
    return Rendered(
        delivery,
        draft,
        services,
        files,
        fingerprint(opt_out_lines=as_read, join_address=address if draft.is_invitation else ""),
        version,
        older_fingerprint=fingerprint(opt_out_lines=lines),
    )


def text_for(draft: Draft, service: Service, delivery_id: int) -> BroadcastText:
    """Returns the text of a service; raises NotPossible when it cannot be read, or an invitation has no link."""
    first, link = draft.content.parts[0], None
    if draft.is_invitation:
        if not load_settings().public_url:
            raise NotPossible(NO_PUBLIC_ADDRESS)

        def link(person: Mapping[str, str | None]) -> str:
            return store.join_link(service.internal_name, delivery_id, int(person.get("visitor_id") or 0))

    def leave_link(person: Mapping[str, str | None]) -> str:
        # A sample or a proof has no visitor of its own: its link names the service only.
        return store.leave_link(service, person["external_id"] if person.get("visitor_id") else None)

    words, has_file = opt_out_words(), bool(first.media)
    text = BroadcastText(
        first.text,
        service_fields(service),
        service.opt_out_line,
        words,
        has_file=has_file,
        join_link=link,
        leave_link=leave_link if load_settings().public_url else None,
    )
    if draft.is_invitation and not text.has_join_link:
        raise NotPossible(NO_JOIN_LINK)
    return text


@dataclass(frozen=True, slots=True)
class Seen:
    """A broadcast and its samples, or the message to one person; `left_out` says why the person does not get it."""

    draft: Draft
    analysis: Analysis
    is_of_one: bool = False
    left_out: str = ""


def as_analysed(name: str) -> Seen:
    """Returns a broadcast with the samples of its analysis; raises NotPossible when it was changed since."""
    with read_session() as session:
        delivery = deliveries.named(session, name)
        draft = deliveries.draft_of(session, delivery)
        if not delivery.analysis or _is_changed(delivery):
            raise NotPossible(f"{name} is not analysed as it is now; first run: campaign delivery analyse {name}")
        return Seen(draft, analysis_of(session, delivery))


def analysis_of(session: Session, delivery: Delivery) -> Analysis:
    """Returns what the last analysis found, without what a proof has corrected since."""
    return approval.saved_analysis(delivery, has_proof=bool(log.count_sent_proofs(session, delivery)))


def last_analysed(name: str) -> Analysed[Rendered]:
    """Returns a broadcast with its last analysis: its recipients are not selected anew."""
    rendered = render_broadcast(name)
    with read_session() as session:
        return Analysed(rendered, analysis_of(session, rendered.delivery))


def _is_changed(delivery: Delivery) -> bool:
    """Returns whether it went back to editing after its analysis, which leaves a reason."""
    return delivery.state is DeliveryState.BEING_EDITED and bool(delivery.reason)


def as_person(name: str, handle: str) -> Seen:
    """Returns a broadcast as one person would get it now.

    Raises WrongUsage for an unknown handle, NotPossible when the text cannot be personalised for the person.
    """
    with read_session() as session:
        delivery = deliveries.named(session, name)
        draft, targets = deliveries.draft_of(session, delivery), deliveries.targets_of(session, delivery)
        visitor = visitors.named(session, handle)
        sender = log.service_of(session, delivery, visitor.id)
        is_known = bool(delivery.analysis) and not _is_changed(delivery) and not sender
        excluded = log.exclusion_of(session, delivery, visitor.id) if is_known else None
    chosen = sender or (excluded[0] if excluded else None)
    service = next((one for one in targets if one.id == chosen), targets[0] if targets else None)
    if service is None or not draft.content.parts:
        raise NotPossible(f"{name} has no text or no service; write it with: campaign delivery edit {name}")
    analysis = Analysis.model_validate_json(delivery.analysis) if delivery.analysis else Analysis()
    sample = sample_for(draft, service, visitor, delivery.id)
    left_out = EXCLUSION_SENTENCES[excluded[1]] if excluded else ""
    return Seen(draft, analysis.model_copy(update={"samples": [sample]}), is_of_one=True, left_out=left_out)


def sample_for(draft: Draft, service: Service, visitor: Visitor, delivery_id: int) -> Sample:
    """Returns the message of a draft to one person; raises NotPossible when it cannot be personalised for the person.

    `delivery_id` is 0 for a broadcast that is not saved.
    """
    with read_session() as session:
        person = visitors.example_of(visitors.person_of(session, visitor.id))
    try:
        text = text_for(draft, service, delivery_id).render(person)
    except NotPossible as error:
        called = f"@{visitor.username}" if visitor.username else visitor.external_id
        raise NotPossible(f"The text cannot be personalised for {called}: {error}") from None
    return _sample_of("chosen", service, person, text)


def analyse_delivery(name: str, actor: str) -> Analysed[Rendered]:
    """Selects the recipients of a broadcast, analyses it and saves the result. Sends nothing.

    Its inboxes are read first, where that is due: they hold consents and opt-outs.

    Raises WrongUsage when a condition or a name in it cannot be used, NotPossible when it goes out already.
    """
    with read_session() as session:
        delivery = deliveries.named(session, name)
        services = deliveries.targets_of(session, delivery)
    for service in services:
        process_dm_events(service)
    with claim(delivery.id, name, Claim.ANALYSIS):
        return _analyse(name, actor)


def _analyse(name: str, actor: str) -> Analysed[Rendered]:
    now, problem = pendulum.now("UTC"), None
    with transaction() as session:
        delivery = deliveries.named(session, name)
        if delivery.state not in deliveries.EDITABLE:
            raise NotPossible(f"{name} is {delivery.state.words} and is not analysed again.")
        if delivery.state is not DeliveryState.BEING_EDITED:
            # Nothing goes out while the recipients are selected again.
            deliveries.void(session, delivery, "It is analysed again.", actor, now)
        session.flush()
        draft, services = deliveries.draft_of(session, delivery), deliveries.targets_of(session, delivery)
        version = deliveries.version_of(session, delivery)
    texts: list[BroadcastText | None] = [None] * len(services)
    if draft.content.parts:
        try:
            texts = [text_for(draft, service, delivery.id) for service in services]
        except NotPossible as error:
            problem = str(error)
    selected = write_recipients(delivery, services, draft.broadcast.audience, texts, now)
    shares = split(draft.broadcast.waves, [one.recipients for one in selected])
    files = media.load_all(item for part in draft.content.parts for item in part.media)
    changed_prices = current_price_warning()
    balances = _read_balances(services) if sum(one.recipients for one in selected) >= _WORTH_ASKING else {}
    with transaction() as session:
        expect_many(session)
        for one, share in zip(selected, shares, strict=True):
            waves.write(session, delivery.id, one.service.id, share)
        consents = [waves.count_consents(session, delivery.id, service.id) for service in services]
        figures = map(partial(figures_of, session, now), selected, shares, consents)
        analysis = analyse_broadcast(
            draft,
            [
                replace(each, file_price=file_price_of(draft), balance=balances.get(each.app or each.internal_name))
                for each in figures
            ],
            problem,
            samples_of(session, delivery, services, texts),
            proofs_sent=log.count_sent_proofs(session, delivery),
            now=now,
            files=files,
            public_url=load_settings().public_url,
        )
        analysis = with_price_warning(analysis, changed_prices)
        known = deliveries.get(session, delivery.id)
        rendered = _rendered(session, known, draft, services, files, version, analysis.unconsented)
        analysed = Analysed(rendered, analysis)
        approval.save_analysis(session, analysed, actor, now)
        return analysed


def file_price_of(draft: Draft) -> Decimal:
    """Returns US dollars for uploading the file of a draft and its description."""
    described = [bool(item.alt_text) for part in draft.content.parts for item in part.media]
    return len(described) * MEDIA_FINALIZE.usd + sum(described) * MEDIA_METADATA.usd


#: Messages; fewer cost less than a dollar.
_WORTH_ASKING = 40


def _read_balances(services: Sequence[Service]) -> dict[str, Decimal]:
    """Reads what X has left for each app of these services, by its fingerprint; two free calls each."""
    found: dict[str, Decimal] = {}
    for service in {each.app or each.internal_name: each for each in services}.values():
        with suppress(CampaignError):  # its messages are analysed all the same
            if balance := read_balance(service):
                found[service.app or service.internal_name] = balance.total
    return found


def preview_document(analysed: Analysed[Rendered]) -> Document:
    """Makes the preview, with the files of the messages."""
    rendered = analysed.rendered
    files = [attachment(file, media.thumbnail(file)) for file in rendered.usable_files]
    return preview_of(rendered.delivery.name, rendered.draft, analysed.analysis, files)


def attachments_of(draft: Draft) -> list[Attachment]:
    """Loads the files of the messages, with their thumbnails."""
    loaded = media.load_all([item for part in draft.content.parts for item in part.media]).values()
    return [attachment(file, media.thumbnail(file)) for file in loaded if isinstance(file, LoadedFile)]


@dataclass
class BroadcastKind:
    """Broadcasts of direct messages. What only sending needs is imported when a broadcast is sent."""

    workflow: str = "dm-broadcast/dm-broadcast"
    shown_as: str = "as people will get it"

    def render(self, name: str) -> Rendered:
        return render_broadcast(name)

    def analyse(self, name: str, actor: str) -> Analysed[Rendered]:
        return analyse_delivery(name, actor)

    def last_analysed(self, name: str) -> Analysed[Rendered]:
        return last_analysed(name)

    def preview(self, analysed: Analysed[Rendered]) -> Document:
        return preview_document(analysed)

    def can_be_proved(self, draft: Draft) -> bool:
        return bool(draft.broadcast.proof_recipients)

    def send_proof(self, name: str, actor: str, *, like: str = "") -> Progress:
        from campaign.broadcasts.send import send_broadcast_proof

        return send_broadcast_proof(name, actor, like=like)

    def send(self, name: str, started_by: str, *, wait: bool) -> Sent:
        from campaign.broadcasts import send
        from campaign.broadcasts.report import report_on

        approval.resume_if_paused(name, started_by)
        delivery, ends, until = send.send_broadcast(name, started_by, wait=wait)
        report = report_on(delivery, ends)
        unhappy = [f"{report.name}: {report.sentence}"] if report.is_unhappy else []
        return Sent(report, *send.describe_outcome(unhappy, ends, [], until))


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
