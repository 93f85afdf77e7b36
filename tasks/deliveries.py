"""The tasks of a delivery in a run: composed, analysed, confirmed by a person, proved, published, concluded, shown."""

import time
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Annotated, Final, Literal, Protocol
from uuid import UUID

import pendulum
from prefect import runtime, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import get_run_context
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from prefect.utilities.urls import url_for
from pydantic import ConfigDict, Field

from campaign.broadcasts.prepare import BroadcastKind
from campaign.db import engine
from campaign.db.engine import read_session, transaction
from campaign.deliveries import approval, planning
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import ANSWER_WITHIN, compose, refuse_errors, reject
from campaign.deliveries.draft import Draft
from campaign.deliveries.kind import Analysed, End, Kind, Progress, Rendered
from campaign.errors import NotPossible, WrongUsage
from campaign.kinds import confirm, needs_no_person
from campaign.posts import publish as publishing
from campaign.posts.documents import DeliveryReport
from campaign.posts.prepare import PostKind, RenderedPost
from campaign.reporting.text import as_markdown
from campaign.services import store as services
from campaign.services.fields import block_name
from campaign.settings import load_settings
from models import Delivery, DeliveryKind, DeliveryState, Service
from tasks.continuation import (
    MESSAGES,
    RETRIES,
    ProgressBar,
    end_run,
    publish_asset,
    publish_table,
    schedule_delivery,
)
from tasks.services import check_service, take_over_forms

#: Shown first when an approval lacked the acceptance of recipients without consent.
ASKED_AGAIN = (
    "**Nothing is approved yet.** Some recipients never agreed to receive messages: switch on *Write to people who"
    " never agreed*, or send it back."
)
#: Shown first when no answer was chosen: Prefect would refuse that in words of its own.
NO_ANSWER = "**Nothing is decided yet.** Choose an answer: approve it, or send it back."
#: Shown first when a confirmation was for an earlier version.
CHANGED = "**Please check it again.** It was changed or analysed again after it was shown to you."


APPROVE: Final = "Approve: it goes out as shown"
SEND_BACK: Final = "Send back: nothing goes out, and it can be edited"


class Answer(RunInput):
    """Whether the delivery may go out as shown."""

    # Needed, so that Prefect does not call it optional; an empty one is sent, and answered by our sentence.
    model_config = ConfigDict(json_schema_extra={"required": ["answer"]})

    answer: Literal["", "Approve: it goes out as shown", "Send back: nothing goes out, and it can be edited"] = Field(
        "", title="Answer", description="Nothing is chosen beforehand: look at the preview above first."
    )
    comment: Annotated[str, Field(title="Comment", description="Saved with your answer.")] = ""
    confirm_as: Annotated[
        str,
        Field(
            title="Your name",
            description="Saved with your answer. Where another or a second person has to approve: the name of your"
            " account at the desk.",
        ),
    ] = ""

    @property
    def lacking(self) -> str:
        """Returns why the question has to be asked again; empty for a whole answer."""
        return "" if self.answer else NO_ANSWER


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
    def lacking(self) -> str:
        """Returns why the question has to be asked again, as when those people are not accepted."""
        return ASKED_AGAIN if self.answer == APPROVE and not self.accept_unconsented else super().lacking


#: A run that suspends itself sooner is marked as crashed: its first heartbeat arrives after that.
_LIVES_AT_LEAST_SECONDS = 5
_MOST_NAMED = 5


def publish_preview(kind: Kind, analysed: Analysed[Rendered]) -> str:
    """Shows the preview as an artifact of this run, if there is one; returns it."""
    text, name = as_markdown(kind.preview(analysed)), analysed.rendered.delivery.name
    if runtime.flow_run.id is not None:
        description = f"{name} {kind.shown_as}. Nothing of it is out yet."
        create_markdown_artifact(text, key=f"preview-{name}", description=description)
    return text


def _this_run() -> str:
    """Returns this run as the audit names it, so that no approval rule takes it for a person."""
    return f"{approval.RUN}{runtime.flow_run.name}"


@task(name="analyse", task_run_name="analyse {name}", cache_policy=NO_CACHE)
def analyse(name: str, kind: Kind) -> Analysed[Rendered]:
    """Analyses a delivery, shows the preview, and saves the result. Sends nothing; raises NotPossible for errors."""
    analysed = kind.analyse(name, _this_run())
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
        if needs_no_person(analysed):
            confirm(name, _mode_of(analysed))
    elif delivery.state is DeliveryState.BEING_EDITED:
        raise NotPossible(f"{name} is being edited again: {delivery.reason or 'its analysis found errors.'}")
    if _delivery(name).state is DeliveryState.ANALYSED:
        _ask(name, kind)


def _mode_of(analysed: Analysed[Rendered]) -> str:
    return f"{analysed.rendered.draft.approval.value.replace('_', '-')} approval"


def repeat_series() -> None:
    """Makes the posts of series that are due within eight weeks, and confirms those that need no person's approval."""
    planning.extend_series(pendulum.now("UTC"))
    with read_session() as session:
        waiting = planning.waiting_for_a_run(session)
    actor = _this_run()
    for delivery in waiting:
        try:
            analysed = IN_A_RUN[delivery.kind].analyse(delivery.name, actor)
            if needs_no_person(analysed):
                confirmed = confirm(delivery.name, _mode_of(analysed))
                if runtime.deployment.id is not None:
                    schedule_delivery(confirmed)
        except (NotPossible, WrongUsage) as error:
            get_run_logger().warning("%s of a series could not be approved: %s", delivery.name, error)
            continue
        with transaction() as session:
            fresh = deliveries.get(session, delivery.id)
            if fresh.state is DeliveryState.ANALYSED:
                approval.ask(session, fresh, actor, pendulum.now("UTC"))


def _delivery(name: str) -> Delivery:
    with read_session() as session:
        return deliveries.named(session, name)


def _analyse_and_prove(name: str, kind: Kind) -> Analysed[Rendered]:
    analysed = analyse(name, kind)
    if analysed.rendered.delivery.proofs or not kind.can_be_proved(analysed.rendered.draft):
        return analysed
    try:
        progress = kind.send_proof(name, _this_run())
    except WrongUsage as error:
        raise WrongUsage(f"Proof recipients: {error}") from None
    if progress.end is not End.OUT:
        get_run_logger().warning("The proof of %s is not out in full: %s", name, progress.reason)
    return kind.last_analysed(name)  # with the proof in it


def _ask(name: str, kind: Kind) -> None:
    if runtime.deployment.id is None:
        raise NotPossible(f"{name} is analysed. Confirm with: campaign delivery confirm {name}")
    analysed = kind.last_analysed(name)
    preview = as_markdown(kind.preview(analysed))
    with transaction() as session:
        delivery = deliveries.named(session, name)
        approval.ask(session, delivery, _this_run(), pendulum.now("UTC"))
    form = AnswerForUnconsented if analysed.analysis.unconsented else Answer
    # An answer counts only for the version that was shown: a changed delivery is asked about again. A resumed run has
    # the same count, and finds its answers; a retried one has another.
    version = f"{runtime.flow_run.run_count}-{delivery.analysed_fingerprint}"
    asked = get_run_context().flow_run.empirical_policy.pause_keys or set()  # type: ignore[union-attr]
    is_first = all(key.startswith(version) for key in asked)
    shown = preview if is_first else f"{CHANGED}\n\n{preview}"
    for number in count(1):
        key = f"{version}-{number}"
        if key not in asked:
            _show_that_it_waits(name)
            time.sleep(_LIVES_AT_LEAST_SECONDS)
        # Suspends the run until it is answered; a resumed run finds each of its answers again.
        question = form.with_initial_data(description=shown)
        answer = suspend_flow_run(wait_for_input=question, timeout=int(ANSWER_WITHIN.total_seconds()), key=key)
        lacking = answer.lacking or take_answer(name, answer)
        if not lacking:
            break
        shown = f"{lacking}\n\n{preview}"
    name_run_after([name])


def take_answer(name: str, answer: Answer) -> str:
    """Takes an answer; returns what is lacking still, as a person reads it. Raises NotPossible after a no."""
    who = answer.confirm_as.strip() or "a person in the Prefect UI"
    before = _delivery(name)
    if before.state is not DeliveryState.ANALYSED:
        get_run_logger().warning("%s was answered elsewhere already; the first answer counts.", name)
        return ""
    if answer.answer == SEND_BACK:
        reject(name, who, answer.comment)
        raise NotPossible(f"{name} was sent back by {who}; nothing went out.")
    accepted = isinstance(answer, AnswerForUnconsented) and answer.accept_unconsented
    try:
        delivery = confirm(name, who, answer.comment, accept_unconsented=accepted)
    except NotPossible as error:
        with read_session() as session:
            standing = approval.standing_of(session, deliveries.named(session, name))
        if not standing.rules.is_strict:
            raise
        return f"**It is not approved yet.** {error}"
    return "" if delivery.state is DeliveryState.CONFIRMED else f"**{who} approved it.** {approval.SECOND_PERSON}"


def _show_that_it_waits(name: str) -> None:
    """Says in the log, in an artifact and in the name of the run that it waits, for whom, and where to answer."""
    with read_session() as session:
        people = approval.may_approve(session, deliveries.named(session, name))
    names = [one.user.full_name for one in people[:_MOST_NAMED]]
    others = [f"{len(people) - len(names)} others"] if len(people) > len(names) else []
    for_whom = " or ".join([*names, *others]) or "a person who may approve it (campaign user add)"
    desk = f"{load_settings().pages_url}/desk/deliveries/{name}"
    run = url_for("flow-run", obj_id=runtime.flow_run.id) or ""
    get_run_logger().info("%s waits for the approval of %s: at %s, or with Resume at %s", name, for_whom, desk, run)
    text = (
        f"**{name} waits for the approval of {for_whom}.** Nothing of it is out. Answer [at the desk]({desk}), or here:"
        f" *Resume* on the page of [this run]({run})."
    )
    create_markdown_artifact(text, key=f"waits-{name}", description="Who is asked, and where.")
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(str(runtime.flow_run.id)), name=f"{name} · waits for approval")


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
    written_by: str

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


def prove(name: str, workflow: str, like: str = "") -> State:
    """Sends the next proof of a delivery; the run fails with the reason when it is not out in full."""
    kind = _kind_of(name, workflow)
    progress = kind.send_proof(name, _this_run(), like=like)
    is_out = progress.end is End.OUT
    sentence = (
        f"The proof of {name} is out." if is_out else f"The proof of {name} is not out in full: {progress.reason}"
    )
    return end_run(sentence, progress, is_well=is_out)


def _kind_of(name: str, workflow: str) -> Kind:
    if not name:
        raise WrongUsage("The delivery is missing: write its internal name, as in post-2026-11-26-launch.")
    kind = IN_A_RUN[_delivery(name).kind]
    if kind.workflow != f"{workflow}/{workflow}":
        raise WrongUsage(f"{name} belongs to another workflow: run {kind.workflow.partition('/')[0]} for it.")
    return kind


def withdraw_posts(name: str, *, proofs: bool) -> State:
    """Deletes the posts of a delivery, or its proofs, from X."""
    _kind_of(name, "post-publication")
    deleted, what = delete_posts(name, proofs=proofs), "proof post" if proofs else "post"
    return end_run(f"{deleted} {what}{'s' * (deleted != 1)} of {name} deleted from X.", deleted)


@task(name="withdraw", task_run_name="withdraw {name}", **RETRIES)
def delete_posts(name: str, *, proofs: bool) -> int:
    """Deletes what is out; what a failed attempt deleted already is left alone."""
    return publishing.withdraw(name, _this_run(), proofs=proofs)


@task(name="compose", task_run_name="compose {form.label}")
def compose_from(form: Form) -> str:
    """Creates the delivery that the form describes, once for each run."""
    draft, writer = form.draft(), form.written_by.strip()
    with read_session() as session:
        chosen = [services.find(session, name) for name in draft.services]
    if not writer and any(one and one.approval_by_another for one in chosen):
        raise WrongUsage("Your name is missing: another person than the writer has to approve it. Fill it in as well.")
    actor = writer or _this_run()
    return compose(draft, actor=actor, flow_run_id=str(runtime.flow_run.id)).name


def name_run_after(names: Sequence[str]) -> None:
    """Names this run after its deliveries: `post-2026-11-26-launch · 2 accounts`."""
    if not names or not runtime.flow_run.id:
        return
    with read_session() as session:
        targets = [deliveries.targets_of(session, deliveries.named(session, name)) for name in names]
    number = len({service.id for of_one in targets for service in of_one})
    accounts = f"{number} account{'s' if number != 1 else ''}"
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(runtime.flow_run.id), name=f"{names[0]}{more} · {accounts}")
