"""The pages of the reports at a port of this machine, with a service and a delivery to report on."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from campaign.db.engine import transaction
from campaign.deliveries import log
from campaign.settings import load_settings
from campaign.statistics import counts
from campaign.statistics.counts import Engagement
from campaign.web.app import make_app
from campaign.web.reports import routes
from deployments.server import free_port
from tests.engaging import click, counted, link, went_out
from tests.factories import NOW, page
from tests.readings import read_all, saved_service
from tests.web_visits import serving

KEY = "a long secret for the reports"


@contextmanager
def open_reports(label: str) -> Iterator[str]:
    """Give the address of the pages; the database is in use already."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CAMPAIGN_REPORTS_KEY", KEY)
        load_settings.cache_clear()
        _make_numbers(label)
        port = free_port()
        with serving(make_app(routes()), port):
            yield f"http://127.0.0.1:{port}"
    load_settings.cache_clear()


def _make_numbers(label: str) -> None:
    acme = saved_service(x_username="AcmeCorp", label=label)
    read_all(acme, [page([1, 2])])
    delivery = went_out(acme, "launch", ("One", "Two"), label=label)
    counted(delivery, NOW, Engagement(likes=5, impressions=100), Engagement(likes=1, impressions=20))
    counted(delivery, NOW, Engagement(likes=5, impressions=100), None)
    with transaction() as session:
        days = counts.audience_of(session, acme.id, NOW)
        counts.save_audience(session, acme.id, days)
        first, _ = log.of_delivery(session, delivery)
        shop = link(session, delivery, label="+Shop")
        click(session, shop, first, NOW)
        click(session, shop, first, NOW, robot=True)
