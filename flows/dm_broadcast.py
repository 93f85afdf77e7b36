"""DM broadcast: from a form or a confirmed delivery to one personal message for each recipient, exactly once."""

from collections.abc import Sequence
from datetime import datetime

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from campaign.broadcasts.context import STOPPING
from campaign.broadcasts.report import continues_at, report_on
from campaign.broadcasts.send import (
    describe_outcome,
    due_broadcasts,
    end_of,
    outgoing_broadcasts,
    records_of,
    services_at_work,
    under_way,
)
from campaign.deliveries.approval import opens_at, resume_if_paused, sendable
from campaign.deliveries.kind import Progress, Rendered
from campaign.errors import NotPossible, WrongUsage
from campaign.running import SIDE_BY_SIDE, wait_until
from tasks.continuation import (
    configure_run_logs,
    dated,
    end_run,
    go_on_later,
    is_continuation,
    safety_net,
    should_wait_here,
    wait_if_early,
)
from tasks.deliveries import IN_A_RUN, ask_where_needed, compose_from, make_ready, name_run_after, prove
from tasks.dm_broadcast import (
    BroadcastProgress,
    begin_broadcast,
    conclude_broadcast,
    publish_reports,
    work_for,
)
from tasks.forms import BroadcastAction, BroadcastForm


def _name_run() -> str:
    parameters = runtime.flow_run.parameters
    is_proof = parameters.get("action") == BroadcastAction.PROOF and not is_continuation()
    name = "a new broadcast" if parameters.get("broadcast") else parameters.get("delivery")
    return f"{name}{' · proof' if is_proof else ''}" if name else dated("what is due")


@flow(
    name="dm-broadcast",
    flow_run_name=_name_run,
    task_runner=ThreadPoolTaskRunner(max_workers=SIDE_BY_SIDE),  # type: ignore[arg-type]  # Prefect's own default
)
def dm_broadcast(
    delivery: str = "",
    broadcast: BroadcastForm | None = None,
    action: BroadcastAction = BroadcastAction.SEND,
    like: str = "",
) -> State:
    """Send one personal message to every follower who may be written to, each exactly once, over days if need be.

    Leave everything empty to continue every confirmed broadcast that is due. Fill in a new broadcast to see first
    who gets what, what it costs and how long it takes: the run then waits, and nothing goes out before you confirm.

    Args:
        delivery: The internal name of one confirmed broadcast to send; a paused one is resumed.
        broadcast: A new broadcast.
        action: What is done with that one broadcast. send: it goes out. proof: it goes to its proof recipients only.
        like: For a proof: the handle of the follower as whom the message is written; empty for any of them.
    """
    configure_run_logs()
    STOPPING.clear()
    try:
        make_ready()
        if action is BroadcastAction.PROOF and not is_continuation():
            return prove(delivery, "dm-broadcast", like)
        if broadcast and not is_continuation():
            names = [compose_from(broadcast)]
            name_run_after(names)
            ask_where_needed(names[0], IN_A_RUN)
        else:
            names = [delivery] if delivery else due_broadcasts()
            name_run_after(names)
        if is_continuation():
            names = sendable(names)
        elif delivery:
            resume_if_paused(delivery, f"the run {runtime.flow_run.name}")
        alone = names[0] if len(names) == 1 else ""
        with safety_net(alone or "dm-broadcast", {"delivery": alone}):
            return _send(names)
    except (NotPossible, WrongUsage) as error:
        return Failed(message=str(error))
    except BaseException:
        # Stopped by a person: calls under way are finished and recorded, and nothing more is sent.
        STOPPING.set()
        raise


def _send(names: Sequence[str]) -> State:
    """Sends what is due as far as X allows now; a later run continues with the rest."""
    begun, left, problems = list[str](), list(names), list[str]()
    while True:
        begun_now, waiting = _begin(left, problems)
        begun += [one.delivery.name for one in begun_now]
        going = under_way(begun_now)
        ends = _send_side_by_side(going, begun)
        moments = [*waiting.values(), *(end.until for end in ends if end.until)]
        until = min(moments, default=None)
        if until is None or (wait_if_early(until) and not should_wait_here()):
            break
        wait_until(until)
        left = list(waiting)
    if until is not None:
        name = names[0] if len(names) == 1 else ""
        go_on_later(name or "dm-broadcast", until, {"delivery": name})
    # Another broadcast of a service that was at work here may be over now too.
    concluded = [conclude_broadcast(name) for name in dict.fromkeys([*begun, *(one.delivery.name for one in going)])]
    reports = [report_on(delivery, ends) for delivery in concluded]
    publish_reports(reports)
    unhappy = [f"{report.name}: {report.sentence}" for report in reports if report.is_unhappy]
    is_well, sentence = describe_outcome(unhappy, ends, problems, until)
    return end_run(sentence or ("" if reports else "Nothing is due."), reports, is_well=is_well, until=until)


def _begin(names: Sequence[str], problems: list[str]) -> tuple[list[Rendered], dict[str, datetime]]:
    """Starts confirmed broadcasts; returns them, and the contact dates of later ones. Adds refusals to the problems."""
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
    """Sends from all services of these broadcasts, several at a time; none of them holds up the others."""
    records, progress = records_of(going), BroadcastProgress([one.delivery.name for one in going])
    services = services_at_work(going, begun)
    futures = [work_for.submit(one, outgoing_broadcasts(one, going, records), progress.change) for one in services]
    results = [future.result(raise_on_failure=False) for future in futures]
    ends = [end_of(service, result) for service, result in zip(services, results, strict=True)]
    progress.goes_on({one.delivery.id: continues_at(one.services, ends) for one in going})
    progress.finish()
    return ends
