"""Tasks of account-sync: the steps of `campaign.audience.sync` as a run shows and retries them."""

from collections.abc import Sequence

from prefect import task

from campaign.audience import sync
from campaign.audience.sync import Steps, SyncReport
from campaign.services.fields import block_name
from models import Service, SyncMode, SyncRun, SyncState
from tasks.continuation import RETRIES, ProgressBar, publish_asset, publish_table
from tasks.services import check_service


@task(name="synchronise", task_run_name="{service.internal_name}")
def synchronise(service: Service, mode: SyncMode, flow_run_id: str) -> SyncReport:
    """Synchronises the followers of one service, from its check to its report; never fails the others."""
    handle = service.internal_name
    bar = ProgressBar(f"account-sync-{block_name(handle)}", f"Followers of @{handle} read")

    def show(service: Service, run: SyncRun) -> None:
        # Below 100 until it is finished: the count is up to a day old.
        percent = min(99.0, round(100 * run.followers_read / max(service.followers_count or 0, 1), 1))
        percent = 100.0 if run.state is SyncState.FINISHED else percent
        bar.show(percent, is_last=run.state is not SyncState.RUNNING)

    return sync.synchronise(service, mode, flow_run_id, Steps(check_service, estimate_cost, read_pages, show))


@task(name="estimate cost", task_run_name="estimate cost of {service.internal_name}")
def estimate_cost(service: Service, run_id: int) -> SyncRun:
    """Compares the cost of the reading with the rest of the month's cap, before anything is spent."""
    return sync.estimate_cost(service, run_id)


@task(name="read pages", task_run_name="read pages of {service.internal_name}", **RETRIES)
def read_pages(service: Service, run_id: int) -> SyncRun:
    """Reads the next pages of followers; each is written in one transaction that also moves the checkpoint."""
    return sync.read_pages(service, run_id)


def publish_report(reports: Sequence[SyncReport]) -> None:
    """Shows the report of a sync as a table, one service a row."""
    description = "What the account sync did. Cost is in US dollars, at the highest price X may ask."
    publish_table("account-sync", [report.as_row() for report in reports], description)
    new, read = sum(report.new for report in reports), sum(report.followers for report in reports)
    if read:
        publish_asset("visitor", "People who follow or followed one of the services.", read=read, new=new)
