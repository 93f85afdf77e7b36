"""Engagement statistics: what people did with what went out, and who came and went."""

from collections.abc import Sequence
from datetime import datetime

import pendulum
from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from campaign.errors import WrongUsage
from campaign.running import SIDE_BY_SIDE, wait_until
from campaign.settings import load_settings
from campaign.statistics.counts import ONCE_IN, CountReport, CountState
from models import Service
from tasks.continuation import configure_run_logs, go_on_later, is_continuation, should_wait_here
from tasks.engagement_statistics import choose_counted, measure, publish_counting, publish_statistics


def _name_run() -> str:
    names = runtime.flow_run.parameters.get("services") or ["all services"]
    who = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004
    return f"{who} · {pendulum.now(load_settings().timezone).to_date_string()}"


@flow(
    name="engagement-statistics",
    flow_run_name=_name_run,
    task_runner=ThreadPoolTaskRunner(max_workers=SIDE_BY_SIDE),  # type: ignore[arg-type]  # Prefect's own default
)
def engagement_statistics(
    services: list[str] = [],  # noqa: B006  Prefect shows it as the form's default and never changes it
) -> State:
    """Count what people did with your posts of the last 30 days, the clicks on your links, and who came and went.

    Asking X costs money, from $0.001 a post; a service whose month's spend cap is too small is refused before
    anything is spent. Posts that were deleted on X are not asked for again.

    Args:
        services: Handles of the services to count. Leave it empty for all of them.
    """
    configure_run_logs()
    chosen = choose_counted(services)
    if isinstance(chosen, WrongUsage):
        return Failed(message=str(chosen))
    began_at = pendulum.now("UTC")
    since = began_at - ONCE_IN if is_continuation() else began_at
    reports = _count(chosen.services, since)
    publish_counting(list(reports.values()))
    publish_statistics(chosen.services)
    return _outcome(list(reports.values()), chosen.problems)


def _count(services: Sequence[Service], since: datetime) -> dict[str, CountReport]:
    """Count all services, those that X makes wait here or in a run of their own."""
    reports: dict[str, CountReport] = {}
    waiting = list(services)
    while waiting:
        reports |= {name: one.after(reports.get(name)) for name, one in _side_by_side(waiting, since).items()}
        waiting = [one for one in waiting if reports[one.internal_name].state is CountState.WAITING]
        if waiting:
            goes_on_at = min(filter(None, (reports[one.internal_name].goes_on_at for one in waiting)))
            if not should_wait_here():
                names = sorted(service.internal_name for service in waiting)
                go_on_later(f"{', '.join(names)} · continues", goes_on_at, {"services": names})
                break
            wait_until(goes_on_at)
    return reports


def _side_by_side(services: Sequence[Service], since: datetime) -> dict[str, CountReport]:
    futures = [measure.submit(service, since) for service in services]
    return {report.service: report for report in (future.result() for future in futures)}


def _outcome(reports: list[CountReport], problems: Sequence[str]) -> State:
    unhappy = [f"{report.service}: {report.reason}" for report in reports if report.is_unhappy]
    if unhappy or problems:
        return Failed(message=" ".join([*unhappy, *problems]), data=reports)
    later = [f"{one.service} continues at {one.goes_on_at:%Y-%m-%d %H:%M:%S %Z}" for one in reports if one.goes_on_at]
    return Completed(message="; ".join(later) or (None if reports else "There is no service yet."), data=reports)
