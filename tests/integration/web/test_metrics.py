"""The metrics as Prometheus reads them: who may, what they say, and what the examples make of them."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pendulum
import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML
from sqlmodel import col, select

from campaign.db.engine import read_session, transaction
from campaign.settings import ROOT, load_settings
from campaign.statistics.metrics import metrics_text
from campaign.web.app import make_app
from campaign.web.reports import routes
from deployments.server import free_port
from models import (
    Agreement,
    Budget,
    Charge,
    Delivery,
    DeliveryState,
    Message,
    MessageState,
    PostMetrics,
    SyncRun,
    SyncState,
    WindowName,
)
from tests.databases import Database
from tests.engaging import went_out
from tests.factories import page
from tests.readings import read_all, saved_service
from tests.web_visits import serving

KEY = "a long secret for monitoring"
NOW = pendulum.datetime(2026, 11, 26, 12)
MONITORING = ROOT / "deployments" / "monitoring"


@pytest.fixture
def busy(database: Database) -> None:
    """A service with a post that is out, one whose outcome is unknown, a window, charges, and a late delivery."""
    assert database
    acme = saved_service(spend_cap=Decimal(20))
    read_all(acme, [page([1, 2])])
    sent, late = went_out(acme, "launch", ("One", "Two")), went_out(acme, "late", ("Three",))
    with transaction() as session:
        one, two = session.scalars(select(Message).where(Message.delivery_id == sent.id).order_by(col(Message.id)))
        one.armed_at = NOW.subtract(hours=5)
        two.state, two.armed_at = MessageState.UNCERTAIN, NOW.subtract(hours=3)
        session.get_one(Delivery, late.id).state = DeliveryState.CONFIRMED
        session.get_one(Delivery, late.id).contact_date = NOW.subtract(minutes=40)
        reset_at = NOW.add(minutes=5)
        window: dict[str, Any] = {"service_id": acme.id, "window": WindowName.QUARTER_HOUR, "limit": 15}
        session.add(Budget(**window, endpoint="posts", remaining=4, reset_at=reset_at))
        session.add(Budget(**window, endpoint="old", remaining=4, reset_at=NOW.subtract(minutes=5)))
        charge: dict[str, Any] = {"endpoint": "posts", "item": "post", "resources": 1, "unit_price": Decimal(5)}
        session.add(Charge(**charge, service_id=acme.id, at=NOW.subtract(days=1), amount=Decimal(5)))
        session.add(Charge(**charge, service_id=acme.id, at=NOW.subtract(days=40), amount=Decimal(7)))
        for run in session.scalars(select(SyncRun).where(SyncRun.state == SyncState.FINISHED)):
            run.finished_at = NOW.subtract(days=2)
        session.add(PostMetrics(message_id=one.id, taken_at=NOW.subtract(days=3)))
        text: dict[str, Any] = {"text": "", "text_version": "1", "scopes": ""}
        session.add(
            Agreement(
                **text,
                service_id=acme.id,
                external_id="1",
                agreed_at=NOW.subtract(minutes=10),
                recovered_at=NOW.subtract(days=4),
            )
        )


def metrics() -> dict[str, dict[tuple[str, ...], float]]:
    with read_session() as session:
        text = metrics_text(session, NOW).decode()
    return {
        family.name: {tuple(one.labels.values()): one.value for one in family.samples}
        for family in text_string_to_metric_families(text)
    }


@pytest.mark.usefixtures("busy")
def test_the_metrics_say_what_the_tables_know() -> None:
    found = metrics()
    assert found["campaign_messages"] == {("acme", "sent"): 2, ("acme", "uncertain"): 1}
    assert found["campaign_due_seconds"] == {
        ("delivery",): 2_400,
        ("answer",): 0,
        ("sync",): 0,
        ("profile",): 600,
        ("unknown_outcome",): 10_800,
    }
    assert found["campaign_window_limit"] == {("posts", "acme", "15_minutes"): 15}
    assert found["campaign_window_remaining"] == {("posts", "acme", "15_minutes"): 4}
    assert found["campaign_spend_cap_dollars"] == {("acme",): 20}
    assert found["campaign_spend_cap_left_dollars"] == {("acme",): 15}
    assert found["campaign_service_blocked"] == {("acme",): 0}
    last = found["campaign_last_success_timestamp_seconds"]
    assert {name: NOW.timestamp() - at for (name,), at in last.items() if name != "post-publication"} == {
        "account-sync": 2 * 86_400,
        "contact-acquisition": 4 * 86_400,
        "engagement-statistics": 3 * 86_400,
    }


@pytest.mark.usefixtures("database")
def test_an_empty_database_has_metrics_too() -> None:
    assert metrics()["campaign_messages"] == {}


def names_in(file: Path) -> set[str]:
    return set(re.findall(r"\bcampaign_\w+", file.read_text()))


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("name", ["alerts.yaml", "grafana.json"])
def test_every_metric_of_the_examples_exists_with_its_labels(name: str) -> None:
    text = (MONITORING / name).read_text()
    assert names_in(MONITORING / name) <= metrics().keys()
    known = {"service", "state", "work", "workflow", "endpoint", "window"}
    assert set(re.findall(r"\{\{ ?(?:\$labels\.)?(\w+) ?\}\}", text)) <= known
    assert {found[1] for found in re.finditer(r'work=\\?"(\w+)', text)} <= {
        work for (work,) in metrics()["campaign_due_seconds"]
    }


@pytest.mark.usefixtures("busy")
def test_the_examples_and_the_page_name_every_metric() -> None:
    everything = names_in(MONITORING / "grafana.json")
    assert everything == metrics().keys()
    assert everything <= names_in(ROOT / "docs" / "operating.md")


def test_the_examples_can_be_read() -> None:
    json.loads((MONITORING / "grafana.json").read_text())
    rules = YAML(typ="safe").load(MONITORING / "alerts.yaml")["groups"][0]["rules"]
    assert all(rule["expr"] and rule["annotations"]["summary"] for rule in rules)
    scraped = YAML(typ="safe").load(MONITORING / "prometheus.yaml")
    assert scraped["rule_files"] == ["alerts.yaml"]


@pytest.fixture
def url(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    assert sqlite_database
    monkeypatch.setenv("CAMPAIGN_METRICS_KEY", KEY)
    load_settings.cache_clear()
    saved_service()
    port = free_port()
    with serving(make_app(routes()), port):
        yield f"http://127.0.0.1:{port}/metrics"
    load_settings.cache_clear()


def test_only_the_key_opens_the_metrics(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = httpx.get(url, headers={"Authorization": f"Bearer {KEY}"})
    assert shown.status_code == 200
    assert shown.headers["content-type"].startswith("text/plain; version=")
    assert 'campaign_service_blocked{service="acme"} 0.0' in shown.text
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}):
        refused = httpx.get(url, headers=headers)
        assert refused.status_code == 401
        assert "campaign_" not in refused.text
    statuses = {httpx.get(url).status_code for _ in range(10)}
    assert 429 in statuses

    monkeypatch.delenv("CAMPAIGN_METRICS_KEY")
    load_settings.cache_clear()
    assert httpx.get(url, headers={"Authorization": "Bearer x"}).status_code == 404
