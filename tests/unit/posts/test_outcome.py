"""What the log of a delivery says of the delivery."""

from dataclasses import dataclass

import pytest

from campaign.posts.publish import state_after, why_failed
from models import DeliveryState, MessageState
from models.delivery import NEXT as NEXT_OF_DELIVERY
from models.message import NEXT as NEXT_OF_MESSAGE

SENT, PENDING, REFUSED = MessageState.SENT, MessageState.PENDING, MessageState.REFUSED
UNCERTAIN, SENDING, CANCELLED = MessageState.UNCERTAIN, MessageState.SENDING, MessageState.CANCELLED


@dataclass
class Line:
    service_id: int
    part: int
    state: MessageState
    reason: str = ""


def log(*accounts: list[MessageState]) -> list[Line]:
    return [Line(number, part, state) for number, states in enumerate(accounts) for part, state in enumerate(states, 1)]


@pytest.mark.parametrize(
    ("accounts", "state"),
    [
        ([[SENT, SENT], [SENT, SENT]], DeliveryState.FINISHED),
        ([[SENT, PENDING]], DeliveryState.IN_PROGRESS),
        ([[SENT, REFUSED, PENDING]], DeliveryState.FAILED),
        ([[SENT, REFUSED, PENDING], [SENT, PENDING, PENDING]], DeliveryState.IN_PROGRESS),
        ([[SENT, REFUSED], [SENT, SENT]], DeliveryState.FAILED),
        ([[UNCERTAIN], [REFUSED]], DeliveryState.IN_PROGRESS),
        ([[SENDING]], DeliveryState.IN_PROGRESS),
    ],
)
def test_a_refused_part_holds_back_its_own_account_only(
    accounts: list[list[MessageState]], state: DeliveryState
) -> None:
    assert state_after(log(*accounts), is_expired=False) is state


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ([SENT, SENT], DeliveryState.FINISHED),
        ([SENT, PENDING], DeliveryState.EXPIRED),
        ([SENT, UNCERTAIN], DeliveryState.IN_PROGRESS),
    ],
)
def test_when_the_validity_ends_what_may_be_out_is_still_looked_up(
    states: list[MessageState], state: DeliveryState
) -> None:
    assert state_after(log(states), is_expired=True) is state


def test_a_failure_names_the_part_the_account_and_xs_reason() -> None:
    refused = [Line(1, 2, REFUSED, "X has this text already."), Line(1, 3, PENDING)]
    assert why_failed(refused, {1: "acme"}) == "Part 2 on acme was refused: X has this text already."


def test_what_is_sent_or_cancelled_never_changes_again() -> None:
    assert not NEXT_OF_MESSAGE[SENT]
    assert not NEXT_OF_MESSAGE[CANCELLED]


def test_an_uncertain_message_is_never_sent_again_unsettled() -> None:
    assert SENDING not in NEXT_OF_MESSAGE[UNCERTAIN]
    assert SENDING not in NEXT_OF_MESSAGE[SENT]


@pytest.mark.parametrize("state", DeliveryState)
def test_nothing_goes_out_that_was_not_confirmed(state: DeliveryState) -> None:
    may_begin = {DeliveryState.CONFIRMED, DeliveryState.PAUSED, DeliveryState.FAILED}
    assert (DeliveryState.IN_PROGRESS in NEXT_OF_DELIVERY[state]) is (state in may_begin)
