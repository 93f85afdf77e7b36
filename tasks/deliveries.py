"""Deliveries composed, analysed, asked about, answered, paused and stopped."""

import time
from collections.abc import Mapping
from typing import Annotated, Literal

import pendulum
from prefect import runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import get_run_context
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from pydantic import Field

from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import ANSWER_WITHIN, refuse_errors
from campaign.deliveries.edit import reject
from campaign.deliveries.kind import Analysed, End, Kind, Rendered
from campaign.errors import NotPossible, WrongUsage
from campaign.kinds import confirm
from models import (
    ApprovalMode,
    Delivery,
    DeliveryKind,
    DeliveryState,
)

#: Shown first when a confirmation lacked the acceptance that belongs to it.
ASKED_AGAIN = (
    "**Nothing is confirmed yet.** Some of them never agreed to be written to: switch on *Write to people who never"
    " agreed*, or answer Reject."
)
#: Shown first when a confirmation was about something else.
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
        """Returns whether the question has to be asked again."""
        return False

    @property
    def is_yes(self) -> bool:
        """Returns whether it may go out."""
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
        """Returns whether it is a yes that leaves out what belongs to it."""
        return self.is_yes and not self.accept_unconsented


#: A run that suspends itself sooner is taken for dead: its first sign of life arrives after that.
_LIVES_AT_LEAST_SECONDS = 5


def publish_preview(kind: Kind, analysed: Analysed[Rendered]) -> str:
    """Shows the preview as an artifact of this run, if there is one; returns it."""
    text, name = kind.preview(analysed), analysed.rendered.delivery.name
    if runtime.flow_run.id is not None:
        description = f"{name} {kind.shown_as}. Nothing of it is out yet."
        create_markdown_artifact(text, key=f"preview-{name}", description=description)
    return text


@task(name="analyse", task_run_name="analyse {name}", cache_policy=NO_CACHE)
def analyse(name: str, kind: Kind) -> Analysed[Rendered]:
    """Analyses a delivery, shows the preview, and keeps the result. Sends nothing; raises NotPossible for errors."""
    analysed = kind.analyse(name, f"the run {runtime.flow_run.name}")
    publish_preview(kind, analysed)
    refuse_errors(name, analysed.analysis)
    return analysed


def ask_where_needed(name: str, kinds: Mapping[DeliveryKind, Kind]) -> None:
    """Brings a delivery from its draft to a confirmation, by a person unless its approval mode says otherwise.

    Raises NotPossible when the answer is no. The first answer is final, wherever it was given.
    """
    delivery = _delivery(name)
    kind = kinds[delivery.kind]
    if delivery.state is DeliveryState.BEING_EDITED and delivery.analysed_at is None:
        analysed = _analyse_and_prove(name, kind)
        if not _must_ask(analysed):
            confirm(name, f"{analysed.rendered.draft.approval.value.replace('_', '-')} approval")
    elif delivery.state is DeliveryState.BEING_EDITED:
        raise NotPossible(f"{name} is being edited again: {delivery.reason or 'its analysis found errors.'}")
    if _delivery(name).state is DeliveryState.ANALYSED:
        _ask(name, kind)


def _delivery(name: str) -> Delivery:
    with read_session() as session:
        return deliveries.named(session, name)


def _analyse_and_prove(name: str, kind: Kind) -> Analysed[Rendered]:
    analysed = analyse(name, kind)
    if analysed.rendered.delivery.proofs or not kind.can_be_proved(analysed.rendered.draft):
        return analysed
    try:
        progress = kind.send_proof(name, f"the run {runtime.flow_run.name}")
    except WrongUsage as error:
        raise WrongUsage(f"Proof recipients: {error}") from None
    if progress.end is not End.OUT:
        get_run_logger().warning("The proof of %s is not out in full: %s", name, progress.reason)
    return kind.last_analysed(name)  # what it says of proofs is another thing now


def _must_ask(analysed: Analysed[Rendered]) -> bool:
    """Returns whether a person has to be asked; only a person accepts recipients without consent."""
    if analysed.analysis.unconsented:
        return True
    approval_mode = analysed.rendered.draft.approval
    if approval_mode is ApprovalMode.SEMI_AUTOMATIC:
        return analysed.analysis.has_warnings
    return approval_mode is ApprovalMode.MANUAL


def _ask(name: str, kind: Kind) -> None:
    if runtime.deployment.id is None:
        raise NotPossible(f"{name} waits for your yes: campaign delivery confirm {name}")
    analysed = kind.last_analysed(name)
    preview = kind.preview(analysed)
    with transaction() as session:
        delivery = deliveries.named(session, name)
        approval.ask(session, delivery, f"the run {runtime.flow_run.name}", pendulum.now("UTC"))
    time.sleep(_LIVES_AT_LEAST_SECONDS)
    form = AnswerForUnconsented if analysed.analysis.unconsented else Answer
    # An answer is about what was shown, and to no other question: of a changed delivery it is asked anew. A resumed run
    # has the same count, and finds its answers; one that is retried has another.
    about = f"{runtime.flow_run.run_count}-{delivery.analysed_fingerprint}"
    shown, number = preview if _is_new(about) else f"{CHANGED}\n\n{preview}", 1
    while (answer := _answer_to(form, shown, f"{about}-{number}")).is_lacking:
        shown, number = f"{ASKED_AGAIN}\n\n{preview}", number + 1
    _take(name, answer)


def _is_new(about: str) -> bool:
    """Returns whether this run has not asked about anything else."""
    asked = get_run_context().flow_run.empirical_policy.pause_keys or set()  # type: ignore[union-attr]
    return all(key.startswith(about) for key in asked)


def _answer_to(form: type[Answer], shown: str, key: str) -> Answer:
    """Suspends the run until it is answered; a run that is resumed finds each of its answers again."""
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
