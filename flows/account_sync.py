"""Account sync: the followers of every service into the visitors table."""

import gc
from datetime import datetime

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from campaign.audience.sync import SyncReport, describe_outcome, has_unfinished_reading
from campaign.errors import WrongUsage
from campaign.running import SIDE_BY_SIDE, wait_until
from models import SyncMode, SyncState
from tasks.continuation import (
    configure_run_logs,
    dated,
    end_run,
    go_on_later,
    is_continuation,
    name_services,
    should_wait_here,
)
from tasks.services import choose_services, publish_report, synchronise


def _name_run() -> str:
    parameters = runtime.flow_run.parameters
    mode = SyncMode(parameters.get("mode", SyncMode.FULL))
    return dated(f"{name_services(parameters.get('services') or [])} · {mode.value}")


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

    Safe to stop and start again at any time: it continues from the last page. Reading followers costs money;
    a service whose month's spend cap is too small is refused before anything is spent.

    Args:
        services: Handles of the services to synchronise. Leave it empty for all that have Synchronize subscriptions on.
        mode: full reads the whole list, and finds renames and people who no longer follow. incremental reads only until
            a page has no new followers: it is cheap, and never ends a subscription.
    """
    configure_run_logs()
    # Imported objects stay for good: collecting garbage among them for each page took an eighth of a sync.
    gc.freeze()
    chosen = choose_services(services)
    if isinstance(chosen, WrongUsage):
        return Failed(message=str(chosen))
    by_service: dict[str, SyncReport] = {}
    until: datetime | None = None
    waiting = [one for one in chosen.services if not is_continuation() or has_unfinished_reading(one, mode)]
    while waiting:
        futures = [synchronise.submit(service, mode, runtime.flow_run.id) for service in waiting]
        by_service |= {report.service: report for report in (future.result() for future in futures)}
        waiting = [one for one in waiting if by_service[one.internal_name].state is SyncState.WAITING]
        if waiting:
            continues_at = min(filter(None, (by_service[one.internal_name].goes_on_at for one in waiting)))
            if not should_wait_here():
                names = sorted(service.internal_name for service in waiting)
                name = f"{', '.join(names)} · {mode.value} · continues"
                go_on_later(name, until := continues_at, {"services": names, "mode": mode.value})
                break
            wait_until(continues_at)
    reports = list(by_service.values())
    publish_report(reports)
    is_well, sentence = describe_outcome(reports, chosen.problems)
    return end_run(sentence, reports, is_well=is_well, until=until)
