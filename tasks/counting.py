"""The calls that read what X counts for posts: set aside, asked, kept and paid in one step each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pendulum
from prefect import task

from campaign.domain.engagement_counting import gone, told
from campaign.domain.post_counts import PostCounts
from campaign.domain.receipt import Answer, Price
from campaign.errors import XError
from campaign.store import ledgers, statistics
from campaign.store.engine import writing
from campaign.store.paid_calls import settle_failed_call, used_up
from campaign.store.statistics import PostToCount
from models import Service
from tasks.retrying import RETRIES
from tasks.services import gateway_of

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
        paid_for = ledgers.reserve(session, service.id, _PURPOSE, price, wanted, pendulum.now("UTC"))
        if paid_for < least:
            ledgers.release(session, service.id, _PURPOSE)
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
        statistics.record(session, told(answer.value, ids), [ids[x_id] for x_id in deleted], now)
        cost = ledgers.settle(session, service.id, _PURPOSE, answer.receipts, now)
    known = frozenset(ids[one.x_id] for one in answer.value if one.x_id in ids)
    return Counted(known, len(deleted), cost)


def _now() -> datetime:
    return pendulum.now("UTC")
