"""Tasks of engagement-statistics: posts counted, followers noted, reports shown."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import pendulum
from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from sqlmodel import Session

from campaign.db import engine
from campaign.db.engine import reading, writing
from campaign.errors import NotPossible, ServiceBlocked, Unsent, WrongUsage, XError
from campaign.limits import rate_limits, spend_cap
from campaign.limits.spend_cap import settle_failed_call, used_up
from campaign.reporting.document import Report
from campaign.reporting.markdown import as_markdown
from campaign.services import store as services
from campaign.services.check import sentence_of
from campaign.services.connection import Services, connected_services, find_service, gateway_of
from campaign.settings import load_settings
from campaign.statistics import counts, followers
from campaign.statistics import numbers as engagement_deliveries
from campaign.statistics import reports as engagement_delivery_report
from campaign.statistics.counts import (
    CountReport,
    CountState,
    PostToCount,
    Prices,
    asked_since,
    estimate,
    gone,
    is_timeline_cheaper,
    most_on_timeline,
    refusal_of,
    told,
)
from campaign.statistics.numbers import TARIFF
from campaign.x.gateway import Gateway
from campaign.x.types import Answer, PostCounts, Price
from models import Delivery, Service
from tasks.continuation import RETRIES
from tasks.services import check_service
from campaign.services.fields import block_name

_PURPOSE = "counting reactions"


@dataclass(frozen=True, slots=True)
class Counted:
    """What one read brought: the posts that are counted now, those that are deleted, US dollars."""

    message_ids: frozenset[int] = frozenset()
    deleted: int = 0
    cost: Decimal = Decimal(0)


@task(name="read own timeline", task_run_name="read the timeline of {service.internal_name}", **RETRIES)
def read_timeline(service: Service, posts: Sequence[PostToCount], at_most: int) -> Counted:
    """Count the posts that are among the newest `at_most` of the account; raises XError, also where nothing is left.

    What is not there may be deleted, or further down: a look-up tells.
    """
    gateway, since = gateway_of(service), min(post.published_at for post in posts)

    def ask(paid_for: int) -> Answer[list[PostCounts]]:
        return gateway.timeline_counts(service.x_user_id or "", since, paid_for)

    least = gateway.shortest_timeline_page
    answer = _paid(service, gateway.own_post_price, at_most, least, ask)
    return _keep(service, answer, posts, set())


@task(name="look up posts", task_run_name="look up posts of {service.internal_name}", **RETRIES)
def look_up(service: Service, posts: Sequence[PostToCount]) -> Counted:
    """Count these posts, at most as many as X tells at once, and find out which are deleted; raises XError."""
    gateway, x_ids = gateway_of(service), [post.x_id for post in posts]

    def ask(_paid_for: int) -> Answer[list[PostCounts]]:
        return gateway.post_counts(x_ids)

    answer = _paid(service, gateway.post_read_price, len(posts), len(posts), ask)
    return _keep(service, answer, posts, gone(answer.value, x_ids))


def _paid(
    service: Service, price: Price, wanted: int, least: int, ask: Callable[[int], Answer[list[PostCounts]]]
) -> Answer[list[PostCounts]]:
    """Ask for what can be paid, once the money is set aside."""
    with writing() as session:
        paid_for = spend_cap.reserve(session, service.id, _PURPOSE, price, wanted, pendulum.now("UTC"))
        if paid_for < least:
            spend_cap.release(session, service.id, _PURPOSE)
    if paid_for < least:
        raise used_up(service)
    try:
        return ask(paid_for)
    except XError as error:
        settle_failed_call(service.id, _PURPOSE, error)
        raise


def _keep(
    service: Service, answer: Answer[list[PostCounts]], posts: Sequence[PostToCount], deleted: set[str]
) -> Counted:
    """Keep the numbers and what they cost in one transaction."""
    ids, now = {post.x_id: post.message_id for post in posts}, _now()
    with writing() as session:
        counts.record(session, told(answer.value, ids), [ids[x_id] for x_id in deleted], now)
        cost = spend_cap.settle(session, service.id, _PURPOSE, answer.receipts, now)
    known = frozenset(ids[one.x_id] for one in answer.value if one.x_id in ids)
    return Counted(known, len(deleted), cost)


def _now() -> datetime:
    return pendulum.now("UTC")


@dataclass
class _Tally:
    """What was counted so far."""

    message_ids: set[int] = field(default_factory=set)
    deleted: int = 0
    cost: Decimal = Decimal(0)

    def add(self, counted: Counted) -> None:
        """What one more read brought."""
        self.message_ids |= counted.message_ids
        self.deleted += counted.deleted
        self.cost += counted.cost


@task(name="choose services", task_run_name="choose services")
def choose_counted(internal_names: Sequence[str]) -> Services | WrongUsage:
    """Find the named services, or all; what is wrong with the choice is returned, to be shown as one sentence."""
    try:
        engine.make_ready()
        if internal_names:
            named = {service.id: service for service in map(find_service, internal_names)}
            return Services(list(named.values()), [])
        return connected_services()
    except WrongUsage as error:
        return error


@task(name="measure", task_run_name="{service.internal_name}")
def measure(service: Service, not_counted_since: datetime) -> CountReport:
    """Count the posts of one service that were not counted since then, and its audience; never fails the others."""
    tally, days = _Tally(), 0
    try:
        days = _count_audience(service)
        _count_posts(service, not_counted_since, tally)
    except (XError, NotPossible) as error:
        until = error.retry_at if isinstance(error, Unsent) else None
        return _report(service, _state_after(service, error), tally, days, _said(error), until)
    return _report(service, CountState.FINISHED, tally, days)


class _TooDear(NotPossible):
    """The month's cap leaves too little for what there is to count."""


def _count_audience(service: Service) -> int:
    # Among a million followers it takes seconds, in which others write.
    with reading() as session:
        days = followers.audience_of(session, service.id, pendulum.now("UTC"))
    with writing() as session:
        followers.keep_audience(session, service.id, days)
    return len(days)


def _count_posts(service: Service, not_counted_since: datetime, tally: _Tally) -> None:
    with reading() as session:
        since = asked_since(pendulum.now("UTC"))
        posts = counts.posts_to_count(session, service.id, since, not_counted_since)
    if not posts:
        return  # and X is not even asked whether the keys work
    service = check_service(service)
    gateway = gateway_of(service)
    prices = Prices(gateway.post_read_price.usd, gateway.own_post_price.usd)
    shortest = gateway.shortest_timeline_page
    _refuse_what_is_too_dear(service, len(posts), estimate(len(posts), shortest, prices))
    if is_timeline_cheaper(len(posts), shortest, prices):
        _wait_for_window(service, gateway.timeline_endpoint)
        tally.add(read_timeline(service, posts, most_on_timeline(len(posts), prices)))
    left = [post for post in posts if post.message_id not in tally.message_ids]
    for batch in _batches(left, gateway):
        _wait_for_window(service, gateway.lookup_endpoint)
        tally.add(look_up(service, batch))


def _refuse_what_is_too_dear(service: Service, posts: int, cost: Decimal) -> None:
    """Before anything is spent on it."""
    with writing() as session:
        left = spend_cap.left(session, service.id, pendulum.now("UTC"))
    if refusal := refusal_of(posts, cost, left, service.spend_cap):
        raise _TooDear(refusal)


def _wait_for_window(service: Service, endpoint: str) -> None:
    """Raise Unsent with the time from which X allows calls again, unless it does now."""
    with reading() as session:
        opens_at = rate_limits.calls_open_at(session, service.id, [endpoint], pendulum.now("UTC"))
    if opens_at:
        raise Unsent("X allows no more calls for now.", reason="rate_limited", retry_at=opens_at)


def _batches(posts: Sequence[PostToCount], gateway: Gateway) -> Iterator[Sequence[PostToCount]]:
    size = gateway.longest_lookup
    return (posts[first : first + size] for first in range(0, len(posts), size))


def _state_after(service: Service, error: XError | NotPossible) -> CountState:
    """Where an error leaves the counting; what blocks the whole service is kept."""
    if isinstance(error, Unsent) and error.retry_at:
        return CountState.WAITING
    if isinstance(error, _TooDear) or (isinstance(error, ServiceBlocked) and error.reason == "cap"):
        return CountState.REFUSED
    if isinstance(error, ServiceBlocked):
        with writing() as session:
            services.mark_blocked(session, services.get(session, service.id), _said(error))
    return CountState.FAILED


def _said(error: XError | NotPossible) -> str:
    return sentence_of(error) if isinstance(error, XError) else str(error)


def _report(
    service: Service, state: CountState, tally: _Tally, days: int, reason: str = "", until: datetime | None = None
) -> CountReport:
    posts = len(tally.message_ids)
    return CountReport(service.internal_name, state, posts, tally.deleted, days, tally.cost, until, reason)


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
    overview = engagement_deliveries.overview(session, TARIFF, pendulum.now("UTC"))
    yield "engagement-all", engagement_delivery_report.overview_of(overview)
    for service in services:
        numbers = engagement_deliveries.service_numbers(session, service, load_settings().timezone)
        name = block_name(service.internal_name)
        yield f"engagement-service-{name}", engagement_delivery_report.service_report_of(numbers)
    for delivery in _recent(session):
        found = engagement_deliveries.delivery_numbers(session, delivery, TARIFF)
        yield f"engagement-{delivery.name}", engagement_delivery_report.delivery_report_of(found)


def _recent(session: Session) -> list[Delivery]:
    since = asked_since(pendulum.now("UTC"))
    newest = engagement_deliveries.newest_deliveries(session, MOST_DELIVERIES)
    return [delivery for delivery in newest if delivery.started_at and delivery.started_at >= since]
