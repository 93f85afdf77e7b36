"""Tasks of dm-broadcast: analyse, prove, begin, send, conclude, show."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event, Lock, Timer
from uuid import UUID

import pendulum
from prefect import runtime, task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_logger, get_run_logger
from sqlmodel import Session

from campaign.audience import visitors as people
from campaign.broadcasts import outbox, waves
from campaign.broadcasts import report as broadcast_log
from campaign.broadcasts.analysis import analyse_broadcast
from campaign.broadcasts.arm import arm, media_id_of
from campaign.broadcasts.context import Desk, Letter, Record, pause_all, quiet_hours_of
from campaign.broadcasts.inbox import read_inbox, recover
from campaign.broadcasts.outbox import Span
from campaign.broadcasts.prepare import (
    Marked,
    analysis_of,
    figures_of,
    load_files,
    mark_of,
    marked,
    opt_out_words,
    samples_of,
    text_for,
)
from campaign.broadcasts.preview import as_markdown
from campaign.broadcasts.recipients import write_recipients
from campaign.broadcasts.report import BroadcastReport, Numbers, Standing, progress_line, report_on, standing_of
from campaign.broadcasts.schedule import split
from campaign.broadcasts.send import send, send_what_is_due
from campaign.db.engine import reading, writing
from campaign.db.json_rows import expect_many
from campaign.db.locks import Claim, claim
from campaign.deliveries import approval, media
from campaign.deliveries import log as messages
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import open_up, refuse_errors
from campaign.deliveries.draft import Draft, LoadedFile
from campaign.deliveries.findings import Analysis
from campaign.deliveries.links import links_in
from campaign.deliveries.progress import End, Progress
from campaign.deliveries.templating import BroadcastText
from campaign.errors import NotPossible, ServiceBlocked, WrongUsage, XError
from campaign.limits import rate_limits
from campaign.services import store as services
from campaign.services.check import sentence_of
from campaign.services.connection import check_if_due, gateway_of
from campaign.settings import load_settings
from campaign.x.types import NO_MESSAGES
from models import Delivery, DeliveryKind, DeliveryState, MessageState, Service
from tasks.continuation import RETRIES
from tasks.deliveries import Looked, Steps

_EVERY_SECONDS = 1.0


@dataclass(slots=True)
class _Bar:
    """One broadcast's bar, and what it says."""

    delivery: Delivery
    standing: Standing
    counts: Counter[MessageState]
    goes_on_at: datetime | None = None
    artifact: UUID | None = None
    is_new: bool = field(default=False)
    """Whether something is not shown yet."""

    def words(self) -> tuple[float, str]:
        numbers, now = Numbers(self.counts), pendulum.now("UTC")
        said = progress_line(
            numbers, self.standing, started_at=self.delivery.started_at, goes_on_at=self.goes_on_at, now=now
        )
        return numbers.percentage, said


class BroadcastProgress:
    """A progress bar for each of these broadcasts; without a run around it there is none.

    Hears of changes from any thread, also in the middle of a transaction: what it says goes out from a thread of its
    own, at most once a second, and nothing that fails there fails a message.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._lock, self._showing = Lock(), Lock()
        self._timer: Timer | None = None
        self._context = copy_context()
        self._bars: dict[int, _Bar] = {}
        if runtime.flow_run.id is not None:
            self._bars = {bar.delivery.id: bar for bar in map(_read, names)}
            self._show()

    def change(self, delivery_id: int, change: Counter[MessageState]) -> None:
        """Take in by how much the numbers of a broadcast's messages change, by state."""
        bar = self._bars.get(delivery_id)
        if bar is None:
            return
        with self._lock:
            for state, count in change.items():
                bar.counts[state] += count
            bar.is_new = True
            self._show_soon()

    def goes_on(self, at: datetime | None) -> None:
        """Say when sending goes on."""
        with self._lock:
            for bar in self._bars.values():
                bar.goes_on_at, bar.is_new = at, True
            if self._bars:
                self._show_soon()

    def finish(self) -> None:
        """Show the last numbers, as they are in the database."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
        for bar in self._bars.values():
            counts = _counts(bar.delivery)
            with self._lock:
                bar.counts, bar.is_new = counts, True
        self._show()

    def _show_soon(self) -> None:
        if self._timer is None:
            self._timer = Timer(_EVERY_SECONDS, self._context.copy().run, [self._show])
            self._timer.daemon = True
            self._timer.start()

    def _show(self) -> None:
        with self._showing:
            with self._lock:
                self._timer = None
                told = [(bar, *bar.words()) for bar in self._bars.values() if bar.is_new or bar.artifact is None]
                for bar, _, _ in told:
                    bar.is_new = False
            for bar, percentage, said in told:
                _tell(bar, percentage, said)


def _tell(bar: _Bar, percentage: float, said: str) -> None:
    try:
        if bar.artifact is None:
            key = f"progress-{bar.delivery.name}"
            bar.artifact = create_progress_artifact(percentage, key=key, description=said)  # type: ignore[assignment]
        else:
            update_progress_artifact(bar.artifact, percentage, said)
    except Exception as error:  # noqa: BLE001 - whatever it is, messages go on
        get_logger(__name__).debug("The progress of %s is not shown: %s", bar.delivery.name, error)


def _read(name: str) -> _Bar:
    with reading() as session:
        delivery = deliveries.named(session, name)
        return _Bar(delivery, standing_of(session, delivery), waves.count_by_state(session, delivery.id))


def _counts(delivery: Delivery) -> Counter[MessageState]:
    with reading() as session:
        return waves.count_by_state(session, delivery.id)


OnChange = Callable[[int, Counter[MessageState]], None]
#: Set when the run is to end: what is being called is finished, and nothing more is sent.
STOPPING = Event()


def _ignore(*_: object) -> None:
    """Nobody watches."""


def desk_of(
    service: Service, letters: dict[int, Letter], on_change: OnChange = _ignore, log: Callable[[str], None] = _ignore
) -> Desk:
    """Everything that sending for a service needs."""
    settings = load_settings()
    return Desk(
        gateway=gateway_of(service),
        service=service,
        letters=letters,
        clock=lambda: pendulum.now("UTC"),
        settle_after=timedelta(seconds=settings.settle_seconds),
        inbox_every=timedelta(seconds=settings.inbox_seconds),
        words=opt_out_words(),
        quiet=quiet_hours_of(service),
        is_stopped=STOPPING.is_set,
        on_change=on_change,
        log=log,
    )


def hear(service: Service) -> None:
    """Check the keys of a service and read what people wrote to it, where that is due: who agreed, who wants no more.

    What keeps it from that is kept on its row or found again before anything is sent: nothing is raised.
    """
    with suppress(XError, NotPossible):
        checked = check_if_due(service)
        if checked.access_level not in NO_MESSAGES:
            with claim(checked.id, checked.internal_name, Claim.MESSAGES):
                read_inbox(desk_of(checked, {}))


@dataclass(frozen=True, slots=True)
class Aim:
    """A broadcast as it would go out now, and what the analysis says of it."""

    delivery: Delivery
    draft: Draft
    services: list[Service]
    analysis: Analysis
    texts: list[BroadcastText | None]


def aim(name: str, actor: str) -> Aim:
    """Analyse a broadcast: write down who gets it and who does not, and keep what was found. Sends nothing.

    What people wrote to its services is read first, where that is due: it says who agreed and who wants no more.

    Raises WrongUsage when a condition or a name in it cannot be used, NotPossible when it goes out already.
    """
    with reading() as session:
        delivery = deliveries.named(session, name)
        services = deliveries.targets_of(session, delivery)
    for service in services:
        hear(service)
    with claim(delivery.id, name, Claim.ANALYSIS):
        return _aim(name, actor)


def _aim(name: str, actor: str) -> Aim:
    now = pendulum.now("UTC")
    with writing() as session:
        delivery = deliveries.named(session, name)
        _take_back(session, delivery, actor, now)
        session.flush()
        draft, services = deliveries.draft_of(session, delivery), deliveries.targets_of(session, delivery)
        stamp = deliveries.stamp_of(session, delivery)
    texts, problem = _texts(draft, services, delivery.id)
    aimed = write_recipients(delivery, services, draft.broadcast.audience, texts, now)
    shares = split(draft.broadcast.waves, [one.recipients for one in aimed])
    loaded = load_files(draft)
    with writing() as session:
        expect_many(session)
        for one, share in zip(aimed, shares, strict=True):
            waves.write(session, delivery.id, one.service.id, share)
        targets = [figures_of(session, delivery, one, share, now) for one, share in zip(aimed, shares, strict=True)]
        samples = samples_of(session, delivery, services, texts)
        analysis = analyse_broadcast(
            draft,
            targets,
            problem,
            samples,
            proofs_sent=broadcast_log.count_sent_proofs(session, delivery),
            now=now,
            files=loaded,
            public_url=load_settings().public_url,
        )
        found = Aim(deliveries.get(session, delivery.id), draft, services, analysis, texts)
        sendable = [file for file in loaded.values() if isinstance(file, LoadedFile)]
        mark = mark_of(session, found.delivery, draft, services, sendable, analysis.unconsented)
        _record(session, found, mark, stamp, actor, now)
        return found


def _take_back(session: Session, delivery: Delivery, actor: str, now: datetime) -> None:
    """Whatever was said yes to no longer counts: nothing goes out while its recipients are written anew."""
    if delivery.state not in deliveries.EDITABLE:
        raise NotPossible(f"{delivery.name} is {delivery.state.value.replace('_', ' ')} and is not analysed again.")
    if delivery.state is not DeliveryState.BEING_EDITED:
        deliveries.void(session, delivery, "It is analysed again.", actor, now)


def _texts(
    draft: Draft, services: Sequence[Service], delivery_id: int
) -> tuple[list[BroadcastText | None], str | None]:
    """The text for each service, and what is wrong with it."""
    if not draft.content.parts:
        return [None] * len(services), None
    try:
        return [text_for(draft, service, delivery_id) for service in services], None
    except NotPossible as error:
        return [None] * len(services), str(error)


def _record(session: Session, aim: Aim, mark: str, stamp: str, actor: str, now: datetime) -> None:
    """Keep the analysis: without errors the broadcast waits for a yes, unless it changed meanwhile."""
    delivery = aim.delivery
    is_ok = aim.analysis.is_ok and deliveries.stamp_of(session, delivery) == stamp
    analysis = aim.analysis.model_dump_json()
    approval.record_analysis(session, delivery, analysis, mark, is_ok=is_ok, actor=actor, now=now)


#: How long X is left alone when it was away.
AWAY_FOR = timedelta(minutes=5)
_OPEN = (MessageState.PENDING, MessageState.SENDING, MessageState.UNCERTAIN)


def due_broadcasts() -> list[str]:
    """The names of the broadcasts whose time has come."""
    with reading() as session:
        return [delivery.name for delivery in waves.due(session, pendulum.now("UTC"))]


@task(name="begin", task_run_name="begin {name}")
def begin_broadcast(name: str, actor: str) -> None:
    """Let a confirmed broadcast go out; raises NotPossible when it is not, or no longer, what somebody said yes to."""
    broadcast = marked(name)
    if broadcast.delivery.kind is not DeliveryKind.DM:
        raise WrongUsage(f"{name} is a post; run post-publication for it.")
    with writing() as session:
        delivery = deliveries.named(session, name)
        reason = open_up(session, delivery, broadcast.mark, actor, pendulum.now("UTC"))
    if reason is not None:
        raise NotPossible(reason)


def under_way() -> list[Marked]:
    """The broadcasts that go out now; one that was changed behind the back of its confirmation fails instead."""
    with reading() as session:
        names = [delivery.name for delivery in waves.under_way(session)]
    going = []
    for broadcast in map(marked, names):
        with writing() as session:
            delivery = deliveries.get(session, broadcast.delivery.id)
            if open_up(session, delivery, broadcast.mark, "dm-broadcast", pendulum.now("UTC")) is None:
                going.append(broadcast)
    return going


def services_at_work(going: Sequence[Marked], names: Sequence[str]) -> list[Service]:
    """The services of these broadcasts, and those with messages of which nobody knows what came."""
    wanted = {service.id for broadcast in going if broadcast.delivery.name in names for service in broadcast.services}
    with reading() as session:
        wanted |= set(rate_limits.with_unsettled(session))
        return [services.get(session, service_id) for service_id in sorted(wanted)]


def letters_for(service: Service, going: Sequence[Marked], records: dict[int, Record]) -> dict[int, Letter]:
    """What a service sends: its part of each broadcast."""
    return {
        one.delivery.id: Letter(
            one.delivery.id,
            one.delivery.name,
            one.stamp,
            text_for(one.draft, service, one.delivery.id),
            _file(one.files),
            records[one.delivery.id],
            links_in(one.draft, service),
        )
        for one in going
        if service.id in {target.id for target in one.services}
    }


def _file(files: Sequence[LoadedFile]) -> LoadedFile | None:
    return files[0] if files else None


def records_of(going: Sequence[Marked]) -> dict[int, Record]:
    """What X said lately of each broadcast."""
    with reading() as session:
        return {
            one.delivery.id: Record(
                waves.last_outcomes(session, one.delivery.id, [service.id for service in one.services])
            )
            for one in going
        }


@task(name="send", task_run_name="send from {service.internal_name}", cache_policy=NO_CACHE, **RETRIES)
def work_for(service: Service, letters: dict[int, Letter], on_change: OnChange) -> Progress:
    """Read a service's inbox, then send as many of its messages as X allows now; never fails other services.

    One step of the run for each service: a thousand services are a thousand steps. Raises XError when X was away and
    trying again at once may help.
    """
    log = get_run_logger()
    try:
        with claim(service.id, service.internal_name, Claim.MESSAGES):
            checked = check_if_due(service)
            return send_what_is_due(desk_of(checked, dict(letters), on_change, log.info))
    except ServiceBlocked as error:
        end = End.CAPPED if error.reason == "cap" else End.BLOCKED
        if end is End.BLOCKED:
            pause_all(service, error, pendulum.now("UTC"))
        return Progress(service.id, end, f"{service.internal_name}: {sentence_of(error)}")
    except NotPossible as error:
        return Progress(service.id, End.BLOCKED, f"{service.internal_name}: {error}")


def end_of(service: Service, result: Progress | Exception) -> Progress:
    """How a service ended; where X was away for longer than a step tries, it goes on in some minutes."""
    if isinstance(result, XError):
        until = pendulum.now("UTC") + AWAY_FOR
        return Progress(service.id, End.WAITING, f"{service.internal_name}: {result}", until)
    if isinstance(result, Exception):
        raise result
    return result


def what_is_left(names: Sequence[str]) -> list[str]:
    """Those of the broadcasts that still go out: a run that only goes on has nothing to say of the others."""
    with reading() as session:
        states = {name: deliveries.named(session, name).state for name in names}
    return [name for name, state in states.items() if state in {DeliveryState.CONFIRMED, DeliveryState.IN_PROGRESS}]


@task(name="conclude", task_run_name="conclude {name}")
def conclude_broadcast(name: str) -> Delivery:
    """Bring the state of a broadcast in line with its log."""
    with writing() as session:
        delivery, now = deliveries.named(session, name), pendulum.now("UTC")
        if delivery.state is DeliveryState.IN_PROGRESS:
            _conclude(session, delivery, is_expired=deliveries.is_expired(delivery, now))
        return delivery


def _conclude(session: Session, delivery: Delivery, *, is_expired: bool) -> None:
    now, cancelled = pendulum.now("UTC"), 0
    if is_expired:
        cancelled = messages.cancel_pending(session, delivery, now, "The validity of the delivery ended.")
    numbers = waves.count_by_state(session, delivery.id)
    if any(numbers[state] for state in _OPEN):
        return
    if is_expired and (cancelled or numbers[MessageState.CANCELLED]):
        reason = f"Its validity ended; {cancelled:,} of {numbers.total():,} messages did not go out."
        deliveries.move(session, delivery, DeliveryState.EXPIRED, "dm-broadcast", now, reason)
    else:
        deliveries.move(session, delivery, DeliveryState.FINISHED, "dm-broadcast", now)


__all__ = [
    "BroadcastProgress",
    "preview_text",
    "publish_preview",
    "publish_report",
    "publish_reports",
    "publish_wave_table",
    "report_on",
]


def preview_text(aim: Aim) -> str:
    """The preview as Markdown."""
    loaded = load_files(aim.draft).values()
    found = [media.thumbnail(file) for file in loaded if isinstance(file, LoadedFile)]
    return as_markdown(aim.delivery.name, aim.draft, aim.analysis, [small or b"" for small in found])


def publish_preview(aim: Aim) -> str:
    """Show the preview as an artifact of this run; returns it."""
    text = preview_text(aim)
    if _is_run():
        description = f"{aim.delivery.name} as people will get it. Nothing of it is out yet."
        create_markdown_artifact(text, key=f"preview-{aim.delivery.name}", description=description)
    return text


def publish_wave_table(report: BroadcastReport) -> None:
    """Show how far each wave is, one a row; there is no table of a single wave."""
    if len(report.waves) > 1 and _is_run():
        create_table_artifact(
            key=f"waves-{report.name}",
            table=[wave.as_row() for wave in report.waves],
            description=f"The waves of {report.name}.",
        )


def publish_report(report: BroadcastReport) -> None:
    """Show what came of one broadcast: its figures, its waves, and all of it with a picture."""
    publish_reports([report])


def publish_reports(reports: Sequence[BroadcastReport]) -> None:
    """Show what came of the broadcasts of this run."""
    rows = [row for report in reports for row in report.as_rows()]
    columns = [name for name in (rows[0] if rows else {}) if any(row[name] for row in rows)]
    if not _is_run():
        return
    create_table_artifact(
        key="dm-broadcast",
        table=[{name: row[name] for name in columns} for row in rows],
        description="What was sent. Cost is in US dollars, of the messages that are out.",
    )
    for report in reports:
        publish_wave_table(report)
        description = f"What came of {report.name}."
        create_markdown_artifact(report.as_markdown(), key=f"report-{report.name}", description=description)


def _is_run() -> bool:
    """Without a run around there is nobody to show an artifact to."""
    return runtime.flow_run.id is not None


def send_broadcast_proof(name: str, actor: str, *, like: str = "") -> Progress:
    """Send the next proof, as the person `like` (a handle) or a sample would get it.

    Raises NotPossible when there is nobody to send it to, WrongUsage when a handle is unknown.
    """
    broadcast = marked(name)
    if not broadcast.draft.broadcast.proof_recipients:
        raise NotPossible(f"{name} has no proof recipients; name some, or confirm it without a proof.")
    if not broadcast.services or not broadcast.draft.content.parts:
        raise NotPossible(f"{name} has errors; put them right, then send a proof.")
    service = check_if_due(broadcast.services[0])
    text = proof_text(broadcast, service, like)
    with claim(service.id, service.internal_name, Claim.MESSAGES):
        span, expected = _plan(broadcast, service, text, actor)
        return _send(broadcast, service, span, expected)


def proof_text(broadcast: Marked, service: Service, like: str) -> str:
    """The message as one person gets it."""
    with reading() as session:
        if like:
            person = people.person_of(session, people.named(session, like).id)
        else:
            found = waves.samples(session, broadcast.delivery.id, service.id, seed=broadcast.delivery.id)
            if not found:
                raise NotPossible(f"{broadcast.delivery.name} has no recipients; analyse it, then send a proof.")
            person = found[-1][1]
    return text_for(broadcast.draft, service, broadcast.delivery.id).render(people.example_of(person))


def _plan(broadcast: Marked, service: Service, text: str, actor: str) -> tuple[Span, int]:
    """Give the proof its number and write its log."""
    with writing() as session:
        delivery = session.get_one(Delivery, broadcast.delivery.id, with_for_update=True)
        handles = broadcast.draft.broadcast.proof_recipients
        visitors = [people.named(session, handle).id for handle in dict.fromkeys(handles)]
        delivery.proofs += 1
        outbox.plan(session, delivery, service.id, visitors, text)
        detail = f"Proof #{delivery.proofs} to {', '.join(handles)}."
        deliveries.note(session, delivery, "proof", actor, pendulum.now("UTC"), detail)
        return Span(delivery.id, service.id, proof_number=delivery.proofs), len(visitors)


def _send(broadcast: Marked, service: Service, span: Span, expected: int) -> Progress:
    letters = letters_for(service, [broadcast], records_of([broadcast]))
    desk = desk_of(service, letters)
    recover(desk)
    letter = letters[broadcast.delivery.id]
    media_id = media_id_of(desk, letter)
    if isinstance(media_id, Progress):
        return media_id
    armed = arm(desk, letter, span)
    if isinstance(armed, Progress):
        return armed
    return send(desk, armed, media_id) or _result(desk, letter, span, expected)


def _result(desk: Desk, letter: Letter, span: Span, expected: int) -> Progress:
    with reading() as session:
        log = outbox.log_of(session, span)
    sent = sum(one.state is MessageState.SENT for one in log)
    if sent == expected:
        return desk.progress(End.OUT)
    reasons = " ".join(dict.fromkeys(one.reason for one in log if one.reason))
    return desk.progress(End.REFUSED, f"{sent} of {expected} proofs of {letter.name} are out. {reasons}".strip())


@task(name="analyse", task_run_name="analyse {name}")
def analyse_recipients(name: str) -> Looked:
    """Find out who gets it and who does not, show what, and keep what was found. Sends nothing."""
    found = aim(name, f"the run {runtime.flow_run.name}")
    publish_preview(found)
    refuse_errors(name, found.analysis)
    return looked_at(found)


def looked_at(found: Aim) -> Looked:
    """A broadcast as it was analysed, and as a person is shown it."""
    return Looked(found.delivery, found.draft, found.analysis, preview_text(found))


def look_again(name: str) -> Looked:
    """A broadcast as its last analysis found it: its recipients are not looked for anew."""
    with reading() as session:
        delivery = deliveries.named(session, name)
        draft, services = deliveries.draft_of(session, delivery), deliveries.targets_of(session, delivery)
        analysis = analysis_of(session, delivery)
    return looked_at(Aim(delivery, draft, services, analysis, []))


def _prove(looked: Looked) -> Progress | None:
    if not looked.draft.broadcast.proof_recipients:
        return None
    try:
        return send_broadcast_proof(looked.delivery.name, f"the run {runtime.flow_run.name}")
    except WrongUsage as error:
        raise WrongUsage(f"Proof recipients: {error}") from None


BROADCAST_STEPS = Steps(analyse=analyse_recipients, look_again=look_again, prove=_prove)
