"""Post publication: from a form or a confirmed delivery to a post on X, exactly once."""

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import due_deliveries, opens_at, sendable
from campaign.deliveries.kind import End, Progress
from campaign.errors import NotPossible, WrongUsage
from campaign.posts.publish import begin, describe_outcome, targets_left
from campaign.posts.report import DeliveryReport
from campaign.running import SIDE_BY_SIDE, wait_until
from tasks.continuation import configure_run_logs, dated, go_on_later, is_continuation, should_wait_here, wait_if_early
from tasks.deliveries import (
    IN_A_RUN,
    ask_where_needed,
    compose_from,
    conclude,
    make_ready,
    name_run_after,
    publish_reports,
    settle_left_behind,
    work_on,
)
from tasks.forms import PostForm


def _name_run() -> str:
    parameters = runtime.flow_run.parameters
    name = "a new post" if parameters.get("post") else parameters.get("delivery")
    return name or dated("what is due")


@flow(
    name="post-publication",
    flow_run_name=_name_run,
    task_runner=ThreadPoolTaskRunner(max_workers=SIDE_BY_SIDE),  # type: ignore[arg-type]  # Prefect's own default
)
def post_publication(delivery: str = "", post: PostForm | None = None) -> State:
    """Publish posts and threads on your X accounts, each exactly once.

    Leave everything empty to publish every confirmed delivery that is due. Fill in a new post to see a preview first:
    the run then waits, and nothing goes out before you confirm.

    Args:
        delivery: The internal name of one confirmed delivery to publish.
        post: A new post or thread.
    """
    configure_run_logs()
    try:
        make_ready()
        settle_left_behind()
        if post and not is_continuation():
            names = [compose_from(post)]
            name_run_after(names)
            ask_where_needed(names[0], IN_A_RUN)
        else:
            names = [delivery] if delivery else due_deliveries()
            name_run_after(names)
            if is_continuation():
                names = sendable(names)
    except (NotPossible, WrongUsage) as error:
        return Failed(message=str(error))
    results, problems = [], []
    for name in names:
        try:
            results.append(_publish(name))
        except (NotPossible, WrongUsage) as error:  # it does not hold up the others
            problems.append(str(error))
    reports = [report for report, _ in results]
    publish_reports(reports)
    is_well, sentence = describe_outcome(results, problems)
    return Completed(message=sentence or None, data=reports) if is_well else Failed(message=sentence, data=reports)


def _publish(name: str) -> tuple[DeliveryReport, list[Progress]]:
    """Publishes one delivery as far as X allows now; a later run continues with the rest."""
    until = wait_if_early(opens_at(name))
    if until:
        go_on_later(name, until, {"delivery": name})
        return conclude(name), [Progress(0, End.WAITING, "Its contact date is later.", until)]
    rendered = begin(name, "post-publication")
    while True:
        futures = [work_on.submit(service, rendered) for service in targets_left(rendered)]
        ends = [future.result() for future in futures]
        until = min((end.until for end in ends if end.until), default=None)
        if until is None or not should_wait_here():
            break
        wait_until(until)
    if until is not None:
        go_on_later(name, until, {"delivery": name})
    return conclude(name), ends


@flow(name="delivery-proof", flow_run_name="proof of {delivery}")
def delivery_proof(delivery: str, like: str = "") -> Progress:
    """Send the next proof of a delivery, to its proof service or its proof recipients only.

    Args:
        delivery: The internal name of an analysed delivery.
        like: For a broadcast: the handle of the follower as whom the message is written.
    """
    configure_run_logs()
    with read_session() as session:
        kind = IN_A_RUN[deliveries.named(session, delivery).kind]
    return kind.send_proof(delivery, f"the run {runtime.flow_run.name}", like=like)
