"""Account sync: the followers of every service into the visitors table."""

import gc
from collections.abc import Sequence
from datetime import datetime

import pendulum
from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from campaign.audience.sync import SyncReport, describe_outcome, has_unfinished_reading
from campaign.errors import WrongUsage
from campaign.running import SIDE_BY_SIDE, wait_until
from campaign.settings import load_settings
from models import Service, SyncMode, SyncState
from tasks.account_sync import publish_report, synchronise
from tasks.continuation import configure_run_logs, go_on_later, is_continuation, should_wait_here
from tasks.services import choose_services


def _name_run() -> str:
    given = runtime.flow_run.parameters
    names = given.get("services") or ["all services"]
    who = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004
    mode = SyncMode(given.get("mode", SyncMode.FULL))
    return f"{who} · {mode.value} · {pendulum.now(load_settings().timezone).to_date_string()}"


@flow(
    name="account-sync",
    flow_run_name=_name_run,
    task_runner=ThreadPoolTaskRunner(max_workers=SIDE_BY_SIDE),  # type: ignore[arg-type]  # Prefect's own default
)
def account_sync(
    services: list[str] = [],  # noqa: B006  Prefect shows it as the form's default and never changes it
    mode: SyncMode = SyncMode.FULL,
) -> State:
    """Bring every follower of your X accounts into the visitors table.

    Safe to stop and start again at any time: it goes on from the last page. Reading followers costs money;
    a service whose month's spend cap is too small is refused before anything is spent.

    Args:
        services: Handles of the services to synchronise. Leave it empty for all that have Synchronize subscriptions on.
        mode: full reads the whole list, and finds renames and who no longer follows. incremental reads only until a
            page brings nobody new: it is cheap, and never ends anyone.
    """
    configure_run_logs()
    # What is loaded by now stays: looking through all of it for each page took an eighth of a sync.
    gc.freeze()
    chosen = choose_services(services)
    if isinstance(chosen, WrongUsage):
        return Failed(message=str(chosen))
    reports: dict[str, SyncReport] = {}
    waiting = [one for one in chosen.services if not is_continuation() or has_unfinished_reading(one, mode)]
    while waiting:
        reports |= _side_by_side(waiting, mode)
        waiting = [one for one in waiting if reports[one.internal_name].state is SyncState.WAITING]
        if waiting:
            goes_on_at = min(filter(None, (reports[one.internal_name].goes_on_at for one in waiting)))
            if not should_wait_here():
                _go_on_later(waiting, mode, goes_on_at)
                break
            wait_until(goes_on_at)
    publish_report(list(reports.values()))
    return _outcome(list(reports.values()), chosen.problems)


def _side_by_side(services: Sequence[Service], mode: SyncMode) -> dict[str, SyncReport]:
    futures = [synchronise.submit(service, mode, runtime.flow_run.id) for service in services]
    return {report.service: report for report in (future.result() for future in futures)}


def _go_on_later(services: Sequence[Service], mode: SyncMode, at: datetime) -> None:
    names = sorted(service.internal_name for service in services)
    go_on_later(f"{', '.join(names)} · {mode.value} · continues", at, {"services": names, "mode": mode.value})


def _outcome(reports: list[SyncReport], problems: Sequence[str]) -> State:
    is_well, sentence = describe_outcome(reports, problems)
    return Completed(message=sentence or None, data=reports) if is_well else Failed(message=sentence, data=reports)
