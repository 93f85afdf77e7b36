"""What the log of a delivery says of the delivery."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from models import DeliveryState, MessageState

_OPEN = frozenset({MessageState.SENDING, MessageState.UNCERTAIN})


class Logged(Protocol):
    """What is looked at of a message."""

    service_id: int
    part: int
    state: MessageState
    reason: str


def state_after(messages: Sequence[Logged], *, is_expired: bool) -> DeliveryState:
    """The state of a delivery that goes out, from the states of its messages.

    A refused part holds back the parts after it on its account, and no others.
    """
    states = {message.state for message in messages}
    if states & _OPEN:
        return DeliveryState.IN_PROGRESS
    if states <= {MessageState.SENT}:
        return DeliveryState.FINISHED
    if is_expired:
        return DeliveryState.EXPIRED
    held_back = {message.service_id for message in messages if message.state is MessageState.REFUSED}
    waiting = {message.service_id for message in messages if message.state is MessageState.PENDING}
    return DeliveryState.IN_PROGRESS if waiting - held_back else DeliveryState.FAILED


def why_failed(messages: Iterable[Logged], names: dict[int, str]) -> str:
    """One sentence that names each refused part, its account and X's reason."""
    refused = [message for message in messages if message.state is MessageState.REFUSED]
    return " ".join(f"Part {one.part} on {names[one.service_id]} was refused: {one.reason}" for one in refused)
