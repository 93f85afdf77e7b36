"""What came of the posts of a service, and who came and went: from what is asked for to its report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import pendulum
from prefect import task

from campaign.domain.check import sentence_of
from campaign.domain.engagement_counting import CountReport, CountState
from campaign.domain.engagement_reading import (
    Prices,
    asked_since,
    estimate,
    is_timeline_cheaper,
    most_on_timeline,
    refusal_of,
)
from campaign.errors import NotPossible, ServiceBlocked, Unsent, WrongUsage, XError
from campaign.store import budgets, ledgers, schema, services, statistics, statistics_audience
from campaign.store.engine import reading, writing
from campaign.store.statistics import PostToCount
from campaign.x.gateway import Gateway
from models import Service
from tasks.counting import Counted, look_up, read_timeline
from tasks.services import SavedServices, check_service, find_service, gateway_of, saved_services


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
def choose_counted(internal_names: Sequence[str]) -> SavedServices | WrongUsage:
    """Find the named services, or all; what is wrong with the choice is returned, to be shown as one sentence."""
    try:
        schema.make_ready()
        if internal_names:
            named = {service.id: service for service in map(find_service, internal_names)}
            return SavedServices(list(named.values()), [])
        return saved_services()
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
        days = statistics_audience.audience_of(session, service.id, pendulum.now("UTC"))
    with writing() as session:
        statistics_audience.keep_audience(session, service.id, days)
    return len(days)


def _count_posts(service: Service, not_counted_since: datetime, tally: _Tally) -> None:
    with reading() as session:
        since = asked_since(pendulum.now("UTC"))
        posts = statistics.posts_to_count(session, service.id, since, not_counted_since)
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
        left = ledgers.left(session, service.id, pendulum.now("UTC"))
    if refusal := refusal_of(posts, cost, left, service.spend_cap):
        raise _TooDear(refusal)


def _wait_for_window(service: Service, endpoint: str) -> None:
    """Raise Unsent with the time from which X allows calls again, unless it does now."""
    with reading() as session:
        opens_at = budgets.calls_open_at(session, service.id, [endpoint], pendulum.now("UTC"))
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
