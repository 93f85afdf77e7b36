"""Tasks of engagement-statistics: the steps of `campaign.statistics.measure`, and the reports."""

from collections.abc import Sequence
from datetime import datetime

import pendulum
from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact

from campaign.db import engine
from campaign.db.engine import read_session
from campaign.errors import WrongUsage
from campaign.reporting.text import as_markdown
from campaign.services.store import Services, connected_services, find_service
from campaign.statistics import measure as counting
from campaign.statistics.counts import CountReport, PostToCount
from campaign.statistics.measure import Counted, Steps
from campaign.statistics.reports import list_reports
from models import Service
from tasks.continuation import RETRIES, publish_asset, publish_table
from tasks.services import check_service, take_over_forms


@task(name="choose services", task_run_name="choose services")
def choose_counted(internal_names: Sequence[str]) -> Services | WrongUsage:
    """Finds the named services, or all; returns the error of a wrong choice, to be shown as one sentence."""
    try:
        engine.make_ready()
        take_over_forms.fn()
        if internal_names:
            named = {service.id: service for service in map(find_service, internal_names)}
            return Services(list(named.values()), [])
        return connected_services()
    except WrongUsage as error:
        return error


@task(name="measure", task_run_name="{service.internal_name}")
def measure(service: Service, not_counted_since: datetime) -> CountReport:
    """Counts the posts of one service not counted since then, and its followers; never fails the others."""
    return counting.measure(service, not_counted_since, Steps(check_service, read_timeline, look_up))


@task(name="read own timeline", task_run_name="read the timeline of {service.internal_name}", **RETRIES)
def read_timeline(service: Service, posts: Sequence[PostToCount], at_most: int) -> Counted:
    """Reads the counts of posts from the account's own timeline, at most so many."""
    return counting.read_timeline(service, posts, at_most)


@task(name="look up posts", task_run_name="look up posts of {service.internal_name}", **RETRIES)
def look_up(service: Service, posts: Sequence[PostToCount]) -> Counted:
    """Reads the counts of single posts."""
    return counting.look_up(service, posts)


@task(name="forget", task_run_name="forget what is kept no longer")
def forget() -> None:
    """Forgets texts, clicks and entries of the audit that are older than the settings keep them."""
    forgotten = counting.forget(pendulum.now("UTC"))
    if counts := str(forgotten):
        get_run_logger().info("Forgotten: %s.", counts)


def publish_counting(reports: Sequence[CountReport]) -> None:
    """Shows what was read, one service a row."""
    description = "What the engagement statistics read. Cost is in US dollars, at the highest price X may ask."
    publish_table("engagement-statistics", [report.as_row() for report in reports], description)
    if reports:
        publish_asset("post_metrics", "The counts of each post, by the time of their reading.", services=len(reports))


def publish_statistics(services: Sequence[Service]) -> None:
    """Shows the reports of all services, of each of these, and of the newest deliveries of the last 30 days."""
    with read_session() as session:
        reports = list(list_reports(session, services))
    for key, report in reports:
        create_markdown_artifact(as_markdown(report), key=key, description=f"{report.title}: {report.lead}")
