"""How the numbers of posts are read most cheaply. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from campaign.domain.spending import usd

COUNTED_FOR = timedelta(days=30)
"""X tells an account the link visits of its own posts for so long (docs.x.com, metrics)."""
ONCE_IN = timedelta(hours=12)
"""A run that goes on with what another one left leaves alone what was counted so lately."""
LOOKED_UP_AT_ONCE = 100
"""Posts in one look-up, as many as X allows."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What one post costs in US dollars: looked up by its id, and on the account's own timeline."""

    look_up: Decimal
    timeline: Decimal


def is_timeline_cheaper(posts: int, shortest_page: int, prices: Prices) -> bool:
    """Whether so many posts are read more cheaply from the timeline, even if only they were on it.

    X shows no fewer than `shortest_page` posts of a timeline, whether they are wanted or not.
    """
    return prices.timeline * max(posts, shortest_page) < prices.look_up * posts


def most_on_timeline(posts: int, prices: Prices) -> int:
    """How many posts of the timeline may be read for so many wanted ones, without costing more than looking them up.

    What the account posts by other means is on the timeline as well, and costs as much.
    """
    return int(prices.look_up * posts / prices.timeline)


def estimate(posts: int, shortest_page: int, prices: Prices) -> Decimal:
    """What reading so many posts costs at least, in US dollars."""
    if is_timeline_cheaper(posts, shortest_page, prices):
        return prices.timeline * max(posts, shortest_page)
    return prices.look_up * posts


def refusal_of(posts: int, cost: Decimal, left: Decimal, cap: Decimal) -> str | None:
    """Say why reading the numbers of so many posts is refused, with the ways out; None when it may go on."""
    if cost <= left:
        return None
    return (
        f"Reading the numbers of {posts:,} posts costs about {usd(cost)}, and {usd(left)} of this month's cap of"
        f" {usd(cap)} is left: raise the spend cap of the service, or wait for the next month."
    )


def asked_since(now: datetime) -> datetime:
    """Posts that went out before then are not asked for any more."""
    return now - COUNTED_FOR
