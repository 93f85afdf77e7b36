"""Counting what X counts: which posts are asked for, what it costs, and what was found."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import pendulum

from campaign.db.engine import read_session, transaction
from campaign.errors import NotPossible, ServiceBlocked, Unsent, XError
from campaign.limits import rate_limits, spend_cap
from campaign.limits.spend_cap import record_failed_call, used_up
from campaign.running import retried
from campaign.services import store as services
from campaign.services.check import sentence_of
from campaign.services.connection import check_if_due, gateway_of
from campaign.statistics import counts, followers
from campaign.statistics.counts import (
    CountReport,
    CountState,
    PostToCount,
    Prices,
    asked_since,
    engagement_by_message,
    estimate,
    gone,
    is_timeline_cheaper,
    most_on_timeline,
    refusal_of,
)
from campaign.x.gateway import Gateway
from campaign.x.types import Answer, PostCounts, Price
from models import Service

_PURPOSE = "counting reactions"


@dataclass(frozen=True, slots=True)
class Counted:
    """What one read brought: the posts that are counted now, those that are deleted, US dollars."""

    message_ids: frozenset[int] = frozenset()
    deleted: int = 0
    cost: Decimal = Decimal(0)


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
    with transaction() as session:
        paid_for = spend_cap.reserve(session, service.id, _PURPOSE, price, wanted, pendulum.now("UTC"))
        if paid_for < least:
            spend_cap.release(session, service.id, _PURPOSE)
    if paid_for < least:
        raise used_up(service)
    try:
        return ask(paid_for)
    except XError as error:
        record_failed_call(service.id, _PURPOSE, error)
        raise


def _keep(
    service: Service, answer: Answer[list[PostCounts]], posts: Sequence[PostToCount], deleted: set[str]
) -> Counted:
    """Keep the numbers and what they cost in one transaction."""
    ids, now = {post.x_id: post.message_id for post in posts}, _now()
    with transaction() as session:
        counts.record(session, engagement_by_message(answer.value, ids), [ids[x_id] for x_id in deleted], now)
        cost = spend_cap.record_cost(session, service.id, _PURPOSE, answer.receipts, now)
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


@dataclass(frozen=True, slots=True)
class Steps:
    """How the calls of a count are made: here and now, or as tasks of a Prefect run."""

    check: Callable[[Service], Service]
    read_timeline: Callable[[Service, Sequence[PostToCount], int], Counted]
    look_up: Callable[[Service, Sequence[PostToCount]], Counted]


DIRECT = Steps(retried(check_if_due), retried(read_timeline), retried(look_up))


def measure(service: Service, not_counted_since: datetime, steps: Steps = DIRECT) -> CountReport:
    """Count the posts of one service that were not counted since then, and its audience; never fails the others."""
    tally, days = _Tally(), 0
    try:
        days = _count_audience(service)
        _count_posts(service, not_counted_since, tally, steps)
    except (XError, NotPossible) as error:
        until = error.retry_at if isinstance(error, Unsent) else None
        return _report(service, _state_after(service, error), tally, days, _said(error), until)
    return _report(service, CountState.FINISHED, tally, days)


class _TooDear(NotPossible):
    """The month's cap leaves too little for what there is to count."""


def _count_audience(service: Service) -> int:
    # Among a million followers it takes seconds, in which others write.
    with read_session() as session:
        days = followers.audience_of(session, service.id, pendulum.now("UTC"))
    with transaction() as session:
        followers.keep_audience(session, service.id, days)
    return len(days)


def _count_posts(service: Service, not_counted_since: datetime, tally: _Tally, steps: Steps) -> None:
    with read_session() as session:
        since = asked_since(pendulum.now("UTC"))
        posts = counts.posts_to_count(session, service.id, since, not_counted_since)
    if not posts:
        return  # and X is not even asked whether the keys work
    service = steps.check(service)
    gateway = gateway_of(service)
    prices = Prices(gateway.post_read_price.usd, gateway.own_post_price.usd)
    shortest = gateway.shortest_timeline_page
    _refuse_what_is_too_dear(service, len(posts), estimate(len(posts), shortest, prices))
    if is_timeline_cheaper(len(posts), shortest, prices):
        _wait_for_window(service, gateway.timeline_endpoint)
        tally.add(steps.read_timeline(service, posts, most_on_timeline(len(posts), prices)))
    left = [post for post in posts if post.message_id not in tally.message_ids]
    for batch in _batches(left, gateway):
        _wait_for_window(service, gateway.lookup_endpoint)
        tally.add(steps.look_up(service, batch))


def _refuse_what_is_too_dear(service: Service, posts: int, cost: Decimal) -> None:
    """Before anything is spent on it."""
    with transaction() as session:
        left = spend_cap.left(session, service.id, pendulum.now("UTC"))
    if refusal := refusal_of(posts, cost, left, service.spend_cap):
        raise _TooDear(refusal)


def _wait_for_window(service: Service, endpoint: str) -> None:
    """Raise Unsent with the time from which X allows calls again, unless it does now."""
    with read_session() as session:
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
        with transaction() as session:
            services.mark_blocked(session, services.get(session, service.id), _said(error))
    return CountState.FAILED


def _said(error: XError | NotPossible) -> str:
    return sentence_of(error) if isinstance(error, XError) else str(error)


def _report(
    service: Service, state: CountState, tally: _Tally, days: int, reason: str = "", until: datetime | None = None
) -> CountReport:
    posts = len(tally.message_ids)
    return CountReport(service.internal_name, state, posts, tally.deleted, days, tally.cost, until, reason)
