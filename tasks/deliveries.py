"""The tasks of a delivery in a run: composed, analysed, confirmed by a person, proved, published, concluded, shown."""

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Protocol
from uuid import UUID

import pendulum
from prefect import runtime, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.context import get_run_context
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from pydantic import Field

from campaign.broadcasts.prepare import BroadcastKind
from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import ANSWER_WITHIN, compose, refuse_errors, reject
from campaign.deliveries.draft import Draft
from campaign.deliveries.kind import Analysed, End, Kind, Progress, Rendered
from campaign.errors import NotPossible, WrongUsage
from campaign.kinds import confirm
from campaign.posts import publish as publishing
from campaign.posts.prepare import PostKind, RenderedPost
from campaign.posts.report import DeliveryReport
from campaign.services.fields import block_name
from models import ApprovalMode, Delivery, DeliveryKind, DeliveryState, Service
from tasks.continuation import MESSAGES, RETRIES, ProgressBar, publish_asset, publish_table
from tasks.services import check_service, take_over_forms

#: Shown first when a confirmation lacked the acceptance of recipients without consent.
ASKED_AGAIN = (
    "**Nothing is confirmed yet.** Some recipients never agreed to receive messages: switch on *Write to people who"
    " never agreed*, or answer Reject."
)
#: Shown first when a confirmation was for an earlier version.
CHANGED = "**Please check it again.** It was changed or analysed again after it was shown to you."


class Answer(RunInput):
    """Whether the delivery may go out as shown."""

    answer: Literal["Confirm", "Reject"] = Field(
        title="Answer", description="Confirm: it goes out as shown. Reject: nothing goes out, and it can be edited."
    )
    comment: Annotated[str, Field(title="Comment", description="Saved with your answer.")] = ""
    confirm_as: Annotated[str, Field(title="Your name", description="Saved with your answer.")] = ""

    @property
    def is_lacking(self) -> bool:
        """Tests whether the question has to be asked again."""
        return False


class AnswerForUnconsented(Answer):
    """Whether a broadcast may go out to people who never agreed to receive messages."""

    accept_unconsented: Annotated[
        bool,
        Field(
            title="Write to people who never agreed",
            description="X lets apps send automated messages only to people who wrote first or agreed, and most laws"
            " on marketing ask for more than a first message. Switch this on to write to the others too: their number,"
            " and how many only wrote first, is named above. Without it nothing is confirmed.",
        ),
    ] = False

    @property
    def is_lacking(self) -> bool:
        """Tests whether it confirms without accepting those people."""
        return self.answer == "Confirm" and not self.accept_unconsented


#: A run that suspends itself sooner is marked as crashed: its first heartbeat arrives after that.
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
    """Analyses a delivery, shows the preview, and saves the result. Sends nothing; raises NotPossible for errors."""
    analysed = kind.analyse(name, f"the run {runtime.flow_run.name}")
    publish_preview(kind, analysed)
    refuse_errors(name, analysed.analysis)
    return analysed


def ask_where_needed(name: str, kinds: Mapping[DeliveryKind, Kind]) -> None:
    """Analyses, proves and confirms a delivery; a person confirms it unless its approval mode is automatic.

    Raises NotPossible when it is rejected. The first answer is final, wherever it was given.
    """
    delivery = _delivery(name)
    kind = kinds[delivery.kind]
    if delivery.state is DeliveryState.BEING_EDITED and delivery.analysed_at is None:
        analysed = _analyse_and_prove(name, kind)
        analysis, mode = analysed.analysis, analysed.rendered.draft.approval
        is_automatic = mode is ApprovalMode.AUTOMATIC or (
            mode is ApprovalMode.SEMI_AUTOMATIC and not analysis.has_warnings
        )
        if is_automatic and not analysis.unconsented:  # only a person accepts recipients without consent
            confirm(name, f"{mode.value.replace('_', '-')} approval")
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
    return kind.last_analysed(name)  # with the proof in it


def _ask(name: str, kind: Kind) -> None:
    if runtime.deployment.id is None:
        raise NotPossible(f"{name} is analysed. Confirm with: campaign delivery confirm {name}")
    analysed = kind.last_analysed(name)
    preview = kind.preview(analysed)
    with transaction() as session:
        delivery = deliveries.named(session, name)
        approval.ask(session, delivery, f"the run {runtime.flow_run.name}", pendulum.now("UTC"))
    time.sleep(_LIVES_AT_LEAST_SECONDS)
    form = AnswerForUnconsented if analysed.analysis.unconsented else Answer
    # An answer counts only for the version that was shown: a changed delivery is asked about again. A resumed run has
    # the same count, and finds its answers; a retried one has another.
    version = f"{runtime.flow_run.run_count}-{delivery.analysed_fingerprint}"
    asked = get_run_context().flow_run.empirical_policy.pause_keys or set()  # type: ignore[union-attr]
    is_first = all(key.startswith(version) for key in asked)
    shown, number = preview if is_first else f"{CHANGED}\n\n{preview}", 1
    while True:
        # Suspends the run until it is answered; a resumed run finds each of its answers again.
        question = form.with_initial_data(description=shown, answer="Confirm")
        timeout, key = int(ANSWER_WITHIN.total_seconds()), f"{version}-{number}"
        answer = suspend_flow_run(wait_for_input=question, timeout=timeout, key=key)
        if not answer.is_lacking:
            break
        shown, number = f"{ASKED_AGAIN}\n\n{preview}", number + 1
    who = answer.confirm_as.strip() or "a person in the Prefect UI"
    if _delivery(name).state is not DeliveryState.ANALYSED:
        get_run_logger().warning("%s was answered elsewhere already; the first answer counts.", name)
    elif answer.answer == "Reject":
        reject(name, who, answer.comment)
        raise NotPossible(f"{name} was rejected by {who}; nothing went out.")
    else:
        accepted = isinstance(answer, AnswerForUnconsented) and answer.accept_unconsented
        confirm(name, who, answer.comment, accept_unconsented=accepted)


def publish_reports(reports: Sequence[DeliveryReport]) -> None:
    """Shows the results of the deliveries of this run, and the links to their first posts."""
    rows = [{"Delivery": report.name, **line.as_row()} for report in reports for line in report.lines]
    publish_table("post-publication", rows, "What was published, part by part.")
    if reports:
        publish_asset("message", MESSAGES, deliveries=len(reports))
    for report in reports:
        if report.first_link:
            create_link_artifact(report.first_link, link_text=report.label or report.name, key=f"post-{report.name}")


class Form(Protocol):
    """A form of a new delivery."""

    label: str

    def draft(self) -> Draft:
        """Returns the delivery that the form describes."""
        ...


def make_ready() -> None:
    """Migrates the tables, takes over forms and returns unanswered deliveries to editing."""
    engine.make_ready()
    take_over_forms.fn()
    with transaction() as session:
        approval.return_unanswered(session, pendulum.now("UTC"))


@task(name="settle what is left", task_run_name="look for what may be out")
def settle_left_behind() -> None:
    """Looks up unknown outcomes of deliveries that are stopped, paused or over, and of proofs."""
    publishing.settle_left_behind()


@task(name="work on", task_run_name="{service.internal_name}")
def work_on(service: Service, post: RenderedPost) -> Progress:
    """Does all possible work for one account now; never fails the others."""
    return publishing.work_on(service, post, STEPS)


@task(name="publish", task_run_name="publish on {service.internal_name}", **RETRIES)
def publish_on(service: Service, post: RenderedPost, proof_number: int) -> Progress:
    """Publishes the missing parts on one account, one after the other; unknown outcomes are looked up first."""
    handle = service.internal_name
    bar = ProgressBar(f"upload-{block_name(handle)}", f"Files uploaded for @{handle}")

    def show(done: int, of: int) -> None:
        bar.show(round(100 * done / of, 1) if of else 100.0, is_last=done >= of)

    return publishing.publish_on(service, post, proof_number, show)


STEPS = publishing.Steps(check_service, publish_on)
IN_A_RUN: dict[DeliveryKind, Kind] = {DeliveryKind.POST: PostKind(STEPS), DeliveryKind.DM: BroadcastKind()}
"""The kinds of delivery, whose steps are tasks of this run."""


@task(name="conclude", task_run_name="conclude {name}")
def conclude(name: str) -> DeliveryReport:
    """Updates the state of a delivery from its log, and reports on it."""
    return publishing.conclude(name)


@task(name="compose", task_run_name="compose {form.label}")
def compose_from(form: Form) -> str:
    """Creates the delivery that the form describes, once for each run."""
    actor = f"the run {runtime.flow_run.name}"
    return compose(form.draft(), actor=actor, flow_run_id=str(runtime.flow_run.id)).name


def name_run_after(names: Sequence[str]) -> None:
    """Names this run after its deliveries: `post-2026-11-26-launch · 2 accounts`."""
    if not names or not runtime.flow_run.id:
        return
    with read_session() as session:
        targets = [deliveries.targets_of(session, deliveries.named(session, name)) for name in names]
    count = len({service.id for services in targets for service in services})
    accounts = f"{count} account{'s' if count != 1 else ''}"
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(runtime.flow_run.id), name=f"{names[0]}{more} · {accounts}")
