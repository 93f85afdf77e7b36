"""Deliveries composed, analysed, asked about, answered, paused and stopped."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import pendulum
from prefect import runtime
from prefect.context import get_run_context
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from pydantic import Field

from campaign.db.engine import reading, writing
from campaign.deliveries import approval
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import ANSWER_WITHIN
from campaign.deliveries.draft import Draft
from campaign.deliveries.edit import reject
from campaign.deliveries.findings import Analysis
from campaign.deliveries.progress import End, Progress
from campaign.errors import NotPossible
from campaign.kinds import confirm
from models import (
    ApprovalMode,
    Delivery,
    DeliveryState,
)

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
