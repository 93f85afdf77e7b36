"""DM broadcast: from a form or a confirmed delivery to one personal message for each recipient, exactly once."""

from collections.abc import Sequence
from datetime import datetime

import pendulum
from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from campaign.broadcasts.context import STOPPING
from campaign.broadcasts.report import BroadcastReport, report_on
from campaign.broadcasts.send import (
    describe_outcome,
    due_broadcasts,
    end_of,
    outgoing_broadcasts,
    records_of,
    services_at_work,
    under_way,
    what_is_left,
)
from campaign.deliveries.approval import opens_at
from campaign.deliveries.edit import resume_if_paused
from campaign.deliveries.kind import Progress, Rendered
from campaign.errors import NotPossible, WrongUsage
from campaign.running import SIDE_BY_SIDE, wait_until
from campaign.settings import load_settings
from tasks.continuation import configure_run_logs, go_on_later, is_continuation, safety_net, should_wait_here
from tasks.deliveries import ask_where_needed
from tasks.dm_broadcast import (
    BroadcastProgress,
    begin_broadcast,
    conclude_broadcast,
    publish_reports,
    work_for,
)
from tasks.forms import BroadcastForm
from tasks.post_publication import IN_A_RUN, compose_from, make_ready, name_run_after


def _name_run() -> str:
    """The name until it is known what is sent."""
    given = runtime.flow_run.parameters
    named = "a new broadcast" if given.get("broadcast") else given.get("delivery")
    return named or f"what is due · {pendulum.now(load_settings().timezone).to_date_string()}"


@flow(
    name="dm-broadcast",
    flow_run_name=_name_run,
    task_runner=ThreadPoolTaskRunner(max_workers=SIDE_BY_SIDE),  # type: ignore[arg-type]  # Prefect's own default
)
def dm_broadcast(delivery: str = "", broadcast: BroadcastForm | None = None) -> State:
    """Send one personal message to every follower who may be written to, each exactly once, over days if need be.

    Leave everything empty to go on with every confirmed broadcast that is due. Fill in a new broadcast to see first
    who gets what, what it costs and how long it takes: the run then waits, and nothing goes out before your yes.

    Args:
        delivery: The internal name of one confirmed broadcast to send; one that is paused goes on.
        broadcast: A new broadcast.
    """
    configure_run_logs()
    STOPPING.clear()
    try:
        make_ready()
        names = [_compose(broadcast)] if broadcast else [delivery] if delivery else due_broadcasts()
        name_run_after(names)
        if is_continuation():
            names = what_is_left(names)
        elif delivery:
            resume_if_paused(delivery, f"the run {runtime.flow_run.name}")
        alone = names[0] if len(names) == 1 else ""
        with safety_net(alone or "dm-broadcast", {"delivery": alone}):
            return _send(names)
    except (NotPossible, WrongUsage) as error:
        return Failed(message=str(error))
    except BaseException:
        # Stopped by a person: what is being called is finished and noted, and nothing more is sent.
        STOPPING.set()
        raise


def _compose(form: BroadcastForm) -> str:
    """From a form to a confirmed broadcast; the run is suspended while a person is asked."""
    name = compose_from(form)
    name_run_after([name])
    ask_where_needed(name, IN_A_RUN)
    return name


def _send(names: Sequence[str]) -> State:
    """Begin what is due and send as far as X allows now; the rest goes on by itself later."""
    begun, left, problems = list[str](), list(names), list[str]()
    while True:
        more, waiting = _begin(left, problems)
        begun += [one.delivery.name for one in more]
        going = under_way(more)
        ends = _send_side_by_side(going, begun)
        moments = [*waiting.values(), *(end.until for end in ends if end.until)]
        until = min(moments, default=None)
        if until is None or not should_wait_here():
            break
        wait_until(until)
        left = list(waiting)
    if until is not None:
        name = names[0] if len(names) == 1 else ""
        go_on_later(name or "dm-broadcast", until, {"delivery": name})
    # Another broadcast of a service that was at work here may be over now too.
    concluded = [conclude_broadcast(name) for name in dict.fromkeys([*begun, *(one.delivery.name for one in going)])]
    reports = [report_on(delivery, until) for delivery in concluded]
    publish_reports(reports)
    return _outcome(reports, ends, problems, until)


def _begin(names: Sequence[str], problems: list[str]) -> tuple[list[Rendered], dict[str, datetime]]:
    """Starts what is confirmed; what has a later contact date waits, and what may not start is a problem."""
    waiting = {name: at for name in names if (at := opens_at(name))}
    begun = []
    for name in names:
        try:
            if name not in waiting:
                begun.append(begin_broadcast(name, "dm-broadcast"))
        except (NotPossible, WrongUsage) as error:
            problems.append(str(error))
    return begun, waiting


def _send_side_by_side(going: Sequence[Rendered], begun: Sequence[str]) -> list[Progress]:
    """Let every service of these broadcasts send, several at a time; one that cannot does not hold up the others."""
    records, progress = records_of(going), BroadcastProgress([one.delivery.name for one in going])
    services = services_at_work(going, begun)
    futures = [work_for.submit(one, outgoing_broadcasts(one, going, records), progress.change) for one in services]
    results = [future.result(raise_on_failure=False) for future in futures]
    ends = [end_of(service, result) for service, result in zip(services, results, strict=True)]
    progress.goes_on(min((end.until for end in ends if end.until), default=None))
    progress.finish()
    return ends


def _outcome(
    reports: Sequence[BroadcastReport], ends: Sequence[Progress], problems: Sequence[str], until: datetime | None
) -> State:
    unhappy = [f"{report.name}: {report.reason}" for report in reports if report.is_unhappy]
    is_well, sentence = describe_outcome(unhappy, ends, problems, until)
    if not is_well:
        return Failed(message=sentence, data=list(reports))
    return Completed(message=sentence or (None if reports else "Nothing is due."), data=list(reports))
