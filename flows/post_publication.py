"""Post publication: from a form or a confirmed delivery to a post on X, exactly once."""

from collections.abc import Sequence

import pendulum
from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.deliveries.approval import due_deliveries, opens_at
from campaign.deliveries.kind import End, Progress
from campaign.errors import NotPossible, WrongUsage
from campaign.posts.publish import begin, describe_outcome, targets_left
from campaign.posts.report import DeliveryReport
from campaign.running import SIDE_BY_SIDE, wait_until
from campaign.settings import load_settings
from tasks.continuation import configure_run_logs, go_on_later, should_wait_here
from tasks.deliveries import ask_where_needed
from tasks.forms import PostForm
from tasks.post_publication import (
    IN_A_RUN,
    compose_from,
    conclude,
    make_ready,
    name_run_after,
    publish_reports,
    settle_left_behind,
    work_on,
)


def _name_run() -> str:
    """The name until it is known what is published."""
    given = runtime.flow_run.parameters
    named = "a new post" if given.get("post") else given.get("delivery")
    return named or f"what is due · {pendulum.now(load_settings().timezone).to_date_string()}"


@flow(
    name="post-publication",
    flow_run_name=_name_run,
    task_runner=ThreadPoolTaskRunner(max_workers=SIDE_BY_SIDE),  # type: ignore[arg-type]  # Prefect's own default
)
def post_publication(delivery: str = "", post: PostForm | None = None) -> State:
    """Publish posts and threads on your X accounts, each exactly once.

    Leave everything empty to publish every confirmed delivery that is due. Fill in a new post to see a preview first:
    the run then waits, and nothing goes out before you answer it with yes.

    Args:
        delivery: The internal name of one confirmed delivery to publish.
        post: A new post or thread.
    """
    configure_run_logs()
    try:
        make_ready()
        settle_left_behind()
        names = [_compose(post)] if post else [delivery] if delivery else due_deliveries()
    except (NotPossible, WrongUsage) as error:
        return Failed(message=str(error))
    name_run_after(names)
    reports, problems = _publish_all(names)
    publish_reports([report for report, _ in reports])
    return _outcome(reports, problems)


def _compose(post: PostForm) -> str:
    """From a form to a confirmed delivery; the run is suspended while a person is asked."""
    name = compose_from(post)
    name_run_after([name])
    ask_where_needed(name, IN_A_RUN)
    return name


def _publish_all(names: Sequence[str]) -> tuple[list[tuple[DeliveryReport, list[Progress]]], list[str]]:
    """Publish one after the other; one that cannot go out does not hold up the others."""
    reports, problems = [], []
    for name in names:
        try:
            reports.append(_publish(name))
        except (NotPossible, WrongUsage) as error:
            problems.append(str(error))
    return reports, problems


def _publish(name: str) -> tuple[DeliveryReport, list[Progress]]:
    """Publish one delivery as far as X allows now; the rest goes on by itself later."""
    until = opens_at(name)
    if until:
        go_on_later(name, until, {"delivery": name})
        return conclude(name), [Progress(0, End.WAITING, "Its contact date has not come.", until)]
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


def _outcome(results: Sequence[tuple[DeliveryReport, list[Progress]]], problems: Sequence[str]) -> State:
    is_well, sentence = describe_outcome(results, problems)
    data = [report for report, _ in results]
    return Completed(message=sentence or None, data=data) if is_well else Failed(message=sentence, data=data)


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
