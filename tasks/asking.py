"""Asking a person whether an analysed delivery may go out: the run is suspended and holds nothing meanwhile."""

import time

import pendulum
from prefect import runtime
from prefect.flow_runs import suspend_flow_run
from prefect.logging import get_run_logger

from campaign.errors import NotPossible
from campaign.store import approvals, deliveries
from campaign.store.approvals import ANSWER_WITHIN
from campaign.store.engine import reading, writing
from models import ApprovalMode, Delivery, DeliveryState
from tasks.composing import Prepared, prepare
from tasks.controlling import confirm, reject
from tasks.post_form import Answer
from tasks.posting import analyse_delivery
from tasks.previewing import preview_text
from tasks.progress import End
from tasks.proofs import send_proof

#: A run that suspends itself sooner is taken for dead: its first sign of life arrives after that.
_LIVES_AT_LEAST_SECONDS = 5


def ask_where_needed(name: str) -> None:
    """Bring a delivery from its draft to a yes, by a person unless its approval mode says otherwise.

    Raises NotPossible when the answer is no. The first answer is final, wherever it was given.
    """
    delivery = _delivery(name)
    if delivery.state is DeliveryState.BEING_EDITED and delivery.analysed_at is None:
        prepared = _analyse_and_proof(name)
        if not _must_ask(prepared):
            confirm(name, f"{prepared.draft.approval.value.replace('_', '-')} approval")
    elif delivery.state is DeliveryState.BEING_EDITED:
        raise NotPossible(f"{name} is being edited again: {delivery.reason or 'its analysis found errors.'}")
    if _delivery(name).state is DeliveryState.ANALYSED:
        _ask(name)


def _delivery(name: str) -> Delivery:
    with reading() as session:
        return deliveries.named(session, name)


def _analyse_and_proof(name: str) -> Prepared:
    prepared = analyse_delivery(name)
    if prepared.draft.proof_service and not prepared.delivery.proofs:
        progress = send_proof(prepared, f"the run {runtime.flow_run.name}")
        if progress.end is not End.OUT:
            get_run_logger().warning("The proof of %s is not out in full: %s", name, progress.reason)
        prepared = analyse_delivery(name)  # what it says of proofs is another thing now
    return prepared


def _must_ask(prepared: Prepared) -> bool:
    if prepared.draft.approval is ApprovalMode.SEMI_AUTOMATIC:
        return prepared.analysis.has_warnings
    return prepared.draft.approval is ApprovalMode.MANUAL


def _ask(name: str) -> None:
    if runtime.deployment.id is None:
        raise NotPossible(f"{name} waits for your yes: campaign delivery confirm {name}")
    prepared = prepare(name)
    with writing() as session:
        delivery = deliveries.named(session, name)
        approvals.ask(session, delivery, f"the run {runtime.flow_run.name}", pendulum.now("UTC"))
    time.sleep(_LIVES_AT_LEAST_SECONDS)
    question = Answer.with_initial_data(description=preview_text(prepared), answer="Confirm")
    answer = suspend_flow_run(wait_for_input=question, timeout=int(ANSWER_WITHIN.total_seconds()))
    _take(name, answer)


def _take(name: str, answer: Answer) -> None:
    who = answer.confirm_as.strip() or "somebody in the Prefect UI"
    if _delivery(name).state is not DeliveryState.ANALYSED:
        get_run_logger().warning("%s was answered elsewhere already; that answer stands.", name)
        return
    if not answer.is_yes:
        reject(name, who, answer.comment)
        raise NotPossible(f"{name} was rejected by {who}; nothing went out.")
    confirm(name, who, answer.comment)
