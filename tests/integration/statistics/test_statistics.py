"""Snapshots, audiences and reports, on both databases."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from sqlmodel import select

from campaign.db.engine import read_session, transaction
from campaign.deliveries import log
from campaign.services import store as services
from campaign.statistics import counts, reports
from campaign.statistics.counts import Engagement
from models import AudienceDay, Charge, Delivery, DeliveryKind, MessageState, PostMetrics, Service
from tests.databases import Database
from tests.engaging import click, counted, link, message, went_out, x_id_of
from tests.factories import NOW, page
from tests.readings import followers_of, read_all, saved_service

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LIKED = Engagement(reposts=1, likes=5, replies=2, quotes=0, bookmarks=2, impressions=200, link_visits=7)


@pytest.fixture
def acme(database: Database) -> Service:
    assert database
    return saved_service(x_username="AcmeCorp")


def to_count(service: Service, **more: Any) -> list[str]:
    with read_session() as session:
        found = counts.posts_to_count(session, service.id, NOW - 30 * DAY, **more)
    return [post.x_id for post in found]


def report(delivery: Delivery) -> Any:
    with read_session() as session:
        return reports.delivery_numbers(session, delivery).as_json()


def test_posts_of_the_last_days_are_counted_without_proofs(acme: Service) -> None:
    old = went_out(acme, "old", at=NOW - 31 * DAY)
    new = went_out(acme, "new", ("One", "Two"))
    went_out(acme, "messages", ("Hi", "Hi"), kind=DeliveryKind.DM)
    went_out(saved_service(internal_name="other", block_id="b2"), "other")
    with transaction() as session:
        message(session, new, acme, 1, text="One", at=NOW, proof_number=1, x_id="777")
        message(session, new, acme, 3, text="Three", at=NOW, state=MessageState.UNCERTAIN, x_id=None)
        message(session, new, acme, 4, text="Four", at=NOW, withdrawn_at=NOW)

    assert to_count(acme) == [x_id_of(new, 2), x_id_of(new, 1)]
    assert x_id_of(old, 1) not in to_count(acme)


def test_a_deleted_post_ends_its_series_and_says_so(acme: Service) -> None:
    delivery = went_out(acme, "thread", ("One", "Two"))
    counted(delivery, NOW + HOUR, LIKED, LIKED)
    counted(delivery, NOW + 2 * HOUR, LIKED, None)

    assert to_count(acme) == [x_id_of(delivery, 1)]
    posts = report(delivery)["posts"]
    assert [post["deleted_at"] for post in posts] == [None, (NOW + 2 * HOUR).isoformat()]
    assert [post["likes"] for post in posts] == [5, 5]
    with read_session() as session:
        rows = session.exec(select(PostMetrics).where(PostMetrics.is_gone)).all()
    assert [(row.likes, row.impressions) for row in rows] == [(None, None)]


def test_a_run_that_goes_on_asks_only_for_what_was_not_counted_lately(acme: Service) -> None:
    counted(went_out(acme, "early"), NOW, LIKED)
    late = went_out(acme, "late")

    assert to_count(acme, not_counted_since=NOW - HOUR) == [x_id_of(late, 1)]
    assert len(to_count(acme, not_counted_since=NOW + HOUR)) == 2


def test_the_report_of_a_post_has_numbers_cost_and_clicks(acme: Service) -> None:
    delivery = went_out(acme, "launch", ("See example.com", "And this"), label="Launch")
    counted(delivery, NOW + HOUR, Engagement(likes=1, impressions=10), Engagement(likes=1, impressions=10))
    counted(delivery, NOW + 2 * HOUR, LIKED, Engagement(likes=3))
    with transaction() as session:
        first, _ = log.of_delivery(session, delivery)
        proof = message(session, delivery, acme, 1, text="x", at=NOW, proof_number=1, x_id="777")
        shop = link(session, delivery, label="Shop", category="buy")
        link(session, delivery, 2, "https://example.com/help")
        for at in (NOW + HOUR, NOW + HOUR, NOW + 3 * HOUR):
            click(session, shop, first, at)
        click(session, shop, first, NOW, robot=True)
        click(session, shop, proof, NOW)

    found = report(delivery)

    assert (found["targeted"], found["sent"], found["clicks"], found["robot_clicks"]) == (2, 2, 3, 1)
    assert (found["likes"], found["reposts"], found["impressions"], found["reactions"]) == (8, 1, 200, 13)
    assert found["engagement_rate"] == 10 / 200  # of the post whose impressions X told
    assert (found["cost_usd"], found["cost_per_click_usd"]) == ("0.215", "0.0717")
    assert found["links"] == [
        {
            "number": 1,
            "url": "https://example.com/",
            "label": "Shop",
            "category": "buy",
            "clicks": 3,
            "robot_clicks": 1,
        },
        {"number": 2, "url": "https://example.com/help", "label": "", "category": "", "clicks": 0, "robot_clicks": 0},
    ]
    assert found["clicks_by_hour"] == [
        {"hour": "2026-11-26T08:00:00+00:00", "clicks": 2},
        {"hour": "2026-11-26T10:00:00+00:00", "clicks": 1},
    ]


def test_the_report_of_a_broadcast_counts_people(acme: Service) -> None:
    delivery = went_out(acme, "news", ("Hi", "Hi", "Hi"), kind=DeliveryKind.DM)
    with transaction() as session:
        one, two, _ = log.of_delivery(session, delivery)
        shop = link(session, delivery)
        for place in (one, one, two):
            click(session, shop, place, NOW)
        message(session, delivery, acme, 4, text="", at=NOW, state=MessageState.REFUSED, x_id=None)

    found = report(delivery)

    assert (found["targeted"], found["sent"], found["clicked"], found["clicks"]) == (4, 3, 2, 3)
    assert (found["cost_usd"], found["cost_per_click_usd"], found["posts"]) == ("0.045", "0.015", [])


def audience(service: Service) -> list[tuple[date, int, int, int]]:
    with read_session() as session:
        days = counts.days_since(session, service.id)
    return [(day.day, day.followers, day.gained, day.lost) for day in days]


def count(service: Service, now: datetime = NOW) -> None:
    with transaction() as session:
        days = counts.audience_of(session, service.id, now)
        counts.save_audience(session, service.id, days)


def test_the_first_sync_is_no_gain_and_later_ones_are(acme: Service) -> None:
    count(acme)
    assert audience(acme) == []
    read_all(acme, [page([1, 2, 3], "more"), page([4])], now=NOW)
    read_all(acme, [page([2, 3, 4, 5, 6])], now=NOW + 2 * DAY)
    read_all(acme, [page([1, 2, 3, 4])], now=NOW + 3 * DAY)

    for _ in range(2):
        count(acme, NOW + 4 * DAY)
        assert audience(acme) == [
            (date(2026, 11, 26), 4, 0, 0),
            (date(2026, 11, 27), 4, 0, 0),
            (date(2026, 11, 28), 5, 2, 1),
            (date(2026, 11, 29), 4, 1, 2),
            (date(2026, 11, 30), 4, 0, 0),
        ]


def test_gained_and_lost_always_add_up_to_the_followers(acme: Service) -> None:
    chance, known = random.Random(4), set[str]()
    for day in range(12):
        people = chance.sample(range(30), chance.randint(5, 25))
        read_all(acme, [page(people)], now=NOW + day * DAY)
        known = followers_of(acme)
    count(acme, NOW + 12 * DAY)

    days = audience(acme)
    assert len(days) == 13
    for (_, before, _, _), (_, after, gained, lost) in pairwise(days):
        assert after == before + gained - lost
    assert days[-1][1] == len(known) == len(people)


def test_days_are_those_of_utc_and_each_service_has_its_own(acme: Service) -> None:
    other = saved_service(internal_name="other", block_id="b2")
    midnight = NOW.replace(hour=0, minute=0)
    read_all(acme, [page([1])], now=midnight - HOUR)
    read_all(other, [page([1, 2])], now=midnight)
    read_all(acme, [page([1, 2])], now=midnight + DAY - timedelta(microseconds=1))
    count(acme)
    count(other)

    assert audience(acme) == [(date(2026, 11, 25), 1, 0, 0), (date(2026, 11, 26), 2, 1, 0)]
    assert audience(other) == [(date(2026, 11, 26), 2, 0, 0)]
    with read_session() as session:
        assert len(session.exec(select(AudienceDay)).all()) == 3


def test_the_report_of_a_service_is_about_its_last_deliveries(acme: Service) -> None:
    read_all(acme, [page([1, 2])])
    count(acme)
    for number in range(101):
        went_out(acme, f"post-{number}", at=NOW + number * HOUR)
    best = went_out(acme, "best", label="Best", at=NOW + 2 * HOUR)
    counted(best, NOW + DAY, LIKED)
    with read_session() as session:
        found: Any = reports.service_numbers(session, services.get(session, acme.id), "Europe/Brussels").as_json()

    assert (found["deliveries"], found["likes"], found["timezone"]) == (100, 5, "Europe/Brussels")
    [first] = found["best_posts"]
    assert (first["delivery"], first["link"]) == ("best", f"https://x.com/AcmeCorp/status/{x_id_of(best, 1)}")
    hours = found["hours"]
    assert [hour["hour"] for hour in hours if hour["engagement_rate"]] == [10]
    assert found["audience"] == [{"day": "2026-11-26", "followers": 2, "gained": 0, "lost": 0}]


def test_all_services_stand_side_by_side_with_their_last_days(acme: Service) -> None:
    saved_service(internal_name="empty", block_id="b2")
    read_all(acme, [page([1, 2])], now=NOW - 2 * DAY)
    read_all(acme, [page([2, 3, 4])], now=NOW - DAY)
    count(acme)
    counted(went_out(acme, "post", at=NOW - DAY), NOW, LIKED)
    went_out(acme, "old", at=NOW - 40 * DAY)
    news = went_out(acme, "news", ("Hi", "Hi"), kind=DeliveryKind.DM, at=NOW - HOUR)
    with transaction() as session:
        one, _ = log.of_delivery(session, news)
        shop = link(session, news)
        click(session, shop, one, NOW)
        click(session, shop, one, NOW, robot=True)
        given: dict[str, Any] = {"endpoint": "GET", "item": "read", "resources": 1, "unit_price": Decimal("0.5")}
        session.add(Charge(service_id=acme.id, at=NOW, amount=Decimal("0.5"), settled=True, **given))
    with read_session() as session:
        found: Any = reports.overview(session, NOW).as_json()

    first, second = found["services"]
    assert (first["followers"], first["gained"], first["lost"]) == (3, 2, 1)
    assert (first["posts"], first["messages"], first["clicks"], first["spent_usd"]) == (1, 2, 1, "0.50")
    assert (first["reactions"], first["engagement_rate"]) == (10, 0.05)
    assert (second["service"], second["followers"], second["posts"]) == ("empty", None, 0)
    assert [one["name"] for one in found["deliveries"]] == ["news", "post", "old"]
