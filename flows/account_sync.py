"""Account sync: the followers of every service into the visitors table."""

from collections.abc import Sequence
from datetime import datetime

import pendulum
from prefect import flow, runtime, task
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from campaign.audience.sync import SyncReport, collect_garbage_rarely
from campaign.db.locks import claim
from campaign.errors import NotPossible, WrongUsage, XError
from campaign.settings import load_settings
from models import Service, SyncMode, SyncRun, SyncState
from tasks.account_sync import estimate_cost, has_unfinished_reading, leave, open_reading, read_pages, report_on
from tasks.continuation import (
    SyncProgress,
    go_on_later,
    is_continuation,
    publish_report,
    should_wait_here,
    speak_plainly,
    wait_until,
)
from tasks.services import check_service, choose_services

speak_plainly()
collect_garbage_rarely()

#: Services read at the same time by one run.
SIDE_BY_SIDE = 8


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


@task(name="synchronise", task_run_name="{service.internal_name}")
def synchronise(service: Service, mode: SyncMode, flow_run_id: str) -> SyncReport:
    """Bring the followers of one service up to date, from its check to its report; never fails the others."""
    try:
        with claim(service.id, service.internal_name):
            return _read_followers(service, open_reading(service, mode, flow_run_id))
    except NotPossible as error:
        return SyncReport(service.internal_name, SyncState.FAILED, reason=str(error))


def _read_followers(service: Service, run: SyncRun) -> SyncReport:
    try:
        service = check_service(service)
        run = estimate_cost(service, run.id)
        progress = SyncProgress(service, run)
        while run.state is SyncState.RUNNING:
            run = read_pages(service, run.id)
            progress.show(run)
    except XError as error:
        leave(service, run.id, error)
    return report_on(service, run.id)


def _go_on_later(services: Sequence[Service], mode: SyncMode, at: datetime) -> None:
    names = sorted(service.internal_name for service in services)
    go_on_later(f"{', '.join(names)} · {mode.value} · continues", at, {"services": names, "mode": mode.value})


def _outcome(reports: list[SyncReport], problems: Sequence[str]) -> State:
    unhappy = [f"{report.service}: {report.reason}" for report in reports if report.is_unhappy]
    if unhappy or problems:
        return Failed(message=" ".join([*unhappy, *problems]), data=reports)
    later = [f"{one.service} continues at {one.goes_on_at:%Y-%m-%d %H:%M:%S %Z}" for one in reports if one.goes_on_at]
    nothing = None if reports else "Nothing was left to go on with."
    return Completed(message="; ".join(later) or nothing, data=reports)
