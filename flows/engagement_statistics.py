"""Engagement statistics: reactions to what was sent, and followers who came and went."""

from collections.abc import Sequence
from datetime import datetime

import pendulum
from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from campaign.errors import WrongUsage
from campaign.running import SIDE_BY_SIDE, wait_until
from campaign.statistics.counts import ONCE_IN, CountReport, CountState
from models import Service
from tasks.continuation import (
    configure_run_logs,
    dated,
    end_run,
    go_on_later,
    is_continuation,
    name_services,
    should_wait_here,
)
from tasks.engagement_statistics import choose_counted, forget, measure, publish_counting, publish_statistics


@flow(
    name="engagement-statistics",
    flow_run_name=lambda: dated(name_services(runtime.flow_run.parameters.get("services") or [])),
    task_runner=ThreadPoolTaskRunner(max_workers=SIDE_BY_SIDE),  # type: ignore[arg-type]  # Prefect's own default
)
def engagement_statistics(
    services: list[str] = [],  # noqa: B006  Prefect shows it as the form's default and never changes it
) -> State:
    """Count reactions to your posts of the last 30 days, clicks on your links, and followers gained and lost.

    Asking X costs money, from $0.001 a post; a service whose month's spend cap is too small is refused before
    anything is spent. Posts that were deleted on X are not asked for again. In the end, what the settings keep no
    longer is forgotten.

    Args:
        services: Handles of the services to count. Leave it empty for all of them.
    """
    configure_run_logs()
    chosen = choose_counted(services)
    if isinstance(chosen, WrongUsage):
        return Failed(message=str(chosen))
    began_at = pendulum.now("UTC")
    reports = _count(chosen.services, began_at - ONCE_IN if is_continuation() else began_at)
    publish_counting(reports)
    publish_statistics(chosen.services)
    forget()
    problems = [f"{report.service}: {report.reason}" for report in reports if report.is_unhappy] + chosen.problems
    if problems:
        return Failed(message=" ".join(problems), data=reports)
    until = min((one.goes_on_at for one in reports if one.goes_on_at), default=None)
    later = [f"{one.service} continues at {one.goes_on_at:%Y-%m-%d %H:%M:%S %Z}" for one in reports if one.goes_on_at]
    return end_run("; ".join(later) or ("" if reports else "There is no service yet."), reports, until=until)


def _count(services: Sequence[Service], since: datetime) -> list[CountReport]:
    """Counts all services; where X makes one wait, it waits here or continues in a scheduled run."""
    reports: dict[str, CountReport] = {}
    waiting = list(services)
    while waiting:
        futures = [measure.submit(service, since) for service in waiting]
        for report in (future.result() for future in futures):
            reports[report.service] = report.after(reports.get(report.service))
        waiting = [one for one in waiting if reports[one.internal_name].state is CountState.WAITING]
        if waiting:
            continues_at = min(filter(None, (reports[one.internal_name].goes_on_at for one in waiting)))
            if not should_wait_here():
                names = sorted(service.internal_name for service in waiting)
                go_on_later(f"{', '.join(names)} · continues", continues_at, {"services": names})
                break
            wait_until(continues_at)
    return list(reports.values())
