"""The engagement statistics against the simulated X: the numbers are its truth, and cost what it charges."""

from decimal import Decimal
from typing import Any

import pendulum
import pytest

from campaign.db.engine import read_session, transaction
from campaign.deliveries import log
from campaign.reporting.text import as_markdown
from campaign.running import wait_until
from campaign.services.store import connected_services, find_service, gateway_of
from campaign.statistics import counts
from campaign.statistics import reports as engagement_deliveries
from campaign.statistics.counts import CountReport, CountState
from campaign.statistics.measure import measure
from campaign.statistics.reports import list_reports
from models import Delivery
from tests.engaging import click, link, went_out
from tests.simulated_x import Brand, Connect, SimulatedX
from tests.steps.running import sync

TRUTH = {"reposts": 1, "likes": 5, "replies": 2, "quotes": 0, "bookmarks": 2, "impressions": 200, "link_visits": 7}
DAY = 86_400


def count(*services: str) -> list[CountReport]:
    """Count the posts of some services, or of all."""
    now = pendulum.now("UTC")
    chosen = [find_service(name) for name in services] or connected_services().services
    return [measure(service, now) for service in chosen]


def on_x(brand: Brand, days_ago: float = 1, **counts: int) -> str:
    """A post on the simulated X, with the figures that X counts of it."""
    made = brand.x.command("POST", f"accounts/{brand.name}/posts", text="Hello", ago_seconds=days_ago * DAY)
    change(brand, str(made["id"]), **TRUTH | counts)
    return str(made["id"])


def change(brand: Brand, x_id: str, **counts: int) -> None:
    brand.x.command("PUT", f"posts/{x_id}/counts", **counts)


def out(brand: Brand, name: str, *x_ids: str, days_ago: float = 1) -> Delivery:
    """A delivery of ours that is these posts, which X has since a moment after we began to publish them."""
    at = pendulum.now("UTC").subtract(seconds=int(days_ago * DAY) + 60)
    return went_out(find_service(brand.name), name, ("Hello",) * len(x_ids), at=at, x_ids=x_ids)


def report(delivery: Delivery) -> Any:
    with read_session() as session:
        return engagement_deliveries.delivery_numbers(session, delivery).as_json()


def numbers(post: dict[str, Any]) -> dict[str, Any]:
    return {name: post[name] for name in TRUTH}


def asked(brand: Brand) -> list[str]:
    return [call["path"] for call in brand.x.calls() if call["path"].endswith("tweets")]


def test_the_numbers_are_those_of_x_without_robots(connect: Connect) -> None:
    acme, legacy = connect("acme", 30), connect("legacy", api_version="1.1")
    sync("acme")
    acme.gain(count=3)
    acme.lose(count=1)
    sync("acme")
    first, second, old = on_x(acme), on_x(acme, likes=9), on_x(acme, 31)
    for _ in range(2):
        on_x(acme, 0.5)  # by hand
    launch, before = out(acme, "launch", first, second), out(acme, "before", old, days_ago=31)
    other = out(legacy, "other", on_x(legacy))
    with transaction() as session:
        shop = link(session, launch)
        [one, _] = log.of_delivery(session, launch)
        click(session, shop, one, pendulum.now("UTC"))
        click(session, shop, one, pendulum.now("UTC"), robot=True)

    reports = count()

    assert {one.state for one in reports} == {CountState.FINISHED}
    found = report(launch)
    assert [numbers(post) for post in found["posts"]] == [TRUTH, TRUTH | {"likes": 9}]
    assert (found["clicks"], found["robot_clicks"], found["engagement_rate"]) == (1, 1, 0.06)
    assert report(before)["posts"][0]["counted_at"] is None
    [post] = report(other)["posts"]
    assert (post["likes"], post["reposts"], post["impressions"]) == (5, 1, None)
    line = {one.service: one for one in reports}["acme"]
    # Four on the timeline, for two that were wanted: cheaper than looking both up.
    assert (line.posts, line.deleted, line.cost) == (2, 0, Decimal("0.004"))
    assert asked(acme) == [f"/2/users/{acme.made['user_id']}/tweets"]
    with read_session() as session:
        [day] = counts.days_since(session, acme.service.id)
    assert (day.followers, day.gained, day.lost) == (len(acme.truth()), 3, 1)
    with read_session() as session:
        pages = {key: as_markdown(one) for key, one in list_reports(session, [acme.service, legacy.service])}
    assert "deleted" not in pages["engagement-launch"]
    assert "data:image/svg+xml" in pages["engagement-launch"]
    assert {"engagement-all", "engagement-service-acme", "engagement-service-legacy"} <= pages.keys()

    gateway_of(acme.service).delete_post(second)
    change(acme, first, **TRUTH | {"likes": 50})
    reports = count("acme")

    found = report(launch)
    assert [post["likes"] for post in found["posts"]] == [50, 9]
    assert [bool(post["deleted_at"]) for post in found["posts"]] == [False, True]
    assert (reports[0].posts, reports[0].deleted) == (1, 1)
    calls = len(asked(acme))
    reports = count("acme")
    assert (reports[0].posts, reports[0].deleted) == (1, 0)
    assert asked(acme)[calls:] == ["/2/tweets"]  # one post: looking it up costs no more than a page


def test_a_service_over_its_cap_spends_nothing_and_others_are_counted(
    connect: Connect,
) -> None:
    acme, poor = connect("acme"), connect("poor", spend_cap=Decimal("0.015"), owned=False)
    launch = out(acme, "launch", on_x(acme))
    out(poor, "second", *[on_x(poor) for _ in range(4)])

    reports = count()

    assert "Reading the counts of 4 posts costs about $0.02" in {one.service: one.reason for one in reports}["poor"]
    assert {one.service: one.state for one in reports} == {"acme": CountState.FINISHED, "poor": CountState.REFUSED}
    assert report(launch)["likes"] == 5
    assert not [call for call in asked(poor) if poor.made["user_id"] in call]
    assert poor.booked() <= Decimal("0.010")


def test_a_refused_request_waits_and_is_not_repeated(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme", owned=False)
    x.limit(2, **{"posts/lookup": 1})
    out(acme, "launch", *[on_x(acme) for _ in range(101)])

    began = pendulum.now("UTC")

    [line] = count()

    assert (line.state, line.posts) == (CountState.WAITING, 100)
    assert line.goes_on_at is not None
    assert began < line.goes_on_at
    wait_until(line.goes_on_at)
    line = measure(acme.service, began).after(line)
    assert (line.state, line.posts) == (CountState.FINISHED, 101)
    assert len(asked(acme)) == 2


def test_figures_that_are_all_missing_are_an_error_and_no_counts(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme", owned=False)
    launch = out(acme, "launch", *[on_x(acme) for _ in range(101)])
    x.fault("/2/tweets", "lacking", omit=["public_metrics", "non_public_metrics"], times=None)

    [line] = count()

    assert (line.state, line.posts, line.deleted) == (CountState.FAILED, 0, 0)
    assert "So nothing was counted: run again tomorrow" in line.reason
    assert len(asked(acme)) <= 2  # by the old and the new names of the fields; the other batch is not paid for
    assert acme.booked() <= Decimal("1.010")
    found = report(launch)["posts"]
    assert {(post["counted_at"], post["likes"], post["deleted_at"]) for post in found} == {(None, None, None)}


def test_a_post_without_figures_keeps_those_it_had(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme", owned=False)
    launch = out(acme, "launch", on_x(acme), on_x(acme))
    count()
    x.fault("/2/tweets", "odd_record", omit=["public_metrics", "non_public_metrics"])

    [line] = count()

    assert (line.state, line.posts, line.deleted) == (CountState.FINISHED, 1, 0)
    assert [numbers(post) for post in report(launch)["posts"]] == [TRUTH, TRUTH]


@pytest.mark.parametrize("kind", ["same_empty_page", "empty_page", "same_page"])
def test_a_timeline_that_stands_still_ends_and_the_posts_are_looked_up(
    x: SimulatedX, connect: Connect, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    acme = connect("acme")
    launch = out(acme, "launch", *[on_x(acme) for _ in range(30)])
    x.fault("/2/users/*/tweets", kind, times=None)

    [line] = count()

    assert (line.state, line.posts, line.deleted) == (CountState.FINISHED, 30, 0)
    assert [numbers(post) for post in report(launch)["posts"]] == [TRUTH] * 30
    assert len(asked(acme)) <= 8
    assert "reading ended after" in caplog.text


@pytest.mark.parametrize("path", ["/2/tweets", "/2/users/*/tweets"])
@pytest.mark.parametrize(
    "odd", [{"omit": ["id"]}, {"put": {"id": None}}, {"put": {"id": "twelve"}}, {"put": {"public_metrics": "many"}}]
)
def test_an_odd_record_never_makes_a_post_deleted(
    x: SimulatedX, connect: Connect, path: str, odd: dict[str, Any]
) -> None:
    acme = connect("acme", owned="users" in path)
    launch = out(acme, "launch", *[on_x(acme) for _ in range(6)])
    x.fault(path, "odd_record", **odd)

    [line] = count()

    assert (line.state, line.deleted) == (CountState.FINISHED, 0)
    assert line.posts >= 5
    assert line.left_out == int("put" not in odd or "id" in odd["put"])
    assert not any(post["deleted_at"] for post in report(launch)["posts"])


def test_figures_of_the_wrong_type_are_no_figures(x: SimulatedX, connect: Connect) -> None:
    acme = connect("acme", owned=False)
    launch = out(acme, "launch", on_x(acme), on_x(acme))
    odd = {"like_count": "many", "reply_count": -1, "quote_count": True, "bookmark_count": 2**70, "retweet_count": 3}
    x.fault("/2/tweets", "odd_record", put={"public_metrics": odd})

    [line] = count()

    assert (line.state, line.posts) == (CountState.FINISHED, 2)
    found = report(launch)["posts"]
    assert {tuple(post[name] for name in ("likes", "replies", "quotes", "bookmarks", "reposts")) for post in found} == {
        (5, 2, 0, 2, 1),
        (None, None, None, None, 3),
    }
