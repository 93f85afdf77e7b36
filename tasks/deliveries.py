"""Deliveries composed, analysed, asked about, answered, paused and stopped."""

import getpass
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

import pendulum
from prefect import runtime
from prefect.context import get_run_context
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from pydantic import Field
from sqlmodel import Session

from campaign.audience import visitors
from campaign.broadcasts.prepare import marked
from campaign.consent import agreements
from campaign.db.engine import reading, writing
from campaign.deliveries import approval, log, media
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import ANSWER_WITHIN, fingerprint
from campaign.deliveries.draft import Draft, RenderedPart, Target, delivery_name
from campaign.deliveries.findings import Analysis
from campaign.deliveries.progress import End, Progress
from campaign.errors import NotPossible, WrongUsage, XError
from campaign.limits import rate_limits, spend_cap
from campaign.posts import prepare as recent_texts
from campaign.posts.analysis import analyse
from campaign.posts.work import purpose_of
from campaign.services.connection import check_if_due, choose_services
from campaign.settings import load_settings
from campaign.x import prices
from models import (
    NOBODY,
    ApiVersion,
    ApprovalMode,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Message,
    MessageState,
    Service,
)

#: X refuses a text that an account posted so recently.
_RECENTLY = timedelta(hours=24)
_POST_ENDPOINTS = {ApiVersion.V2: "POST /2/tweets", ApiVersion.V1_1: "POST /1.1/statuses/update"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A delivery as it would go out now, and what the analysis says of it."""

    delivery: Delivery
    draft: Draft
    targets: list[Target]
    rendered: list[RenderedPart]
    analysis: Analysis
    fingerprint: str
    stamp: str


def somebody() -> str:
    """Who is asked for in the audit when nobody else is named: the person of this session."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def compose(draft: Draft, *, actor: str, flow_run_id: str | None = None, template: str | None = None) -> Delivery:
    """Make a delivery; raises WrongUsage when a service is unknown. A run started again finds the one it made."""
    services, proof = _services_of(draft)
    now = pendulum.now("UTC")
    with writing() as session:
        if flow_run_id and (known := deliveries.composed_by(session, flow_run_id)):
            return known
        name = _free_name(session, draft, now)
        return deliveries.create(
            session, draft, name, services, proof, actor=actor, now=now, template=template, flow_run_id=flow_run_id
        )


def recompose(name: str, draft: Draft, *, actor: str) -> Delivery:
    """Change a delivery to what is described; its analysis and its confirmation are void."""
    services, proof = _services_of(draft)
    with writing() as session:
        delivery = deliveries.named(session, name)
        deliveries.change(session, delivery, draft, services, proof, actor=actor, now=pendulum.now("UTC"))
        return delivery


def _services_of(draft: Draft) -> tuple[list[Service], Service | None]:
    wanted = [*draft.services, *([draft.proof_service] if draft.proof_service else [])]
    saved = {service.internal_name.lower(): service for service in (choose_services(wanted).services if wanted else [])}
    named = {name.lower(): saved[name.lower()] for name in draft.services}
    return list(named.values()), saved[draft.proof_service.lower()] if draft.proof_service else None


def _free_name(session: Session, draft: Draft, now: datetime) -> str:
    day = (draft.contact_date or now).date()
    beginning = f"{draft.kind.value}-{day.isoformat()}"
    return delivery_name(draft.label, draft.kind, day, deliveries.names_like(session, beginning))


def look_at(name: str, actor: str) -> Prepared:
    """Analyse a delivery and keep what was found; accounts that were not looked at for a day are looked at first."""
    with reading() as session:
        delivery = deliveries.named(session, name)
        proof = session.get(Service, delivery.proof_service_id) if delivery.proof_service_id else None
        services = [*deliveries.targets_of(session, delivery), *([proof] if proof else [])]
    for service in services:
        with suppress(XError, NotPossible):  # what is wrong with it is kept on its row, and found by the analysis
            check_if_due(service)
    prepared = prepare(name)
    record(prepared, actor)
    return prepared


def prepare(name: str) -> Prepared:
    """Look at a delivery as a whole, without changing or sending anything; raises WrongUsage when there is none."""
    now = pendulum.now("UTC")
    with reading() as session:
        delivery = deliveries.named(session, name)
        draft, stamp = deliveries.draft_of(session, delivery), deliveries.stamp_of(session, delivery)
        services = deliveries.targets_of(session, delivery)
        targets = [_target(session, service, delivery, now) for service in services]
        proof = session.get(Service, delivery.proof_service_id) if delivery.proof_service_id else None
        proof_target = _target(session, proof, delivery, now) if proof else None
    loaded = media.load_all(item for part in draft.content.parts for item in part.media)
    analysis, rendered = analyse(
        draft,
        targets,
        loaded,
        proof=proof_target,
        proofs_sent=delivery.proofs,
        now=now,
        public_url=load_settings().public_url,
    )
    return Prepared(delivery, draft, targets, rendered, analysis, fingerprint(draft, rendered), stamp)


def _target(session: Session, service: Service, delivery: Delivery, now: datetime) -> Target:
    name = service.x_name or service.label
    return Target(
        service_id=service.id,
        internal_name=service.internal_name,
        label=service.label,
        name=name,
        longest_post=service.longest_post,
        blocked_because=service.problems if service.blocked else _removed(service),
        protected=service.protected,
        api_version=service.api_version.value,
        recent_texts=recent_texts.recent_texts(session, service.id, now - _RECENTLY, delivery),
        left=spend_cap.left(session, service.id, now),
        link_price=prices.POST_WITH_LINK_CREATE.usd,
        plain_price=prices.POST_CREATE.usd,
        alt_text_price=prices.MEDIA_METADATA.usd,
        open_at=rate_limits.calls_open_at(session, service.id, [_POST_ENDPOINTS[service.api_version]], now),
        fields=(
            ("label", service.label),
            ("internal_name", service.internal_name),
            ("name", name),
            ("username", service.x_username or service.internal_name),
        ),
        join_link=agreements.join_link(service.internal_name, delivery.id, NOBODY) if delivery.is_invitation else "",
    )


def _removed(service: Service) -> str:
    return "" if service.is_connected else f"The service {service.internal_name} has been removed."


def record(prepared: Prepared, actor: str) -> Delivery:
    """Keep an analysis: without errors the delivery waits for a yes, unless it changed meanwhile."""
    with writing() as session:
        delivery = deliveries.get(session, prepared.delivery.id)
        is_ok = prepared.analysis.is_ok and deliveries.stamp_of(session, delivery) == prepared.stamp
        approval.record_analysis(
            session,
            delivery,
            prepared.analysis.model_dump_json(),
            prepared.fingerprint,
            is_ok=is_ok,
            actor=actor,
            now=pendulum.now("UTC"),
        )
        return delivery


#: What is said first when a yes left out what belongs to it.
ASKED_AGAIN = (
    "**Nothing is confirmed yet.** Some of them never agreed to be written to: switch on *Write to people who never"
    " agreed*, or answer Reject."
)
#: What is said first when a yes was about something else.
CHANGED = "**Look at it again.** It is no longer what was shown when you were asked: it was changed, or analysed anew."


class Answer(RunInput):
    """Whether the delivery may go out as shown."""

    answer: Literal["Confirm", "Reject"] = Field(
        title="Answer", description="Confirm: it goes out as shown. Reject: nothing goes out, it is edited on."
    )
    comment: Annotated[str, Field(title="Comment", description="Kept with your answer.")] = ""
    confirm_as: Annotated[str, Field(title="Your name", description="Kept as who answered.")] = ""

    @property
    def is_lacking(self) -> bool:
        """Whether the question has to be asked again."""
        return False

    @property
    def is_yes(self) -> bool:
        """Whether it may go out."""
        return self.answer == "Confirm"


class AnswerForUnconsented(Answer):
    """Whether a broadcast may go out that reaches people who never agreed to be written to."""

    accept_unconsented: Annotated[
        bool,
        Field(
            title="Write to people who never agreed",
            description="X lets apps send automated messages only to people who wrote first or agreed. Switch this"
            " on to write to the others too, as many as are named above; without it nothing is confirmed.",
        ),
    ] = False

    @property
    def is_lacking(self) -> bool:
        """Whether it is a yes that leaves out what belongs to it."""
        return self.is_yes and not self.accept_unconsented


def confirm(name: str, actor: str, comment: str = "", *, accept_unconsented: bool = False) -> Delivery:
    """Say yes to a delivery as it was analysed; raises NotPossible when it was not, or has changed since.

    People in it who never agreed to be written to have to be accepted as such.
    """
    mark, stamp = _mark_of(name)
    with writing() as session:
        delivery = deliveries.named(session, name)
        _check_accepted(delivery, accept_unconsented=accept_unconsented)
        is_same = deliveries.stamp_of(session, delivery) == stamp
        approval.confirm(session, delivery, mark if is_same else "", actor, comment, pendulum.now("UTC"))
        if unconsented := unconsented_in(delivery):
            detail = f"{unconsented:,} recipients who never agreed were accepted."
            deliveries.note(session, delivery, "accepted", actor, pendulum.now("UTC"), detail)
        return delivery


def _mark_of(name: str) -> tuple[str, str]:
    with reading() as session:
        is_broadcast = deliveries.named(session, name).kind is DeliveryKind.DM
    if is_broadcast:
        broadcast = marked(name)
        return broadcast.mark, broadcast.stamp
    prepared = prepare(name)
    return prepared.fingerprint, prepared.stamp


def unconsented_in(delivery: Delivery) -> int:
    """How many recipients of an analysed delivery never agreed to be written to."""
    return Analysis.model_validate_json(delivery.analysis).unconsented if delivery.analysis else 0


def _check_accepted(delivery: Delivery, *, accept_unconsented: bool) -> None:
    unconsented = unconsented_in(delivery)
    if unconsented and not accept_unconsented and delivery.state is DeliveryState.ANALYSED:
        raise NotPossible(
            f"{unconsented:,} recipients of {delivery.name} never agreed to be written to, and X lets apps write only"
            " to people who wrote first or agreed: accept exactly that (--accept-unconsented), or set the service's"
            " message policy to consented_only and analyse again."
        )


def reject(name: str, actor: str, comment: str = "") -> Delivery:
    """Say no to a delivery: it is edited on."""
    with writing() as session:
        delivery = deliveries.named(session, name)
        approval.reject(session, delivery, actor, comment, pendulum.now("UTC"))
        return delivery


def pause(name: str, actor: str) -> Delivery:
    """Let nothing more go out until it is resumed; a call that is under way is finished."""
    return _move(name, DeliveryState.PAUSED, actor)


def resume(name: str, actor: str) -> Delivery:
    """Let a paused delivery go on with the next run."""
    with writing() as session:
        delivery = deliveries.named(session, name)
        if delivery.state is not DeliveryState.PAUSED:
            words = delivery.state.value.replace("_", " ")
            raise NotPossible(f"{name} is {words}; only a paused delivery can be resumed.")
        state = DeliveryState.IN_PROGRESS if delivery.started_at else DeliveryState.CONFIRMED
        deliveries.move(session, delivery, state, actor, pendulum.now("UTC"))
        return delivery


def take_up(name: str, actor: str) -> None:
    """Resume a delivery that somebody wants to go on, should it be paused."""
    with reading() as session:
        is_paused = deliveries.named(session, name).state is DeliveryState.PAUSED
    if is_paused:
        resume(name, actor)


def stop(name: str, actor: str) -> Delivery:
    """Let nothing more go out, ever; what may be out is still looked up."""
    return _move(name, DeliveryState.STOPPED, actor)


def _move(name: str, state: DeliveryState, actor: str) -> Delivery:
    with writing() as session:
        delivery = deliveries.named(session, name)
        deliveries.move(session, delivery, state, actor, pendulum.now("UTC"))
        if delivery.is_over:
            log.cancel_pending(session, delivery, pendulum.now("UTC"), "The delivery was stopped.")
        return delivery


def settle_by_hand(name: str, actor: str, sent_id: str | None, to: str = "") -> Message:
    """Decide the one part or message that nobody could find: it is out under `sent_id`, or (None) it is not.

    `to` says whose message it is; without it the first one is decided.
    """
    with writing() as session:
        delivery = deliveries.named(session, name)
        message = _the_uncertain_one(session, delivery, to)
        now = pendulum.now("UTC")
        if sent_id is None:
            spend_cap.release(session, message.service_id, purpose_of(message))
            log.settle(session, message, MessageState.PENDING, now)
        else:
            _check_id(session, sent_id)
            spend_cap.keep(session, message.service_id, purpose_of(message))
            log.settle(session, message, MessageState.SENT, now, x_id=sent_id)
        what = f"Message {message.id}" if message.visitor_id != NOBODY else f"Part {message.part}"
        detail = f"{what} is {'on X as ' + sent_id if sent_id else 'not on X'}."
        deliveries.note(session, delivery, "settled", actor, now, detail)
        if delivery.is_over:
            log.cancel_pending(session, delivery, now, "The delivery is over.")
        return message


def _the_uncertain_one(session: Session, delivery: Delivery, to: str) -> Message:
    visitor_id = visitors.named(session, to).id if to else None
    found = log.first(session, delivery, visitor_id)
    if found is None:
        raise NotPossible(f"Nothing of {delivery.name}{f' to {to}' if to else ''} is uncertain.")
    return found


def _check_id(session: Session, x_id: str) -> None:
    if not x_id.isdigit():
        raise WrongUsage(f"{x_id!r} is no id of a post or a message; it is the number at the end of its address.")
    if log.owned_ids(session, [x_id]):
        raise WrongUsage(f"{x_id} is in the log already.")


#: A run that suspends itself sooner is taken for dead: its first sign of life arrives after that.
_LIVES_AT_LEAST_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Looked:
    """A delivery as it was analysed, and as a person is shown it."""

    delivery: Delivery
    draft: Draft
    analysis: Analysis
    preview: str


@dataclass(frozen=True, slots=True)
class Steps:
    """How one kind of delivery is analysed (errors raise NotPossible), looked at again, and proved."""

    analyse: Callable[[str], Looked]
    look_again: Callable[[str], Looked]
    prove: Callable[[Looked], Progress | None]
    """None when there is nobody to send a proof to."""


def ask_where_needed(name: str, steps: Steps) -> None:
    """Bring a delivery from its draft to a yes, by a person unless its approval mode says otherwise.

    Raises NotPossible when the answer is no. The first answer is final, wherever it was given.
    """
    delivery = _delivery(name)
    if delivery.state is DeliveryState.BEING_EDITED and delivery.analysed_at is None:
        looked = _analyse_and_prove(name, steps)
        if not _must_ask(looked):
            confirm(name, f"{looked.draft.approval.value.replace('_', '-')} approval")
    elif delivery.state is DeliveryState.BEING_EDITED:
        raise NotPossible(f"{name} is being edited again: {delivery.reason or 'its analysis found errors.'}")
    if _delivery(name).state is DeliveryState.ANALYSED:
        _ask(name, steps)


def _delivery(name: str) -> Delivery:
    with reading() as session:
        return deliveries.named(session, name)


def _analyse_and_prove(name: str, steps: Steps) -> Looked:
    looked = steps.analyse(name)
    if looked.delivery.proofs:
        return looked
    progress = steps.prove(looked)
    if progress is None:
        return looked
    if progress.end is not End.OUT:
        get_run_logger().warning("The proof of %s is not out in full: %s", name, progress.reason)
    return steps.look_again(name)  # what it says of proofs is another thing now


def _must_ask(looked: Looked) -> bool:
    """Whether a person has to be asked; whoever never agreed to be written to is accepted by nobody else."""
    if looked.analysis.unconsented:
        return True
    if looked.draft.approval is ApprovalMode.SEMI_AUTOMATIC:
        return looked.analysis.has_warnings
    return looked.draft.approval is ApprovalMode.MANUAL


def _ask(name: str, steps: Steps) -> None:
    if runtime.deployment.id is None:
        raise NotPossible(f"{name} waits for your yes: campaign delivery confirm {name}")
    looked = steps.look_again(name)
    with writing() as session:
        delivery = deliveries.named(session, name)
        approval.ask(session, delivery, f"the run {runtime.flow_run.name}", pendulum.now("UTC"))
    time.sleep(_LIVES_AT_LEAST_SECONDS)
    form = AnswerForUnconsented if looked.analysis.unconsented else Answer
    # An answer is about what was shown, and to no other question: of a changed delivery it is asked anew. A resumed run
    # has the same count, and finds its answers; one that is retried has another.
    about = f"{runtime.flow_run.run_count}-{delivery.analysed_fingerprint}"
    shown, number = looked.preview if _is_new(about) else f"{CHANGED}\n\n{looked.preview}", 1
    while (answer := _answer_to(form, shown, f"{about}-{number}")).is_lacking:
        shown, number = f"{ASKED_AGAIN}\n\n{looked.preview}", number + 1
    _take(name, answer)


def _is_new(about: str) -> bool:
    """Whether this run has not asked about anything else."""
    asked = get_run_context().flow_run.empirical_policy.pause_keys or set()  # type: ignore[union-attr]
    return all(key.startswith(about) for key in asked)


def _answer_to(form: type[Answer], shown: str, key: str) -> Answer:
    """Suspend the run until somebody answers; a run that is resumed finds each of its answers again."""
    question = form.with_initial_data(description=shown, answer="Confirm")
    return suspend_flow_run(wait_for_input=question, timeout=int(ANSWER_WITHIN.total_seconds()), key=key)


def _take(name: str, answer: Answer) -> None:
    who = answer.confirm_as.strip() or "somebody in the Prefect UI"
    if _delivery(name).state is not DeliveryState.ANALYSED:
        get_run_logger().warning("%s was answered elsewhere already; that answer stands.", name)
        return
    if not answer.is_yes:
        reject(name, who, answer.comment)
        raise NotPossible(f"{name} was rejected by {who}; nothing went out.")
    accepted = isinstance(answer, AnswerForUnconsented) and answer.accept_unconsented
    confirm(name, who, answer.comment, accept_unconsented=accepted)
