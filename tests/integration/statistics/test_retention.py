"""What is forgotten after a time, and that the reports say the same before and after."""

from collections.abc import Callable
from datetime import datetime

import pendulum
import pytest
from sqlalchemy import func, select
from sqlmodel import Session, col

from campaign.db.engine import read_session, transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.findings import Analysis, Sample
from campaign.settings import load_settings
from campaign.statistics import measure
from campaign.statistics.measure import Forgotten
from campaign.statistics.reports import delivery_numbers, overview
from models import AuditEntry, Click, Delivery, DeliveryKind, DeliveryState, Message, MessageState, PastClicks, Service
from tests.engaging import click, link, went_out
from tests.factories import page
from tests.readings import read_all, saved_service

pytestmark = pytest.mark.usefixtures("database")
Keep = Callable[..., None]
NOW = pendulum.datetime(2026, 11, 26, 12)
OLD = NOW.subtract(months=14)


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch) -> Keep:
    def set_months(**months: int) -> None:
        for name in ("TEXTS", "CLICKS", "AUDIT"):
            monkeypatch.setenv(f"CAMPAIGN_KEEP_{name}_MONTHS", str(months.get(name.lower(), 0)))
        load_settings.cache_clear()

    return set_months


@pytest.fixture
def acme() -> Service:
    service = saved_service()
    read_all(service, [page([1, 2])])
    return service


def broadcast(service: Service, name: str, ended_at: datetime = OLD) -> Delivery:
    """A broadcast to two people that is over, with clicks of one of them and of a robot in two hours."""
    delivery = went_out(service, name, ("Hello Ann", "Hello Bob"), kind=DeliveryKind.DM, at=OLD)
    with transaction() as session:
        known = session.get_one(Delivery, delivery.id)
        known.finished_at = ended_at
        sample = Sample(why="random", service="acme", handle="ann", full_name="Ann", text="Hello Ann")
        known.analysis = Analysis(targeted=2, samples=[sample]).model_dump_json()
        first, second = session.scalars(
            select(Message).where(col(Message.delivery_id) == known.id).order_by(col(Message.id))
        )
        shop, news = link(session, known, label="Shop"), link(session, known, label="News", number=2)
        for at in (OLD, OLD.add(minutes=1), OLD.add(hours=3)):
            click(session, shop, first, at)
        click(session, news, first, OLD)
        click(session, news, second, OLD.add(hours=3), robot=True)
        deliveries.note(session, known, "confirmed", "ann", ended_at)
        return known


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def texts() -> list[str]:
    with read_session() as session:
        return sorted(session.scalars(select(col(Message.text))))


def test_nothing_is_forgotten_by_default(acme: Service) -> None:
    broadcast(acme, "old")
    assert measure.forget(NOW) == Forgotten()
    assert texts() == ["Hello Ann", "Hello Bob"]


def test_counts_of_reports_stay_when_clicks_are_deleted(acme: Service, keep: Keep) -> None:
    old, new = broadcast(acme, "old"), broadcast(acme, "new", NOW.subtract(months=2))
    with read_session() as session:
        before = [delivery_numbers(session, one) for one in (old, new)], overview(session, NOW).as_json()
        assert [(one.clicks, one.robot_clicks, one.clicked) for one in before[0]] == [(4, 1, 1)] * 2
    keep(clicks=12)

    assert measure.forget(NOW) == Forgotten(clicks=5)
    assert measure.forget(NOW) == Forgotten()

    with read_session() as session:
        assert count(session, Click) == 5
        assert count(session, PastClicks) == 4
        after = [delivery_numbers(session, one) for one in (old, new)], overview(session, NOW).as_json()
    assert after == before


def test_texts_go_with_the_samples_and_the_log_stays(acme: Service, keep: Keep) -> None:
    old = broadcast(acme, "old")
    post = went_out(acme, "post", ("A post",))
    with transaction() as session:
        session.get_one(Delivery, post.id).finished_at = OLD
        unknown = session.scalars(select(Message).where(col(Message.text) == "Hello Bob")).one()
        unknown.state = MessageState.UNCERTAIN
    keep(texts=12)

    assert measure.forget(NOW) == Forgotten(texts=1)

    # What is unknown is looked up by its text; posts are public.
    assert texts() == ["", "A post", "Hello Bob"]
    with read_session() as session:
        known = session.get_one(Delivery, old.id)
        assert Analysis.model_validate_json(known.analysis) == Analysis(targeted=2)
        assert delivery_numbers(session, known).sent == 1


def test_a_younger_broadcast_keeps_its_texts(acme: Service, keep: Keep) -> None:
    broadcast(acme, "new", NOW.subtract(months=2))
    keep(texts=3)
    assert measure.forget(NOW) == Forgotten()
    keep(texts=1)
    assert measure.forget(NOW) == Forgotten(texts=2)


def test_old_entries_of_the_audit_go_but_for_open_deliveries(acme: Service, keep: Keep) -> None:
    broadcast(acme, "old")
    held = broadcast(acme, "held")
    with transaction() as session:
        session.get_one(Delivery, held.id).state = DeliveryState.PAUSED
        session.add(AuditEntry(at=OLD, actor="ann", subject="service acme", action="changed"))
        session.add(AuditEntry(at=NOW, actor="ann", subject="service acme", action="changed"))
    keep(audit=12)

    # That it was created and confirmed, and the change of the service.
    assert measure.forget(NOW).entries == 3

    with read_session() as session:
        left = session.scalars(select(AuditEntry).where(col(AuditEntry.at) < NOW.subtract(months=12))).all()
        assert {entry.delivery_id for entry in left} == {held.id}
