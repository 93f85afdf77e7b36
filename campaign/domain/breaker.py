"""When a broadcast pauses itself because X refuses too much of it. Pure."""

from collections.abc import Sequence
from itertools import takewhile

MOST_IN_A_ROW = 10
LOOKED_AT = 100
"""So many messages, the last ones that X answered."""
LEAST_REFUSED = 20
MOST_REFUSED = 0.2
"""Of those that are looked at."""

_REMEDY = "look at the reasons in the report of the delivery, then resume or stop it."


def should_pause(outcomes: Sequence[bool]) -> str | None:
    """Why the broadcast pauses, in one sentence; None when it goes on.

    `outcomes` are those of the settled messages, the newest last: True was sent, False was refused.
    """
    row = sum(1 for _ in takewhile(lambda sent: not sent, reversed(outcomes)))
    if row > MOST_IN_A_ROW:
        return f"X refused {row:,} messages in a row: {_REMEDY}"
    last = outcomes[-LOOKED_AT:]
    refused = len(last) - sum(last)
    if refused >= LEAST_REFUSED and refused >= MOST_REFUSED * len(last):
        return f"X refused {refused} of the last {len(last)} messages: {_REMEDY}"
    return None
