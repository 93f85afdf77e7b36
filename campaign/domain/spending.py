"""Money: what a reading will cost, what the cap of the month still allows. US dollars, exact."""

from datetime import datetime
from decimal import Decimal

import pendulum


def month_of(now: datetime) -> datetime:
    """The beginning of the calendar month (UTC) that a spend cap counts from."""
    return pendulum.instance(now).in_timezone("UTC").start_of("month")


def day_of(now: datetime) -> datetime:
    """The beginning of the UTC day, in which X charges a resource only once (docs.x.com, pricing)."""
    return pendulum.instance(now).in_timezone("UTC").start_of("day")


def affordable(left: Decimal, price: Decimal, wanted: int) -> int:
    """How many resources, at most `wanted`, can be paid with what is left."""
    if price <= 0:
        return wanted
    return max(0, min(wanted, int(left / price)))


def usd(amount: Decimal) -> str:
    """Write an amount as a person reads it: at least cents, never rounded down to nothing: $12.00, $0.001."""
    cents = amount.quantize(Decimal("0.01"))
    return f"${cents if cents == amount else amount.normalize():f}"


def refusal_of(followers: int, price: Decimal, left: Decimal, cap: Decimal) -> str | None:
    """Say why reading so many people is refused, with the figures and the three ways out; None when it may go on."""
    estimate = price * followers
    if estimate <= left:
        return None
    return (
        f"Reading {followers:,} followers costs about {usd(estimate)} at {usd(price)} each, and {usd(left)} of this"
        f" month's cap of {usd(cap)} is left: raise the spend cap of the service, wait for the next month, or"
        " run the incremental mode, which reads only who is new."
    )
