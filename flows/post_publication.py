"""Post publication: from a form or a confirmed delivery to a post on X, exactly once."""

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from campaign.deliveries.approval import due_deliveries, opens_at, sendable
from campaign.deliveries.kind import End, Progress
from campaign.errors import NotPossible, WrongUsage
from campaign.posts.documents import DeliveryReport
from campaign.posts.publish import begin, describe_outcome, targets_left
from campaign.running import SIDE_BY_SIDE, wait_until
from tasks.continuation import (
    configure_run_logs,
    dated,
    end_run,
    go_on_later,
    is_continuation,
    should_wait_here,
    wait_if_early,
)
from tasks.deliveries import (
    IN_A_RUN,
    ask_where_needed,
    compose_from,
    conclude,
    make_ready,
    name_run_after,
    prove,
    publish_reports,
    repeat_series,
    settle_left_behind,
    withdraw_posts,
    work_on,
)
from tasks.forms import PostAction, PostForm


def _name_run() -> str:
    parameters = runtime.flow_run.parameters
    action = PostAction(parameters.get("action") or PostAction.PUBLISH)
    what = "" if action is PostAction.PUBLISH or is_continuation() else f" · {action.value}"
    name = "a new post" if parameters.get("post") else parameters.get("delivery")
    return f"{name}{what}" if name else dated("what is due")


@flow(
    name="post-publication",
    flow_run_name=_name_run,
    task_runner=ThreadPoolTaskRunner(max_workers=SIDE_BY_SIDE),  # type: ignore[arg-type]  # Prefect's own default
)
def post_publication(
    delivery: str = "", post: PostForm | None = None, action: PostAction = PostAction.PUBLISH
) -> State:
    """Publish posts and threads on your X accounts, each exactly once.

    Leave everything empty to publish every confirmed delivery that is due. Fill in a new post to see a preview first:
    the run then waits, and nothing goes out before you confirm.

    Args:
        delivery: The internal name of one confirmed delivery to publish.
        post: A new post or thread.
        action: What is done with that one delivery. publish: it goes out. proof: it goes to its proof service only.
            withdraw: its posts are deleted from X, for good. withdraw proofs: only its proofs are.
    """
    configure_run_logs()
    try:
        make_ready()
        settle_left_behind()
        if action is PostAction.PROOF and not is_continuation():
            return prove(delivery, "post-publication")
        if action in {PostAction.WITHDRAW, PostAction.WITHDRAW_PROOFS} and not is_continuation():
            return withdraw_posts(delivery, proofs=action is PostAction.WITHDRAW_PROOFS)
        if not is_continuation():
            repeat_series()
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
    until = min((end.until for _, ends in results for end in ends if end.until), default=None)
    return end_run(sentence, reports, is_well=is_well, until=until)


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
