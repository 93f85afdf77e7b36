"""How a broadcast is analysed, shown and proved in a run."""

from prefect import runtime, task

from campaign.errors import WrongUsage
from campaign.store import deliveries, drafts
from campaign.store.engine import reading
from tasks.aiming import Aim, aim
from tasks.asking import Looked, Steps
from tasks.broadcast_looking import analysis_of
from tasks.broadcast_proofs import send_broadcast_proof
from tasks.broadcast_showing import preview_text, publish_preview
from tasks.posting import refuse_errors
from tasks.progress import Progress


@task(name="analyse", task_run_name="analyse {name}")
def analyse_broadcast(name: str) -> Looked:
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
        draft, services = drafts.draft_of(session, delivery), deliveries.targets_of(session, delivery)
        analysis = analysis_of(session, delivery)
    return looked_at(Aim(delivery, draft, services, analysis, []))


def _prove(looked: Looked) -> Progress | None:
    if not looked.draft.broadcast.proof_recipients:
        return None
    try:
        return send_broadcast_proof(looked.delivery.name, f"the run {runtime.flow_run.name}")
    except WrongUsage as error:
        raise WrongUsage(f"Proof recipients: {error}") from None


BROADCAST_STEPS = Steps(analyse=analyse_broadcast, look_again=look_again, prove=_prove)
