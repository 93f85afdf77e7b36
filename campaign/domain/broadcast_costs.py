"""What a broadcast costs on each service, and how many calls of X's API it takes."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import ceil

from campaign.domain.broadcast_target import BroadcastTarget
from campaign.domain.findings import Finding, error, info
from campaign.domain.spending import usd

_EVENTS_A_CALL = 100
"""docs.x.com/x-api/direct-messages/lookup: a page of events has at most so many."""


def broadcast_calls(targets: Sequence[BroadcastTarget]) -> int:
    """One a message, and those that read them in the inbox; looking for answers there is not counted."""
    return sum(target.recipients + ceil(target.recipients / _EVENTS_A_CALL) for target in targets)


def broadcast_cost(targets: Sequence[BroadcastTarget]) -> Decimal:
    """US dollars on all services."""
    return sum((target.cost for target in targets), Decimal(0))


def cost_findings(targets: Sequence[BroadcastTarget]) -> Iterator[Finding]:
    """The cost by service, the calls, and which service may not spend as much."""
    for target in targets:
        if target.cost > target.left:
            yield _over_cap(target)
        elif target.recipients:
            yield _cost(target)
    if calls := broadcast_calls(targets):
        yield info("calls", f"It takes about {calls:,} calls of X's API.")


def _over_cap(target: BroadcastTarget) -> Finding:
    return error(
        "over_cap",
        f"On @{target.internal_name} it costs about {usd(target.cost)}, and {usd(max(target.left, Decimal(0)))} of this"
        " month's spend cap is left: raise the spend cap of the service, wait for the next month, or write to fewer"
        " people.",
    )


def _cost(target: BroadcastTarget) -> Finding:
    return info(
        "cost",
        f"On @{target.internal_name} it costs about {usd(target.cost)} of {usd(target.left)} left this month:"
        f" {usd(target.message_price)} for each message and {usd(target.event_price)} when the inbox is read, where it"
        f" is shown too; every answer that is read costs {usd(target.event_price)} more.",
    )
