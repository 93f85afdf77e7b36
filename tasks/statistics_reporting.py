"""What the Prefect UI shows of a run of the statistics: a table of what was done, and the reports with pictures."""

from collections.abc import Iterator, Sequence

import pendulum
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from sqlmodel import Session

from campaign.domain import engagement_delivery_report, engagement_service_report
from campaign.domain.engagement_counting import CountReport
from campaign.domain.engagement_markdown import as_markdown
from campaign.domain.engagement_reading import asked_since
from campaign.domain.engagement_sections import Report
from campaign.settings import load_settings
from campaign.store import engagement_deliveries, engagement_services
from campaign.store.engine import reading
from campaign.x.tariff import TARIFF
from models import Delivery, Service
from tasks.twitter_service import block_name

#: Deliveries with a report of their own in a run: more would bury the rest, and the pages have them all.
MOST_DELIVERIES = 20


def publish_counting(reports: Sequence[CountReport]) -> None:
    """Show what was read, one service a row."""
    rows = [report.as_row() for report in reports]
    columns = [name for name in (rows[0] if rows else {}) if any(row[name] for row in rows)]
    create_table_artifact(
        key="engagement-statistics",
        table=[{name: row[name] for name in columns} for row in rows],
        description="What the engagement statistics read. Cost is in US dollars, at the highest price X may ask.",
    )


def publish_statistics(services: Sequence[Service]) -> None:
    """Show the reports of all services, of each of these, and of the newest deliveries of the last 30 days."""
    with reading() as session:
        reports = list(_reports(session, services))
    for key, report in reports:
        create_markdown_artifact(as_markdown(report), key=key, description=f"{report.title}: {report.about}")


def _reports(session: Session, services: Sequence[Service]) -> Iterator[tuple[str, Report]]:
    overview = engagement_services.overview(session, TARIFF, pendulum.now("UTC"))
    yield "engagement-all", engagement_service_report.overview_of(overview)
    for service in services:
        numbers = engagement_services.numbers_of(session, service, load_settings().timezone)
        name = block_name(service.internal_name)
        yield f"engagement-service-{name}", engagement_service_report.report_of(numbers)
    for delivery in _recent(session):
        found = engagement_deliveries.numbers_of(session, delivery, TARIFF)
        yield f"engagement-{delivery.name}", engagement_delivery_report.report_of(found)


def _recent(session: Session) -> list[Delivery]:
    since = asked_since(pendulum.now("UTC"))
    newest = engagement_deliveries.newest(session, MOST_DELIVERIES)
    return [delivery for delivery in newest if delivery.started_at and delivery.started_at >= since]
